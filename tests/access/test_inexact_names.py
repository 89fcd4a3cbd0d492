"""Foreign and inexact names: a request is judged on what its operation would touch, or on all."""

from typing import Any

import pytest

from modelyard import model_package_names as names
from modelyard.contract import arns
from modelyard.errors import Refusal
from tests.access.asking import ACCOUNT, REGION, SAGEMAKER, first, is_well_formed
from tests.access.inexact import GROUPS, PACKAGES


def test_the_inexact_names_are_many() -> None:
    assert len(PACKAGES) + len(GROUPS) >= 160


def _touched(read: Any, *where: str) -> str | None:
    """The ARN of what the operation would touch; None where it refuses."""
    try:
        return str(read(*where))
    except Refusal:
        return None


def _package_of(account: str, region: str, text: str) -> str:
    return names.package_arn(account, region, names.package(account, region, text))


def _group_of(account: str, region: str, text: str) -> str:
    return names.group_arn(account, region, names.group(account, region, text))


def _account_in(text: str) -> str:
    """The account in which an operation looks for an ARN: one may lead into another account."""
    parsed = arns.parse(text)
    return ACCOUNT if parsed is None else parsed.account


@pytest.mark.parametrize("text", PACKAGES)
@pytest.mark.parametrize(
    ("service", "operation", "member"),
    [
        ("sagemaker", "DescribeModelPackage", "ModelPackageName"),
        ("sagemaker", "UpdateModelPackage", "ModelPackageArn"),
        ("sagemaker", "DeleteModelPackage", "ModelPackageName"),
        ("modelyard", "DescribeModelPackageArtifacts", "ModelPackageName"),
    ],
)
def test_an_inexact_package_is_judged_as_what_is_touched(
    service: str, operation: str, member: str, text: str
) -> None:
    check = first(service, operation, **{member: text})
    account = _account_in(text)
    touched = _touched(_package_of, account, REGION, text)

    if touched is None:
        is_well_formed(check)
    else:
        assert (check.resource, check.resource_account) == (touched, account)
    if check.resource == f"{SAGEMAKER}model-package/churn/1":
        assert touched == check.resource


@pytest.mark.parametrize("text", GROUPS)
def test_an_inexact_group_is_judged_as_what_is_touched(text: str) -> None:
    describe = first("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=text)
    create = first("sagemaker", "CreateModelPackage", ModelPackageGroupName=text)
    account = _account_in(text)
    touched = _touched(_group_of, account, REGION, text)

    if touched is None:
        is_well_formed(describe)
        assert describe.resource != f"{SAGEMAKER}model-package-group/churn"
        assert create.resource != f"{SAGEMAKER}model-package/churn/*"
    else:
        group = touched.rpartition("/")[2]
        assert describe.resource == touched
        assert create.resource == arns.build(REGION, account, "model-package", f"{group}/*")
        assert create.resource_account == account


@pytest.mark.parametrize("text", [*PACKAGES, *GROUPS])
def test_tags_are_judged_on_the_very_text_that_is_looked_for(text: str) -> None:
    """AddTags finds a resource whose ARN is the whole text, or none."""
    check = first("sagemaker", "AddTags", ResourceArn=text, Tags=[])

    assert check.resource in (text, f"{SAGEMAKER}*")
    if check.resource == text:
        parsed = arns.parse(text)
        assert parsed is not None
        assert (check.resource_account, check.kind) == (parsed.account, parsed.kind)


@pytest.mark.parametrize("text", ["*", "e?", "E" * 64, "e/1", "é", "e\n", "", "１", "-e", " e"])
def test_a_name_that_none_can_have_is_judged_as_all(text: str) -> None:
    for operation in ("DescribeEndpoint", "DeleteEndpoint"):
        check = first("sagemaker", operation, EndpointName=text)
        assert check.resource == f"{SAGEMAKER}endpoint/*"
