"""One caller, and what its requests are judged on."""

import re
from typing import Any

from modelyard.access.policy import actions
from modelyard.access.policy.actions import Asker, Check

ACCOUNT, OTHER, REGION = "111122223333", "999988887777", "eu-west-1"
USER = f"arn:aws:iam::{ACCOUNT}:user/science/ann"
ASKER = Asker(ACCOUNT, REGION, USER)
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"
THEIRS = f"arn:aws:sagemaker:{REGION}:{OTHER}:"

_ARN = re.compile(
    r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:(?P<account>[0-9]{12}|aws|):(?P<rest>.+)",
    re.DOTALL,
)


def first(service: str, operation: str, **request: Any) -> Check:
    return actions.checks(service, operation, request, ASKER)[0]


def is_well_formed(check: Check) -> None:
    """Its ARN is one, of the account that it says; its condition keys are lower case and filled."""
    assert re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", check.action)
    match = _ARN.fullmatch(check.resource)
    if match is None:
        assert (check.resource, check.resource_account) == ("*", "")
    elif check.resource_account:
        assert check.resource_account in (ACCOUNT, OTHER)
        assert match["account"] == check.resource_account
    else:
        assert match["account"] in ("", "aws", ACCOUNT)
    for key, values in check.context.items():
        assert key == key.lower()
        assert values
        assert all(type(value) is str for value in values)


def judged(service: str, operation: str, **request: Any) -> list[tuple[str, str]]:
    return [
        (check.action, check.resource)
        for check in actions.checks(service, operation, request, ASKER)
    ]
