"""Search among very many versions: what is asked often, and what is made to be hard to find.

Half of the versions are in one group, the others in a thousand. How values are spread is chosen so
that no single index is good for all questions.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench import servers
from bench.peers import REGISTRIES
from bench.registry import connected
from bench.results import Figures, measure
from bench.servers import ACCOUNT, Modelyard, Postgresql
from bench.signing import REGION

SEARCH = "Search"
VERSIONS = 1_000_000
CLIENTS = 1

_GROUP = {"Name": "ModelPackageGroupName", "Value": "big"}
_APPROVED = {"Name": "ModelApprovalStatus", "Value": "Approved"}
_REJECTED = {"Name": "ModelApprovalStatus", "Value": "Rejected"}
_CREATED = {"SortBy": "CreationTime", "SortOrder": "Descending"}


def _has(key: str, value: str, operator: str = "Equals") -> dict[str, str]:
    name = f"CustomerMetadataProperties.{key}"
    return {"Name": name, "Value": value, "Operator": operator}


# What is asked for, and the request. The first is the goal.
QUESTIONS: Mapping[str, dict[str, Any]] = {
    "approved, in a group, x = y, newest first": {
        "Filters": [_APPROVED, _GROUP, _has("x", "y")],
        **_CREATED,
    },
    "the same, last changed first": {"Filters": [_APPROVED, _GROUP, _has("x", "y")]},
    "value everywhere, approval rare": {
        "Filters": [_REJECTED, _GROUP, _has("team", "all")],
        **_CREATED,
    },
    "value rare, approval common": {
        "Filters": [_APPROVED, _GROUP, _has("x", "rare")],
        **_CREATED,
    },
    "both common, never together": {
        "Filters": [_APPROVED, _GROUP, _has("x", "never")],
        **_CREATED,
    },
    "both common, only the oldest have both": {
        "Filters": [_APPROVED, _GROUP, _has("x", "old")],
        **_CREATED,
    },
    "nobody has the value": {"Filters": [_APPROVED, _GROUP, _has("x", "none")], **_CREATED},
    "approved, in any group": {"Filters": [_APPROVED]},
    "in a stage, in any group": {
        "Filters": [{"Name": "ModelLifeCycle.Stage", "Value": "Production"}]
    },
    "metadata as a number, above 0.9999": {"Filters": [_has("accuracy", "0.9999", "GreaterThan")]},
    "one of a thousand groups, sorted by metadata": {
        "Filters": [{"Name": "ModelPackageGroupName", "Value": "small-7"}],
        "SortBy": "CustomerMetadataProperties.accuracy",
    },
}


def name(question: str) -> str:
    """What the figures call it."""
    return f"{SEARCH}: {question}"


def fill(server: Modelyard, versions: int) -> None:
    """Rows as registrations leave them, made by the database itself."""
    with connected(server.url) as connection:
        for statement in _FILL:
            text = statement.replace(":versions", str(versions))
            connection.execute(
                text.replace(":account", f"'{ACCOUNT}'").replace(":region", f"'{REGION}'")
            )


def measured(
    figures: Figures,
    folder: Path,
    postgresql: Postgresql,
    versions: int,
    seconds: float,
    databases: Sequence[str] | None = None,
) -> None:
    """On servers of their own, so that nothing else is measured beside so many rows."""
    for database in databases or REGISTRIES:
        place = folder / f"search-{database}"
        server = Modelyard(database, place, postgresql if database == "postgresql" else None)
        server.start()
        try:
            fill(server, versions)
            run(figures, server, seconds)
        finally:
            server.stop()
            shutil.rmtree(place)


def run(figures: Figures, server: Modelyard, seconds: float) -> None:
    for what, question in QUESTIONS.items():
        build = partial(_request, server, question)
        measure(figures, name(what), server.target, build, clients=CLIENTS, seconds=seconds)


def _request(server: Modelyard, question: dict[str, Any], _: int) -> bytes:
    asked = {name: value for name, value in question.items() if name != "Filters"}
    asked["SearchExpression"] = {"Filters": question["Filters"]}
    return server.signer.call(SEARCH, {"Resource": "ModelPackage", **asked})


_NUMBERS = """
    WITH RECURSIVE numbers(n) AS (
        SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :versions
    ), spread AS (
        SELECT n,
               CASE WHEN n % 2 = 0 THEN 'big' ELSE 'small-' || (n / 2 % 1000) END AS group_name,
               CASE WHEN n / 2 % 10 = 0 THEN 'Approved' WHEN n / 2 % 20011 = 1 THEN 'Rejected'
                    ELSE 'PendingManualApproval' END AS approval,
               CASE WHEN n % 97 = 0 THEN 'Production' ELSE '' END AS stage,
               CASE WHEN n / 2 % 5000 = 0 THEN 'rare' WHEN n < :versions / 5 THEN 'old'
                    WHEN n / 2 % 10 <> 0 AND n / 2 % 2 = 0 THEN 'never'
                    WHEN n / 2 % 3 = 0 THEN 'y' ELSE 'n' END AS x,
               '0.' || substr('' || (100000 + n % 100000 * 7919 % 100000), 2) AS accuracy
        FROM numbers
    )
"""
_SINCE = 1_790_000_000_000_000
_FILL = (
    f"""
    INSERT INTO model_package (account, region, group_name, name, version, arn, created_us,
                               modified_us, approval, stage, document)
    {_NUMBERS}
    SELECT :account, :region, group_name, '', n,
           'arn:aws:sagemaker:' || :region || ':' || :account || ':model-package/' || group_name
               || '/' || n,
           {_SINCE} + n, {_SINCE} + n, approval, stage,
           '{{"ModelPackageGroupName":"' || group_name || '","ModelPackageVersion":' || n
           || ',"ModelPackageArn":"arn:aws:sagemaker:' || :region || ':' || :account
           || ':model-package/' || group_name || '/' || n || '","CreationTime":' || ({_SINCE} + n)
           || ',"InferenceSpecification":{{"Containers":[{{"Image":"' || :account
           || '.dkr.ecr.us-east-1.amazonaws.com/xgboost:1.7-1","ModelDataUrl":'
           || '"s3://bench-models/group-1/model.tar.gz"}}],"SupportedContentTypes":["text/csv"],'
           || '"SupportedResponseMIMETypes":["text/csv"]}},"ModelPackageStatus":"Completed",'
           || '"ModelPackageStatusDetails":{{"ValidationStatuses":[],"ImageScanStatuses":[]}},'
           || '"CertifyForMarketplace":false,"ModelApprovalStatus":"' || approval
           || '","LastModifiedTime":' || ({_SINCE} + n)
           || CASE WHEN stage = '' THEN '' ELSE ',"ModelLifeCycle":{{"Stage":"' || stage
              || '","StageStatus":"Approved"}}' END
           || ',"CustomerMetadataProperties":{{"team":"all","x":"' || x || '","accuracy":"'
           || accuracy || '"}}}}'
    FROM spread
    """,
    *(
        f"""
        INSERT INTO search_value (account, region, kind, property, text, within, state, created_us,
                                  name, version, number)
        {_NUMBERS}
        SELECT :account, :region, 'metadata', '{key}', {text}, group_name, approval, {_SINCE} + n,
               '', n, {number}
        FROM spread ORDER BY {order}group_name, approval, n
        """
        for key, text, order, number in (
            ("team", "'all'", "", "NULL"),
            ("x", "x", "x, ", "NULL"),
            ("accuracy", "accuracy", "accuracy, ", "(n % 100000 * 7919 % 100000) / 100000.0"),
        )
    ),
)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.searching", description=__doc__)
    parser.add_argument("--versions", type=int, default=VERSIONS)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one question")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), action="append")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modelyard-bench-")))
        postgresql = stack.enter_context(servers.postgresql())
        figures = Figures(lambda line: print(line, flush=True))
        measured(figures, folder, postgresql, options.versions, options.seconds, options.database)


if __name__ == "__main__":
    main(sys.argv[1:])
