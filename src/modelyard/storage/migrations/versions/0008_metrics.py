"""Metrics of trial components: a summary a series, kept up to date, and its points."""

from modelyard.storage.migrations import ddl

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    # component_us: when the trial component was created, so that one of the same name that is made
    # later has nothing of the one before. series: a random number, which points carry.
    # points: how many; pivot: the first value; total: the sum of distances from it; spread: that of
    # squared distances from the mean, which is pivot + total / points.
    # last and last_us are those of the point with the latest time.
    """
    CREATE TABLE metric_series (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        component_arn TEXT NOT NULL,
        component_us INTEGER NOT NULL,
        name TEXT NOT NULL,
        series INTEGER NOT NULL,
        points INTEGER NOT NULL,
        pivot REAL NOT NULL,
        total REAL NOT NULL,
        spread REAL NOT NULL,
        lowest REAL NOT NULL,
        highest REAL NOT NULL,
        last REAL NOT NULL,
        last_us INTEGER NOT NULL,
        PRIMARY KEY (account, region, component_arn, component_us, name)
    ) WITHOUT ROWID
    """,
    # number: the place of the point among those of its series, as they arrived, from 0.
    """
    CREATE TABLE metric_point (
        series INTEGER NOT NULL,
        step INTEGER NOT NULL,
        number INTEGER NOT NULL,
        at_us INTEGER NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (series, step, number)
    ) WITHOUT ROWID
    """,
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
