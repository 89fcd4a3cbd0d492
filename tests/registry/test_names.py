"""The one reader of package and group names."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard import model_package_names as names
from modelyard.errors import ValidationException
from modelyard.model_package_names import PackageName
from tests.registry.in_process import ACCOUNT, REGION, group_arn, package_arn

NAMES = st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True).filter(
    lambda name: len(name) <= 63
)
VERSIONS = st.integers(1, 999_999_999)
PACKAGES = st.builds(PackageName, NAMES, st.just(""), VERSIONS) | st.builds(
    PackageName, st.just(""), NAMES, st.just(0)
)


@given(PACKAGES)
def test_a_package_is_read_back_from_its_arn_and_its_path(name: PackageName) -> None:
    arn = names.package_arn(ACCOUNT, REGION, name)

    assert arn == package_arn(name.path)
    assert names.package(ACCOUNT, REGION, arn) == name
    assert names.package(ACCOUNT, REGION, name.path) == name


@given(NAMES)
def test_a_group_is_read_back_from_its_arn_and_its_name(name: str) -> None:
    assert names.group(ACCOUNT, REGION, name) == name
    assert names.group(ACCOUNT, REGION, group_arn(name)) == name


@given(st.text())
def test_any_text_is_a_name_or_refused(text: str) -> None:
    with contextlib.suppress(ValidationException):
        package = names.package(ACCOUNT, REGION, text)
        arn = names.package_arn(ACCOUNT, REGION, package)
        assert names.package(ACCOUNT, REGION, arn) == package
    with contextlib.suppress(ValidationException):
        group = names.group(ACCOUNT, REGION, text)
        assert names.group(ACCOUNT, REGION, group) == group


@given(NAMES, st.sampled_from(["0", "01", "-1", "1/2", "1000000000", "x", "", "१"]))
def test_a_number_has_one_spelling(name: str, version: str) -> None:
    with pytest.raises(ValidationException, match="does not exist"):
        names.package(ACCOUNT, REGION, f"{name}/{version}")


@pytest.mark.parametrize(
    "arn",
    [
        package_arn("churn/1").replace(REGION, "us-west-2"),
        package_arn("churn/1").replace(ACCOUNT, "210987654321"),
        package_arn("churn/1").replace("arn:aws:", "arn:aws-us-gov:"),
        package_arn("churn/1").replace(":sagemaker:", ":s3:"),
        package_arn("churn/1").upper(),
        package_arn(package_arn("churn/1")),
    ],
)
def test_an_arn_of_elsewhere_is_not_taken_for_one_of_ours(arn: str) -> None:
    with pytest.raises(ValidationException, match="does not exist"):
        names.package(ACCOUNT, REGION, arn)
