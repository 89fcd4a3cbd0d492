"""A new database gets its tables at once; it is then the same as one that was migrated."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import alembic.command
import alembic.config
import psycopg
import pytest
import sqlalchemy

from modelyard.access.identities import roles, subjects
from modelyard.storage import database, resource_policies, schema
from modelyard.storage.migrations import ddl
from tests.postgresql_cluster import PostgresqlCluster, running_cluster

_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
_COLUMNS = (
    "SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default"
    " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
)
_INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
_VERSION = "SELECT version_num FROM alembic_version"


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresqlCluster]:
    with running_cluster() as running:
        yield running


def migrate(engine: sqlalchemy.Engine, revision: str = "head") -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(ddl.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)


def connect(url: str) -> None:
    async def and_close() -> None:
        await (await database.connect(url)).close()

    asyncio.run(and_close())


def of_sqlite(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        shapes = connection.execute(_SQLITE).fetchall()
        # Alembic writes its own table over several lines.
        words = [(*row[:3], " ".join(str(row[3]).split()).replace("( ", "(")) for row in shapes]
        return [*words, *connection.execute(_VERSION)]


def of_postgresql(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return [
            row
            for query in (_COLUMNS, _INDEXES, _VERSION)
            for row in connection.execute(query).fetchall()  # type: ignore[call-overload]
        ]


def test_a_new_sqlite_database_is_the_same_as_a_migrated_one(tmp_path: Path) -> None:
    migrate(sqlalchemy.create_engine(f"sqlite:///{tmp_path}/migrated.db"))

    connect(f"sqlite:///{tmp_path}/new.db")

    new, migrated = of_sqlite(tmp_path / "new.db"), of_sqlite(tmp_path / "migrated.db")
    assert [row for row in new if row[1:2] != ("alembic_version",)] == [
        row for row in migrated if row[1:2] != ("alembic_version",)
    ]
    assert new[-1] == (schema.HEAD,)


def test_a_new_postgresql_database_is_the_same_as_a_migrated_one(
    cluster: PostgresqlCluster,
) -> None:
    new = cluster.new_database(migrated=False)
    migrated = cluster.new_database(migrated=False)
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(migrated)
    )
    migrate(engine)
    engine.dispose()

    connect(new)

    assert of_postgresql(new) == of_postgresql(migrated)
    assert of_postgresql(new)[-1] == (schema.HEAD,)


async def test_servers_that_start_together_on_an_empty_database_all_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"

    servers = await asyncio.gather(*[database.connect(url) for _ in range(4)])

    for server in servers:
        row = await server.read(lambda tx: tx.one("SELECT version_num FROM alembic_version"))
        assert row == (schema.HEAD,)
        await server.close()


def test_the_newest_migration_is_the_one_that_the_program_expects() -> None:
    assert list(ddl.fresh("sqlite"))[-1].endswith(f"VALUES ('{schema.HEAD}')")


ROLE_OF_0001 = json.dumps(
    {
        "AssumeRolePolicyDocument": "{}",
        "MaxSessionDuration": 3600,
        "Description": "für alle",
        "AttachedPolicies": ["arn:aws:iam::aws:policy/AmazonS3FullAccess"],
    }
)


def migrate_roles_of_0001(engine: sqlalchemy.Engine) -> None:
    """A database as 0001 left it, with a role and its policies, brought to the newest schema."""
    migrate(engine, "0001")
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text(
                "INSERT INTO role (account, name, path, id, arn, created_us, document)"
                " VALUES ('1', 'r', '/', 'AROA1', 'arn:r', 5, :document)"
            ),
            {"document": ROLE_OF_0001},
        )
        connection.execute(
            sqlalchemy.text(
                "INSERT INTO role_policy (account, role, name, document)"
                " VALUES ('1', 'r', 'p', :document)"
            ),
            {"document": json.dumps('{"Statement": "a \\" quote"}')},
        )
    migrate(engine)
    engine.dispose()


async def test_policies_of_roles_are_kept_when_they_move(
    engine: str, empty_database_url: str
) -> None:
    if engine == "sqlite":
        target = sqlalchemy.create_engine(empty_database_url)
    else:
        target = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(empty_database_url)
        )
    await asyncio.to_thread(migrate_roles_of_0001, target)

    opened = await database.connect(empty_database_url)
    try:
        role = await opened.read(lambda tx: roles.get(tx, "1", "r"))
        subject = await opened.read(lambda tx: subjects.of_role(tx, "1", "r"))
    finally:
        await opened.close()

    assert (role.id, role.created_us, role.boundary) == ("AROA1", 5, "")
    assert role.document == {
        "AssumeRolePolicyDocument": "{}",
        "MaxSessionDuration": 3600,
        "Description": "für alle",
    }
    assert subject is not None
    assert [(one.name, one.text) for one in subject.inline] == [
        ("p", '{"Statement": "a \\" quote"}')
    ]
    assert [one.arn for one in subject.attached] == ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]


def trusting(*arns: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "*"}
    return json.dumps({"Statement": statement})


def migrate_policies_of_0005(engine: sqlalchemy.Engine, named: list[str]) -> None:
    migrate(engine, "0005")
    role = "INSERT INTO role (account, name, path, id, arn, created_us, document) VALUES "
    with engine.begin() as connection:
        for name, trust in {"r": trusting(*named), "s": "no JSON"}.items():
            values = {"name": name, "document": json.dumps({"AssumeRolePolicyDocument": trust})}
            sql = f"{role} ('000000000001', :name, '/', 'AROA' || :name, 'arn:' || :name, 5, "
            sql += ":document)"
            connection.execute(sqlalchemy.text(sql), values)
        sql = (
            "INSERT INTO iam_user (account, name, path, id, arn, created_us, document)"
            " VALUES ('000000000001', 'u', '/', 'AIDA1', 'arn:u', 5, '{}')"
        )
        connection.execute(sqlalchemy.text(sql))
        sql = (
            "INSERT INTO resource_policy (account, region, arn, document) VALUES ('1', '', 'b', :t)"
        )
        connection.execute(sqlalchemy.text(sql), {"t": trusting(*named)})
    migrate(engine)
    engine.dispose()


async def test_policies_that_are_stored_mean_who_has_the_name_now(
    engine: str, empty_database_url: str
) -> None:
    session = "arn:aws:sts::000000000001:assumed-role/r/walk"
    named = ["arn:u", "arn:r", "arn:gone", session, "*"]
    if engine == "sqlite":
        target = sqlalchemy.create_engine(empty_database_url)
    else:
        target = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(empty_database_url)
        )

    await asyncio.to_thread(migrate_policies_of_0005, target, named)

    opened = await database.connect(empty_database_url)
    try:
        role = await opened.read(lambda tx: roles.get(tx, "000000000001", "r"))
        unreadable = await opened.read(lambda tx: roles.get(tx, "000000000001", "s"))
        bucket = await opened.read(lambda tx: resource_policies.with_principals(tx, "b"))
    finally:
        await opened.close()
    known = {"arn:u": "AIDA1", "arn:r": "AROAr", session: "AROAr:walk"}
    assert role.trusted == known
    assert unreadable.trusted == {}
    assert bucket == (trusting(*named), known)
