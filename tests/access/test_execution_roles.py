"""Sessions that SageMaker assumes for a model's container, on both databases."""

import json
from typing import Any

import pytest

from modelyard.access.authorisation import subjects
from modelyard.access.sessions.execution_roles import ExecutionRoles, HandedOut, RoleNotUsable
from modelyard.access.sessions.session_tokens import SessionTokens
from modelyard.call import Principal
from modelyard.errors import Unavailable
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.access.iam_in_process import Iam, root
from tests.access.iam_words import ACCOUNT

ENDPOINT = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:endpoint/e"
HOUR_US = 3_600_000_000
TOKENS = SessionTokens(b"secret of a test")


def statement(effect: str = "Allow", **members: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
        **members,
    }


async def made(iam: Iam, *statements: dict[str, Any], path: str = "/") -> str:
    trust = {"Version": "2012-10-17", "Statement": list(statements)}
    answer = await iam(
        "CreateRole", RoleName="model", AssumeRolePolicyDocument=json.dumps(trust), Path=path
    )
    return str(answer["Role"]["Arn"])


async def ask(iam: Iam, role: str, account: str = ACCOUNT) -> Any:
    async def unheard(tx: Transaction, given: HandedOut) -> None:
        """Nobody listens."""

    return await ExecutionRoles(iam.database, TOKENS, unheard).credentials(
        role, account=account, source_arn=ENDPOINT, now_us=iam.now_us
    )


async def test_a_session_is_the_roles_and_ends_in_an_hour(database: Database) -> None:
    iam = Iam(database)
    role = await made(iam, statement(), path="/service-role/")

    given = await ask(iam, role)

    opened, secret = TOKENS.open(given["AccessKeyId"], given["Token"], iam.now_us)
    assert given["RoleArn"] == role
    assert given["SecretAccessKey"] == secret
    assert opened.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/model/SageMaker"
    assert opened.session.role_arn == role
    assert HOUR_US - 1_000_000 < opened.expires_us - iam.now_us <= HOUR_US

    async def subject(tx: Transaction) -> Any:
        return await subjects.load(tx, opened.principal)

    found = await database.read(subject)
    assert role in found.names
    assert not found.is_root


@pytest.mark.parametrize(
    "statements",
    [
        [statement(Principal={"Service": "ec2.amazonaws.com"})],
        [statement(Principal={"AWS": ACCOUNT})],
        [statement(Principal={"AWS": "*"})],
        [statement(Action="sts:TagSession")],
        [statement(), statement("Deny")],
        [statement(Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}})],
        [statement(Condition={"ArnLike": {"aws:SourceArn": f"{ENDPOINT}-other"}})],
        [statement(Condition={"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}})],
    ],
)
async def test_a_role_that_does_not_trust_sagemaker_is_not_assumed(
    database: Database, statements: list[dict[str, Any]]
) -> None:
    iam = Iam(database)
    role = await made(iam, *statements)

    with pytest.raises(RoleNotUsable, match="does not let sagemaker"):
        await ask(iam, role)


async def test_roles_that_are_not_there_are_told_apart_from_those_of_another_path(
    database: Database,
) -> None:
    iam = Iam(database)
    role = await made(iam, statement(), path="/team/")

    for other in (
        role.replace("/team/", "/"),
        role.replace("model", "models"),
        role.replace(ACCOUNT, "999999999999"),
    ):
        with pytest.raises(RoleNotUsable, match="There is no role"):
            await ask(iam, other)
    with pytest.raises(RoleNotUsable, match="There is no role"):
        await ask(iam, role, account="999999999999")


async def test_a_role_of_another_account_is_nobodys_here(database: Database) -> None:
    iam = Iam(database)
    iam.principal = root("999999999999")
    role = await made(iam, statement())

    with pytest.raises(RoleNotUsable, match=f"no role .* in account {ACCOUNT}"):
        await ask(iam, role)


async def test_a_session_ends_with_its_role(database: Database) -> None:
    iam = Iam(database)
    role = await made(iam, statement())
    given = await ask(iam, role)
    opened, _ = TOKENS.open(given["AccessKeyId"], given["Token"], iam.now_us)
    principal: Principal = opened.principal

    await iam("DeleteRole", RoleName="model")
    await made(iam, statement())  # another one of the same name

    async def subject(tx: Transaction) -> Any:
        return await subjects.load(tx, principal)

    assert await database.read(subject) is None


async def test_a_deployment_without_a_role_says_what_to_do(database: Database) -> None:
    with pytest.raises(RoleNotUsable, match="Update the endpoint"):
        await ask(Iam(database), "")


async def test_a_session_is_told_of_once_however_often_it_is_asked_for(database: Database) -> None:
    iam = Iam(database)
    role = await made(iam, statement())
    told: list[HandedOut] = []

    async def hear(tx: Transaction, given: HandedOut) -> None:
        told.append(given)

    roles = ExecutionRoles(database, TOKENS, hear)

    async def given(source_arn: str = ENDPOINT, later_us: int = 0) -> Any:
        now_us = iam.now_us + later_us
        return await roles.credentials(role, account=ACCOUNT, source_arn=source_arn, now_us=now_us)

    first = await given()
    assert await given(later_us=HOUR_US // 2 - 1) == first
    other = await given(f"{ENDPOINT}-2")
    later = await given(later_us=HOUR_US // 2)

    assert len({one["AccessKeyId"] for one in (first, other, later)}) == 3
    assert [one.access_key_id for one in told] == [
        one["AccessKeyId"] for one in (first, other, later)
    ]
    assert [one.source_arn for one in told] == [ENDPOINT, f"{ENDPOINT}-2", ENDPOINT]
    assert {(one.account, one.role_arn) for one in told} == {(ACCOUNT, role)}


async def test_what_cannot_be_recorded_is_not_handed_out(database: Database) -> None:
    iam = Iam(database)
    role = await made(iam, statement())

    async def refuse(tx: Transaction, given: HandedOut) -> None:
        raise Unavailable("the disk is full")

    roles = ExecutionRoles(database, TOKENS, refuse)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await roles.credentials(role, account=ACCOUNT, source_arn=ENDPOINT, now_us=iam.now_us)
