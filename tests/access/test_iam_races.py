"""Changes of one account that meet: each comes before or after the other, on each database."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from modelyard.access.identities import subjects
from modelyard.errors import Refusal
from modelyard.storage.database import Database
from tests.access.iam_in_process import ACCOUNT, Iam
from tests.access.iam_words import policy


@pytest.fixture
def iam(database: Database) -> Iam:
    return Iam(database)


async def outcomes(*asked: Coroutine[Any, Any, Any]) -> list[str]:
    """ "" for what was done, the code for what was refused, sorted."""

    async def one(ask: Coroutine[Any, Any, Any]) -> str:
        try:
            await ask
        except Refusal as refusal:
            return refusal.code
        return ""

    return sorted(await asyncio.gather(*[one(ask) for ask in asked]))


async def test_of_users_whose_names_differ_in_case_one_is_made(iam: Iam) -> None:
    names = ["ada", "ADA", "Ada", "aDa"]

    answers = await outcomes(*[iam("CreateUser", UserName=name) for name in names])

    assert answers == ["", *["EntityAlreadyExists"] * 3]
    assert len((await iam("ListUsers"))["Users"]) == 1


async def test_of_two_users_who_want_one_name_one_gets_it(iam: Iam) -> None:
    await iam("CreateUser", UserName="a")
    await iam("CreateUser", UserName="b")

    answers = await outcomes(
        iam("UpdateUser", UserName="a", NewUserName="c"),
        iam("UpdateUser", UserName="b", NewUserName="C"),
    )

    assert answers == ["", "EntityAlreadyExists"]


async def test_a_policy_is_deleted_or_attached_and_never_both(iam: Iam) -> None:
    await iam("CreateUser", UserName="u")
    for number in range(5):
        arn = await iam.policy(f"p{number}", policy())

        answers = await outcomes(
            iam("DeletePolicy", PolicyArn=arn),
            iam("AttachUserPolicy", UserName="u", PolicyArn=arn),
        )

        assert answers in (["", "DeleteConflict"], ["", "NoSuchEntity"])
        listed = (await iam("ListAttachedUserPolicies", UserName="u"))["AttachedPolicies"]
        own = (await iam("ListPolicies", Scope="Local"))["Policies"]
        assert {one["PolicyArn"] for one in listed} == {one["Arn"] for one in own}


async def test_the_fifth_version_and_the_tenth_policy_are_taken_once(iam: Iam) -> None:
    await iam("CreateUser", UserName="u")
    arns = [await iam.policy(f"p{number}", policy()) for number in range(13)]
    for arn in arns[:9]:
        await iam("AttachUserPolicy", UserName="u", PolicyArn=arn)

    attached = await outcomes(
        *[iam("AttachUserPolicy", UserName="u", PolicyArn=arn) for arn in arns[9:]]
    )
    versions = await outcomes(
        *[iam("CreatePolicyVersion", PolicyArn=arns[0], PolicyDocument=policy()) for _ in range(6)]
    )

    assert attached == ["", *["LimitExceeded"] * 3]
    assert versions == [*[""] * 4, *["LimitExceeded"] * 2]
    listed = (await iam("ListPolicyVersions", PolicyArn=arns[0]))["Versions"]
    assert [one["VersionId"] for one in listed] == ["v5", "v4", "v3", "v2", "v1"]


async def test_a_user_is_deleted_or_joins_a_group_and_never_both(iam: Iam) -> None:
    await iam("CreateGroup", GroupName="g")
    for number in range(5):
        name = f"u{number}"
        await iam("CreateUser", UserName=name)

        answers = await outcomes(
            iam("DeleteUser", UserName=name),
            iam("AddUserToGroup", UserName=name, GroupName="g"),
        )

        assert answers in (["", "DeleteConflict"], ["", "NoSuchEntity"])
        subject = await iam.database.read(lambda tx, name=name: subjects.of_user(tx, ACCOUNT, name))  # type: ignore[misc]
        members = [one["UserName"] for one in (await iam("GetGroup", GroupName="g"))["Users"]]
        assert (name in members) == (subject is not None)
