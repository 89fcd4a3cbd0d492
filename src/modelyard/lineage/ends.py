"""What associations may join, looked up by ARN: lineage entities, trial components, experiments.

The tables `trial_component` and `experiment` are of the family `experiments`; this is the one
module of lineage that reads them.
"""

from collections.abc import Iterable, Sequence

from modelyard.lineage import names
from modelyard.storage.transaction import Row, Transaction

# How an association calls the end that is a trial component: by what made it, or so.
_UNMADE = "SageMakerExperimentTrialComponent"
_EXPERIMENT = "SageMakerExperiment"
_BATCH = 500  # parameters in one statement


async def types(tx: Transaction, account: str, region: str, arns: Sequence[str]) -> dict[str, str]:
    """The types of those that are there, by ARN."""
    components = _keys(arns, names.TRIAL_COMPONENT)
    experiments = _keys(arns, names.EXPERIMENT)
    others = sorted(set(arns) - set(components) - set(experiments))
    place = (account, region)
    entities = await _by(tx, "arn, type", "lineage_entity", "arn", *place, others)
    found: dict[str, str] = dict(entities)
    made: dict[str, str] = dict(
        await _by(
            tx, "name_key, source_type", "trial_component", "name_key", *place, components.values()
        )
    )
    found |= {arn: made[key] or _UNMADE for arn, key in components.items() if key in made}
    there = set(await _by(tx, "name_key", "experiment", "name_key", *place, experiments.values()))
    return found | {arn: _EXPERIMENT for arn, key in experiments.items() if (key,) in there}


def _keys(arns: Iterable[str], kind: str) -> dict[str, str]:
    """The keys of names, by ARN, of those of this kind."""
    return {arn: arn.partition("/")[2].lower() for arn in arns if names.kind(arn) == kind}


async def _by(
    tx: Transaction,
    columns: str,
    table: str,
    key: str,
    account: str,
    region: str,
    wanted: Iterable[str],
) -> list[Row]:
    rows: list[Row] = []
    values = list(wanted)
    for start in range(0, len(values), _BATCH):
        batch = values[start : start + _BATCH]
        rows += await tx.all(
            f"SELECT {columns} FROM {table}"
            f" WHERE account = ? AND region = ? AND {key} IN ({', '.join('?' * len(batch))})",
            *(account, region, *batch),
        )
    return rows
