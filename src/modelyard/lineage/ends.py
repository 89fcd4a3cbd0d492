"""What associations may join, looked up by ARN: lineage entities, trial components, experiments.

The tables `trial_component` and `experiment` are of the family `experiments`; this is the one
module of lineage that reads them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from modelyard import lineage_names as names
from modelyard.storage.transaction import Row, Transaction

# How an association calls an end that no job made.
_UNMADE = "SageMakerExperimentTrialComponent"
_EXPERIMENT = "SageMakerExperiment"
_OF_JOBS = "SageMaker"  # what the type of a job's trial component begins with, in an association
_VERTEX_TYPE_MAX = 40  # Vertex.Type: String40
_BATCH = 500  # parameters in one statement


@dataclass(frozen=True, slots=True)
class End:
    """`type` is as associations tell it; `document` is "" of what is no lineage entity."""

    arn: str
    name: str
    type: str
    created_us: int
    modified_us: int
    document: str = ""


async def find(tx: Transaction, account: str, region: str, arns: Iterable[str]) -> dict[str, End]:
    """Those that are there, by ARN as it is kept."""
    wanted = sorted(set(arns))
    place = (account, region)
    found: dict[str, End] = {}
    for arn, name, type_, created, modified, document in await _by(
        tx,
        "lineage_entity",
        "arn",
        "arn, name, type, created_us, modified_us, document",
        *place,
        [arn for arn in wanted if names.kind(arn) not in (names.TRIAL_COMPONENT, names.EXPERIMENT)],
    ):
        found[arn] = End(arn, name, type_, created, modified, document)
    components = _keys(wanted, names.TRIAL_COMPONENT)
    for key, name, made_by, created, modified in await _by(
        tx,
        "trial_component",
        "name_key",
        "name_key, name, source_type, created_us, modified_us",
        *place,
        list(components),
    ):
        arn = components[key]
        found[arn] = End(arn, name, made_by or _UNMADE, created, modified)
    experiments = _keys(wanted, names.EXPERIMENT)
    for key, name, created, modified in await _by(
        tx,
        "experiment",
        "name_key",
        "name_key, name, created_us, modified_us",
        *place,
        list(experiments),
    ):
        arn = experiments[key]
        found[arn] = End(arn, name, _EXPERIMENT, created, modified)
    return found


def vertex_type(arn: str, association_type: str) -> str:
    """What QueryLineage calls the type that associations tell of this end."""
    if names.kind(arn) == names.TRIAL_COMPONENT:
        association_type = association_type.removeprefix(_OF_JOBS)
    return association_type[:_VERTEX_TYPE_MAX]


def _keys(arns: Iterable[str], kind: str) -> dict[str, str]:
    """ARNs of this kind by the key of the name."""
    return {arn.partition("/")[2]: arn for arn in arns if names.kind(arn) == kind}


async def _by(
    tx: Transaction,
    table: str,
    key: str,
    columns: str,
    account: str,
    region: str,
    wanted: list[str],
) -> list[Row]:
    rows: list[Row] = []
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        rows += await tx.all(
            f"SELECT {columns} FROM {table}"
            f" WHERE account = ? AND region = ? AND {key} IN ({', '.join('?' * len(batch))})",
            *(account, region, *batch),
        )
    return rows
