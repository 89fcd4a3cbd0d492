"""A trail that was written under an older schema is whole after the migration, and goes on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import alembic.command
import alembic.config
import psycopg
import sqlalchemy

from modelyard.audit import chain, lookup
from modelyard.audit.chaining import Chaining
from modelyard.audit.checkpoints import Keys
from modelyard.audit.records import COLUMNS, Record
from modelyard.audit.verification import Trust, verify
from modelyard.storage import database
from modelyard.storage.migrations import ddl

KEYS = Keys(b"secret of a test")
CHAINED, WAITING = 5, 2


def records() -> Iterator[Record]:
    for number in range(1, CHAINED + WAITING + 1):
        yield Record(
            id=f"request-{number}",
            account="123456789012",
            region="us-east-1",
            at_us=number,
            principal="arn:aws:iam::123456789012:root",
            user_name="root",
            access_key_id="AKIA",
            service="sagemaker",
            operation="AddTags",
            read_only=0,
            resource="arn:x",
            error_code="",
            document="{}",
        ).sealed(KEYS.seal)


def written_as_0005(engine: sqlalchemy.Engine) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(ddl.__file__).parent))
    names = [*COLUMNS, "sequence", "hash"]
    insert = sqlalchemy.text(
        f"INSERT INTO audit_record ({', '.join(names)})"
        f" VALUES ({', '.join(f':{name}' for name in names)})"
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0005")
        last = chain.BEGINNING
        for number, record in enumerate(records(), 1):
            place, link = 0, ""
            if number <= CHAINED:
                place, link = number, (last := chain.link(last, record))
            connection.execute(
                insert, dict(zip(names, (*record.columns(), place, link), strict=True))
            )
        head = KEYS.signed(CHAINED, last, 1)
        connection.execute(
            sqlalchemy.text(
                "INSERT INTO audit_head VALUES ('head', :sequence, :hash, 1, :by, :signature)"
            ),
            {
                "sequence": head.sequence,
                "hash": head.hash,
                "by": head.signed_by,
                "signature": head.signature,
            },
        )
    engine.dispose()


async def test_an_older_trail_is_whole_after_the_migration_and_goes_on(
    engine: str, empty_database_url: str
) -> None:
    creator = None if engine == "sqlite" else lambda: psycopg.connect(empty_database_url)
    url = empty_database_url if engine == "sqlite" else "postgresql+psycopg://"
    options = {} if creator is None else {"creator": creator}
    await asyncio.to_thread(written_as_0005, sqlalchemy.create_engine(url, **options))

    opened = await database.connect(empty_database_url)
    try:
        chained = await Chaining(opened, KEYS, "a-server").chain_all()
        report = await verify(opened, Trust(KEYS.public, KEYS.seal))
        of_resource = lookup.of_resource("123456789012", "arn:x")
        found = await opened.read(lambda tx: lookup.page(tx, "123456789012", of_resource, 100))
    finally:
        await opened.close()

    assert (chained, report.records, report.findings) == (WAITING, CHAINED + WAITING, ())
    assert [one.sequence for one in found] == list(range(CHAINED + WAITING, 0, -1))
