"""Amazon resource names, built and read strictly. Knows the grammar, not which resources exist."""

import re
from dataclasses import dataclass

_ARN = re.compile(
    r"arn:aws:(?P<service>[a-z0-9-]{1,63}):(?P<region>[a-z0-9-]{0,63}):(?P<account>[0-9]{12}):"
    r"(?P<kind>[a-z0-9-]{1,63})/(?P<name>[^\x00-\x20\x7f/]{1,255})(?:/(?P<version>[1-9][0-9]{0,8}))?"
)


@dataclass(frozen=True, slots=True)
class Arn:
    """`arn:aws:<service>:<region>:<account>:<kind>/<name>[/<version>]`"""

    service: str
    region: str
    account: str
    kind: str
    name: str
    version: int | None = None

    def __str__(self) -> str:
        return build(
            self.region, self.account, self.kind, self.name, self.version, service=self.service
        )


def build(
    region: str,
    account: str,
    kind: str,
    name: str,
    version: int | None = None,
    service: str = "sagemaker",
) -> str:
    """The name of a resource as every answer spells it."""
    text = f"arn:aws:{service}:{region}:{account}:{kind}/{name}"
    return text if version is None else f"{text}/{version}"


def parse(text: str) -> Arn | None:
    """The parts of a resource name, or None when `text` is not one.

    A version is a number of one to nine digits without a leading zero, as AWS writes it.
    """
    match = _ARN.fullmatch(text)
    if match is None:
        return None
    version = match["version"]
    return Arn(
        match["service"],
        match["region"],
        match["account"],
        match["kind"],
        match["name"],
        None if version is None else int(version),
    )
