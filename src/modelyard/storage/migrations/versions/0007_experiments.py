"""Experiments: their trials, trial components, and which component is in which trial.

`name_key` is the name in lower case, which is what is unique. Columns that name another entity
(`experiment`, `trial`, `component`) hold its name_key.
"""

from modelyard.storage.migrations import ddl

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    """
    CREATE TABLE experiment (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name_key TEXT NOT NULL,
        name TEXT NOT NULL,
        arn TEXT NOT NULL,
        display_name TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        modified_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, name_key)
    )
    """,
    "CREATE UNIQUE INDEX experiment_by_arn ON experiment (account, region, arn)",
    """
    CREATE INDEX experiment_by_creation
        ON experiment (account, region, created_us, name_key)
    """,
    """
    CREATE TABLE trial (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name_key TEXT NOT NULL,
        name TEXT NOT NULL,
        arn TEXT NOT NULL,
        display_name TEXT NOT NULL,
        experiment TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        modified_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, name_key)
    )
    """,
    "CREATE UNIQUE INDEX trial_by_arn ON trial (account, region, arn)",
    "CREATE INDEX trial_by_creation ON trial (account, region, created_us, name_key)",
    """
    CREATE INDEX trial_of_experiment
        ON trial (account, region, experiment, created_us, name_key)
    """,
    """
    CREATE INDEX trial_of_experiment_by_name
        ON trial (account, region, experiment, name_key)
    """,
    # source_arn, source_type: of the job that made it, '' for what a client made. status: the
    # PrimaryStatus, '' where nobody told.
    """
    CREATE TABLE trial_component (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name_key TEXT NOT NULL,
        name TEXT NOT NULL,
        arn TEXT NOT NULL,
        display_name TEXT NOT NULL,
        source_arn TEXT NOT NULL,
        source_type TEXT NOT NULL,
        status TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        modified_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, name_key)
    )
    """,
    "CREATE UNIQUE INDEX trial_component_by_arn ON trial_component (account, region, arn)",
    """
    CREATE INDEX trial_component_by_creation
        ON trial_component (account, region, created_us, name_key)
    """,
    """
    CREATE INDEX trial_component_by_source
        ON trial_component (account, region, source_arn, created_us, name_key)
        WHERE source_arn <> ''
    """,
    # component_created_us and experiment are the component's and the trial's, which never change:
    # pages of an experiment's components are read in their order from one index.
    """
    CREATE TABLE trial_component_of_trial (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        trial TEXT NOT NULL,
        component TEXT NOT NULL,
        experiment TEXT NOT NULL,
        component_created_us INTEGER NOT NULL,
        PRIMARY KEY (account, region, trial, component)
    ) WITHOUT ROWID
    """,
    """
    CREATE INDEX trial_component_of_trial_by_creation
        ON trial_component_of_trial (account, region, trial, component_created_us, component)
    """,
    """
    CREATE INDEX trial_component_of_experiment
        ON trial_component_of_trial (account, region, experiment, component_created_us, component)
    """,
    """
    CREATE INDEX trial_component_of_experiment_by_name
        ON trial_component_of_trial (account, region, experiment, component)
    """,
    """
    CREATE INDEX trial_of_trial_component
        ON trial_component_of_trial (account, region, component, trial)
    """,
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
