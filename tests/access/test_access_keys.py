"""Access keys: two a user, shown once, kept sealed, their use remembered."""

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from modelyard.access.identities import access_keys
from modelyard.access.identities.key_uses import KeyUses
from modelyard.access.keys import key_cipher
from modelyard.access.keys.credentials import ServerSecret
from modelyard.access.keys.key_cipher import KeyCipher, UnreadableSecret
from modelyard.storage import database as databases
from modelyard.storage.database import Database
from tests.access import iam_words
from tests.access.iam_words import ACCOUNT, refused
from tests.conftest import MakeServer
from tests.server_process import ServerProcess


@pytest.fixture(autouse=True)
def _ada(request: pytest.FixtureRequest) -> None:
    if "iam" in request.fixturenames:
        request.getfixturevalue("iam").create_user(UserName="ada", Path="/team/")


def test_an_access_key_lives(iam: Any) -> None:
    made = iam.create_access_key(UserName="ada")["AccessKey"]
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", made["AccessKeyId"])
    assert re.fullmatch(r"[A-Za-z0-9]{40}", made["SecretAccessKey"])
    assert (made["UserName"], made["Status"]) == ("ada", "Active")
    other = iam.create_access_key(UserName="ada")["AccessKey"]["AccessKeyId"]
    mine = made["AccessKeyId"]

    iam.update_access_key(UserName="ada", AccessKeyId=mine, Status="Inactive")

    listed = iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]
    assert {one["AccessKeyId"]: one["Status"] for one in listed} == {
        mine: "Inactive",
        other: "Active",
    }
    assert "SecretAccessKey" not in listed[0]
    assert refused(iam.create_access_key, UserName="ada") == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
    )
    one_a_page = iam.get_paginator("list_access_keys").paginate(
        UserName="ada", PaginationConfig={"PageSize": 1}
    )
    assert [len(page["AccessKeyMetadata"]) for page in one_a_page] == [1, 1]
    iam.delete_access_key(UserName="ada", AccessKeyId=mine)
    assert refused(iam.delete_access_key, UserName="ada", AccessKeyId=mine) == (
        "NoSuchEntity",
        f"The Access Key with id {mine} cannot be found.",
    )
    iam.create_user(UserName="bob")
    whose = {"UserName": "bob", "AccessKeyId": other}
    assert refused(iam.update_access_key, **whose, Status="Inactive")[0] == "NoSuchEntity"
    assert refused(iam.create_access_key, UserName="nobody")[0] == "NoSuchEntity"
    assert refused(iam.get_access_key_last_used, AccessKeyId=mine)[0] == "NoSuchEntity"
    used = iam.get_access_key_last_used(AccessKeyId=other)
    assert used["UserName"] == "ada"
    assert used["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}


def test_the_servers_own_key_is_not_made_by_iam(iam: Any) -> None:
    code, sentence = refused(iam.create_access_key)

    assert code == "InvalidInput"
    assert "Name the user" in sentence
    root = iam.get_user()["User"]
    assert (root["Arn"], root["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)


def test_of_two_that_make_the_last_key_at_once_one_is_refused(iam: Any) -> None:
    iam.create_access_key(UserName="ada")

    def make(_: int) -> str:
        try:
            return str(iam.create_access_key(UserName="ada")["AccessKey"]["Status"])
        except ClientError as refusal:
            return str(refusal.response["Error"]["Code"])

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(make, range(6)))

    assert answers == ["Active", *["LimitExceeded"] * 5]
    assert len(iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]) == 2


def test_a_secret_is_in_no_file_no_log_and_no_other_answer(
    make_server: MakeServer, database_url: str
) -> None:
    server = make_server(database_url=database_url, environment={"MODELYARD_LOG_LEVEL": "debug"})
    iam = server.client("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    secret = key["SecretAccessKey"]
    answers = [
        iam.list_access_keys(UserName="ada"),
        iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"]),
        iam.get_user(UserName="ada"),
    ]
    stored = asyncio.run(stored_rows(database_url))
    server.stop()

    assert key["AccessKeyId"] in str(answers) and secret not in str(answers)
    assert key["AccessKeyId"] in stored and secret not in stored
    assert secret not in server.log
    files = [path for path in Path(server.folder).rglob("*") if path.is_file()]
    files += list(Path(server.folder.parent).glob("*.db*"))
    assert len(files) > 2
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


async def stored_rows(url: str) -> str:
    """Every column of every access key, as the database has it."""
    opened = await databases.connect(url)
    try:
        rows = await opened.read(lambda tx: tx.all("SELECT * FROM access_key"))
    finally:
        await opened.close()
    return str(rows)


async def test_a_key_is_found_with_its_owner_and_opened_by_the_server_that_made_it(
    database: Database,
) -> None:
    cipher = KeyCipher(ServerSecret(b"s" * 32).derive(key_cipher.LABEL))
    await put_key(database, cipher)

    found = await database.read(lambda tx: access_keys.find(tx, "AKIA1"))

    assert found is not None
    assert (found.account, found.user_name, found.user_id) == (ACCOUNT, "ada", "AIDA1")
    assert (found.user_arn, found.is_active) == ("arn:ada", True)
    assert cipher.open(found.account, found.id, found.sealed) == "secret-of-ada"
    assert found.sealed not in repr(found)
    assert await database.read(lambda tx: access_keys.find(tx, "AKIA2")) is None


async def test_uses_are_written_together_and_the_newest_stays(database: Database) -> None:
    await put_key(database, KeyCipher(bytes(32)))
    uses = KeyUses()
    uses.note("AKIA1", 10, "s3", "us-east-1")
    uses.note("AKIA1", 20, "sagemaker", "eu-west-1")
    uses.note("AKIAUNKNOWN", 30, "s3", "us-east-1")
    await uses.write(database)
    uses.note("AKIA1", 15, "s3", "us-east-1")
    await uses.write(database)
    await uses.write(database)

    row = await database.read(
        lambda tx: tx.one("SELECT used_us, used_service, used_region FROM access_key")
    )

    assert row == (20, "sagemaker", "eu-west-1")


async def test_uses_are_written_when_a_server_stops(database: Database) -> None:
    await put_key(database, KeyCipher(bytes(32)))
    uses = KeyUses()
    running = asyncio.create_task(uses.run(database))
    await asyncio.sleep(0)
    uses.note("AKIA1", time.time_ns() // 1000, "iam", "us-east-1")

    running.cancel()
    await asyncio.wait([running])

    row = await database.read(lambda tx: tx.one("SELECT used_service FROM access_key"))
    assert row == ("iam",)


async def put_key(database: Database, cipher: KeyCipher) -> None:
    async def work(tx: Any) -> None:
        await tx.run(
            "INSERT INTO iam_user (account, name, path, id, arn, created_us, document)"
            " VALUES (?, 'ada', '/', 'AIDA1', 'arn:ada', 1, '{}')",
            ACCOUNT,
        )
        await tx.run(
            "INSERT INTO access_key (id, account, user_id, status, sealed, created_us)"
            " VALUES ('AKIA1', ?, 'AIDA1', 'Active', ?, 1)",
            ACCOUNT,
            cipher.seal(ACCOUNT, "AKIA1", "secret-of-ada"),
        )

    await database.write(work)


@given(
    secret=st.text("abcXYZ019", min_size=1, max_size=40),
    place=st.integers(0, 200),
    account=st.sampled_from(["123456789012", "999999999999"]),
    key=st.sampled_from(["AKIA1", "AKIA2"]),
)
def test_a_sealed_secret_opens_in_its_place_only(
    secret: str, place: int, account: str, key: str
) -> None:
    cipher = KeyCipher(b"k" * 32)
    sealed = cipher.seal("123456789012", "AKIA1", secret)
    assert cipher.open("123456789012", "AKIA1", sealed) == secret
    assert cipher.seal("123456789012", "AKIA1", secret) != sealed
    assert secret not in repr(cipher)

    place %= len(sealed)
    altered = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
    attempts = [(KeyCipher(b"l" * 32), "123456789012", "AKIA1", sealed)]
    if (account, key) != ("123456789012", "AKIA1"):
        attempts.append((cipher, account, key, sealed))
    if not sealed[place:].strip("=") or place < len(sealed.rstrip("=")) - 1:
        attempts.append((cipher, "123456789012", "AKIA1", altered))
    for attempt, whose, which, what in attempts:
        with pytest.raises(UnreadableSecret):
            attempt.open(whose, which, what)


def test_a_user_changes_its_own_keys_without_naming_itself(
    server_on_each_database: ServerProcess,
) -> None:
    server = server_on_each_database
    administrator = server.client("iam")
    administrator.create_user(UserName="ada", Path="/team/")
    administrator.put_user_policy(
        UserName="ada", PolicyName="p", PolicyDocument=iam_words.policy("*")
    )
    first = administrator.create_access_key(UserName="ada")["AccessKey"]
    own = signed_by(server, "iam", first)

    assert own.get_user()["User"]["UserName"] == "ada"
    second = own.create_access_key()["AccessKey"]
    assert second["UserName"] == "ada"
    administrator.update_user(UserName="ada", NewUserName="Lovelace", NewPath="/")
    listed = signed_by(server, "iam", second).list_access_keys()["AccessKeyMetadata"]
    assert {one["AccessKeyId"] for one in listed} == {first["AccessKeyId"], second["AccessKeyId"]}
    assert {one["UserName"] for one in listed} == {"Lovelace"}
    own.update_access_key(AccessKeyId=second["AccessKeyId"], Status="Inactive")
    own.delete_access_key(AccessKeyId=second["AccessKeyId"])
    server.restart()

    used = administrator.get_access_key_last_used(AccessKeyId=first["AccessKeyId"])
    assert used["UserName"] == "Lovelace"
    last = used["AccessKeyLastUsed"]
    assert (last["ServiceName"], last["Region"]) == ("iam", "us-east-1")
    assert abs(last["LastUsedDate"].timestamp() - time.time()) < 600


def test_a_session_of_a_role_names_the_user_it_means(server: ServerProcess) -> None:
    administrator = server.client("iam")
    role = administrator.create_role(RoleName="r", AssumeRolePolicyDocument=iam_words.trust())[
        "Role"
    ]["Arn"]
    administrator.put_role_policy(
        RoleName="r", PolicyName="p", PolicyDocument=iam_words.policy("*")
    )
    administrator.create_user(UserName="ada")
    administrator.put_user_policy(
        UserName="ada", PolicyName="p", PolicyDocument=iam_words.policy("*")
    )
    ada = administrator.create_access_key(UserName="ada")["AccessKey"]
    session = signed_by(server, "sts", ada).assume_role(RoleArn=role, RoleSessionName="walk")
    own = signed_by(server, "iam", session["Credentials"])

    for ask in (own.get_user, own.create_access_key, own.list_access_keys):
        assert refused(ask) == (
            "ValidationError",
            "Must specify userName when calling with non-User credentials",
        )
    assert own.get_user(UserName="ada")["User"]["UserName"] == "ada"


def signed_by(server: ServerProcess, service: str, key: dict[str, str]) -> Any:
    """A client that signs with an access key, or with a session's credentials."""
    return server.client(
        service,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
    )
