"""How model packages and their groups are named in arguments and ARNs. Pure; knows no storage.

One reader for the whole program: registry and hosting both meet names that a client wrote as a bare
name, as `group/1`, or as an ARN with or without a version. An ARN may lead into another account, if
the call reaches there; whoever may not is told the same whether something is there or not.
"""

import re
from dataclasses import dataclass

from modelyard.call import OpenCall
from modelyard.contract import arns
from modelyard.errors import ValidationException

PACKAGE = "model-package"
GROUP = "model-package-group"

# DescribeModelPackage takes up to nine digits; a number has one spelling, so `07` is not 7.
_NAMED = re.compile(
    r"(?P<name>[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62})(?:/(?P<version>[1-9][0-9]{0,8}))?"
)


@dataclass(frozen=True, slots=True)
class PackageName:
    """A versioned package has `group` and `version`; an unversioned one `name` and version 0."""

    group: str
    name: str
    version: int

    @property
    def path(self) -> str:
        """What stands behind `model-package/` in its ARN."""
        return f"{self.group}/{self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True)
class PackagePlace(PackageName):
    """A package's name, and where it is: the caller's account or one that the call reaches."""

    account: str
    region: str

    @property
    def arn(self) -> str:
        return package_arn(self.account, self.region, self)

    @property
    def row(self) -> tuple[str, str, str]:
        """What finds its rows: account, region, arn."""
        return self.account, self.region, self.arn


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """A group's name, and where it is."""

    name: str
    account: str
    region: str

    @property
    def arn(self) -> str:
        return group_arn(self.account, self.region, self.name)

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.region, self.name

    def missing(self) -> ValidationException:
        return group_missing(self.account, self.region, self.name)


def find_package(call: OpenCall, text: str) -> PackagePlace:
    """Read what a client wrote for a package; the account is the ARN's, if it is one.

    Raises: AccessDeniedException: of another account, and not shared with the caller.
    ValidationException: it cannot name a package here.
    """
    return placed(_reached(call, PACKAGE, text), call.region, text)


def find_group(call: OpenCall, text: str) -> GroupPlace:
    """Read what a client wrote for a group; as `find_package`."""
    account = _reached(call, GROUP, text)
    return GroupPlace(group(account, call.region, text), account, call.region)


def place(arn: str) -> PackagePlace:
    """The package of an ARN that this server wrote down itself."""
    _, _, _, region, account, _ = arn.split(":", 5)
    return placed(account, region, arn)


def placed(account: str, region: str, text: str) -> PackagePlace:
    """The package that `text` names in a place that the caller was found to reach.

    Raises: ValidationException: it cannot name a package there.
    """
    name = package(account, region, text)
    return PackagePlace(name.group, name.name, name.version, account, region)


def holder(arn: str) -> str:
    """The ARN that carries the policy of `arn`: of a version, its group's.

    Patterns are taken as they are: the versions `model-package/churn/*` are held by group churn.
    """
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[2] == "sagemaker" and parts[5].startswith(f"{PACKAGE}/"):
        name, versioned, _ = parts[5].removeprefix(f"{PACKAGE}/").partition("/")
        if versioned:
            return ":".join([*parts[:5], f"{GROUP}/{name}"])
    return arn


def _reached(call: OpenCall, kind: str, text: str) -> str:
    """The account in an ARN of this kind, if the call reaches it; the caller's for other texts."""
    match = re.fullmatch(rf"arn:aws:sagemaker:[^:]*:([0-9]{{12}}):{kind}/.*", text, re.DOTALL)
    account = call.account if match is None else match[1]
    if not call.reaches(holder(text), account):
        raise call.denied(text)
    return account


def package_arn(account: str, region: str, name: PackageName) -> str:
    return arns.build(region, account, PACKAGE, name.path)


def group_arn(account: str, region: str, name: str) -> str:
    return arns.build(region, account, GROUP, name)


def package(account: str, region: str, text: str) -> PackageName:
    """Read `name`, `group/1`, or either as an ARN of this account and region.

    Raises: ValidationException: it cannot name a package here.
    """
    match = _NAMED.fullmatch(_without_prefix(account, region, PACKAGE, text))
    if match is None:
        raise package_missing(account, region, text)
    if match["version"] is None:
        return PackageName("", match["name"], 0)
    return PackageName(match["name"], "", int(match["version"]))


def group(account: str, region: str, text: str) -> str:
    """Read a group's name, or its ARN of this account and region.

    Raises: ValidationException: it cannot name a group here.
    """
    match = _NAMED.fullmatch(_without_prefix(account, region, GROUP, text))
    if match is None or match["version"] is not None:
        raise group_missing(account, region, text)
    return match["name"]


def is_path(text: str) -> bool:
    """Whether it can stand behind `model-package/` in an ARN: `name`, or `group/1`.

    `package` reads these and nothing else.
    """
    return _NAMED.fullmatch(text) is not None


def package_missing(account: str, region: str, text: str) -> ValidationException:
    return _missing("ModelPackage", PACKAGE, account, region, text)


def group_missing(account: str, region: str, text: str) -> ValidationException:
    return _missing("ModelPackageGroup", GROUP, account, region, text)


def _without_prefix(account: str, region: str, kind: str, text: str) -> str:
    """The name in an ARN of this kind, account and region; a text that is no ARN as it is.

    A foreign ARN keeps its colons, which no name has.
    """
    return text.removeprefix(arns.build(region, account, kind, ""))


def _missing(noun: str, kind: str, account: str, region: str, text: str) -> ValidationException:
    """`<noun> <ARN> does not exist.`, the sentence that Terraform and CloudFormation look for."""
    ours = arns.build(region, account, kind, "")
    if not text.startswith("arn:"):
        return ValidationException(f"{noun} {ours}{text} does not exist.")
    if text.startswith(ours):
        return ValidationException(f"{noun} {text} does not exist.")
    return ValidationException(
        f"{noun} {text} does not exist. This call looks among {ours}*: the kind, the partition, the"
        " region and the account of the ARN have to be these."
    )
