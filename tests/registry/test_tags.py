"""Tags on everything that can have them."""

import asyncio

import pytest

from modelyard.call import Document
from modelyard.errors import ValidationException
from tests.registry.in_process import Registry, group_arn, package_arn


def _tags(**pairs: str) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


async def _on(registry: Registry, arn: str) -> list[Document]:
    return list((await registry("ListTags", ResourceArn=arn))["Tags"])


async def test_tags_are_added_overwritten_and_removed_by_key(registry: Registry) -> None:
    arn = await registry.group(Tags=_tags(team="rc", stage="dev"))

    answer = await registry("AddTags", ResourceArn=arn, Tags=_tags(stage="prod", cost="7"))
    assert answer["Tags"] == _tags(cost="7", stage="prod", team="rc")
    await registry("DeleteTags", ResourceArn=arn, TagKeys=["team", "absent"])

    assert await _on(registry, arn) == _tags(cost="7", stage="prod")


async def test_models_are_tagged_by_their_arn(registry: Registry) -> None:
    arn = await registry.put_model("plain", {})

    await registry("AddTags", ResourceArn=arn, Tags=_tags(a="1"))

    assert await _on(registry, arn) == _tags(a="1")


async def test_fifty_tags_are_the_most(registry: Registry) -> None:
    arn = await registry.group(Tags=_tags(**{f"k{n}": "v" for n in range(50)}))

    with pytest.raises(ValidationException, match="would have 51"):
        await registry("AddTags", ResourceArn=arn, Tags=_tags(more="v"))
    await registry("AddTags", ResourceArn=arn, Tags=_tags(k0="other"))

    assert len(await _on(registry, arn)) == 50


async def test_fifty_tags_are_the_most_however_they_come(registry: Registry) -> None:
    arn = await registry.group()

    outcomes = await asyncio.gather(
        *(
            registry("AddTags", ResourceArn=arn, Tags=_tags(**{f"k{n}-{i}": "v" for i in range(6)}))
            for n in range(10)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, dict) for outcome in outcomes) == 8
    assert len(await _on(registry, arn)) == 48


@pytest.mark.parametrize(
    ("arn", "tags", "sentence"),
    [
        (group_arn("churn"), _tags(**{"aws:x": "1"}), "aws:"),
        (group_arn("churn"), _tags(**{"AWS:x": "1"}), "aws:"),
        (group_arn("churn"), [*_tags(a="1"), *_tags(a="2")], "Duplicate tag keys"),
        (package_arn("churn/1"), _tags(a="1"), "takes no tags"),
        (group_arn("none"), _tags(a="1"), "none does not exist"),
        (package_arn("none"), _tags(a="1"), "none does not exist"),
        (
            package_arn("x").replace("model-package/", "model/"),
            _tags(a="1"),
            "Could not find model",
        ),
        (
            package_arn("x").replace("model-package/", "endpoint/"),
            _tags(a="1"),
            "Could not find endpoint",
        ),
        (package_arn("x").replace("model-package/", "hub/"), _tags(a="1"), "no resource that can"),
    ],
)
async def test_what_cannot_be_tagged_says_why(
    registry: Registry, arn: str, tags: list[Document], sentence: str
) -> None:
    await registry.group()
    await registry.version()

    with pytest.raises(ValidationException, match=sentence):
        await registry("AddTags", ResourceArn=arn, Tags=tags)


async def test_a_version_has_no_tags_to_list(registry: Registry) -> None:
    await registry.group(Tags=_tags(a="1"))
    arn = await registry.version()

    assert await _on(registry, arn) == []


async def test_reserved_tags_cannot_be_given_at_creation(registry: Registry) -> None:
    with pytest.raises(ValidationException, match="aws:"):
        await registry.group(Tags=_tags(**{"aws:x": "1"}))

    with pytest.raises(ValidationException, match="does not exist"):
        await registry("DescribeModelPackageGroup", ModelPackageGroupName="churn")
