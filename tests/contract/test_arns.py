"""Resource names: built as AWS spells them, read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.contract import arns

ACCOUNT = "123456789012"
PREFIX = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
NAMES = st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,20}", fullmatch=True)


@given(name=NAMES, version=st.none() | st.integers(1, 999_999_999))
def test_what_is_built_is_read_back(name: str, version: int | None) -> None:
    text = arns.build("us-east-1", ACCOUNT, "model-package", name, version)

    found = arns.parse(text)

    assert found == arns.Arn("sagemaker", "us-east-1", ACCOUNT, "model-package", name, version)
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "churn",
        f"{PREFIX}:model-package/churn/0",
        f"{PREFIX}:model-package/churn/01",
        f"{PREFIX}:model-package/churn/1234567890",
        f"{PREFIX}:model-package/churn/{'9' * 25}",
        f"{PREFIX}:model-package/churn/1\n",
        f"{PREFIX}:model-package/churn/١",
        f"{PREFIX}:model-package/churn/1/2",
        f"{PREFIX}:model-package/",
        f"{PREFIX}:model-package",
        f"{PREFIX}:model-package/a\x00b",
        "arn:aws-cn:sagemaker:us-east-1:123456789012:model/a",
        "arn:aws:sagemaker:us-east-1:12345678901:model/a",
        "arn:aws:sagemaker:us-east-1:1234567890123:model/a",
        "arn:aws:sagemaker:US:123456789012:model/a",
        "arn:aws:::123456789012:model/a",
    ],
)
def test_anything_else_is_not_a_resource_name(text: str) -> None:
    assert arns.parse(text) is None


@given(st.text())
def test_any_text_is_read_or_is_none(text: str) -> None:
    found = arns.parse(text)

    assert found is None or str(found) == text
