"""QueryLineage over a graph of data sets, jobs, models, versions and endpoints, made by SQL.

Versions of a few projects: each came from two data sets and an image by a job, was approved, and
was deployed to one of the endpoints. Data sets are derived from each other, so that depth counts.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from bench.results import Figures, measure
from bench.servers import ACCOUNT, Modelyard
from bench.signing import REGION
from modelyard import lineage_names as names

QUERY = "QueryLineage"
ENDPOINTS, DATA_SETS, IMAGES, PROJECTS = 200, 400, 10, 20
DERIVED = 8  # data sets in a row, each derived from the one before
_EDGES_OF_VERSION = 11
_AT_US = 1_790_000_000_000_000

# What is asked, by its name in the document: direction, start, filters.
QUESTIONS = {
    "what an endpoint came from": ("Ascendants", "endpoint", {}),
    "endpoints that a data set is in": ("Descendants", "data", {"Types": ["Endpoint"]}),
    "everything around a data set": ("Both", "data", {}),
}
# Walks over every association there is, as Both with a filter does where all share an image.
WHOLE = "every endpoint in reach of an image"
_WHOLE = ("Both", "image", {"Types": ["Endpoint"]})


class Lineage:
    """What is asked of one Modelyard's graph of `edges` associations."""

    def __init__(self, server: Modelyard, edges: int) -> None:
        self.server = server
        self.edges = edges

    def fill(self) -> None:
        entities: dict[str, tuple[str, str]] = {}  # kind and type by ARN
        associations: list[tuple[str, str, str]] = []
        for source, destination, kind in graph(self.edges):
            for arn, entity_type in (source, destination):
                entities[arn] = (names.kind(arn), entity_type)
            associations.append((source[0], destination[0], kind))
        types = {arn: entity_type for arn, (_, entity_type) in entities.items()}
        _insert(
            self.server.url,
            "lineage_entity (account, region, arn, kind, name, type, source_key, digest,"
            " created_us, modified_us, document)",
            [
                (
                    *(ACCOUNT, REGION, arn, kind, "", entity_type, names.source_key(arn), ""),
                    *(_AT_US + number, _AT_US + number, "{}"),
                )
                for number, (arn, (kind, entity_type)) in enumerate(entities.items())
            ],
        )
        _insert(
            self.server.url,
            "lineage_association (account, region, source_arn, destination_arn,"
            " association_type, source_type, destination_type, created_us)",
            [
                (ACCOUNT, REGION, one, other, kind, types[one], types[other], _AT_US + number)
                for number, (one, other, kind) in enumerate(associations)
            ],
        )

    def run(self, figures: Figures, seconds: float) -> None:
        for what in (*QUESTIONS, WHOLE):
            build = partial(self._query, what)
            measure(figures, asked(what), self.server.target, build, clients=1, seconds=seconds)

    def _query(self, what: str, number: int) -> bytes:
        direction, start, filters = QUESTIONS.get(what, _WHOLE)
        starts = {
            "endpoint": _context("endpoint", number % ENDPOINTS),
            "data": _artifact("data", number * DERIVED % DATA_SETS),
            "image": _artifact("image", number % IMAGES),
        }
        document: dict[str, Any] = {
            "StartArns": [starts[start]],
            "Direction": direction,
            "IncludeEdges": True,
            "MaxDepth": 10,
        }
        return self.server.signer.call(QUERY, {**document, "Filters": filters})


def asked(what: str) -> str:
    return f"{QUERY}, {what}"


End = tuple[str, str]  # ARN and type


def graph(edges: int) -> Iterator[tuple[End, End, str]]:
    """About `edges` associations: source, destination and type."""
    for number in range(DATA_SETS):
        if number % DERIVED:
            yield _data(number - 1), _data(number), "DerivedFrom"
    for number in range(max(1, (edges - DATA_SETS) // _EDGES_OF_VERSION)):
        job = (_action("job", number), "TrainingJob")
        image = (_artifact("image", number % IMAGES), "Image")
        model = (_artifact("model", number), "Model")
        package = (_artifact("package", number), "Model")
        group = (_context("group", number % PROJECTS), "ModelGroup")
        approval = (_action("approval", number), "Approval")
        deploy = (_action("deploy", number), "ModelDeployment")
        endpoint = (_context("endpoint", number % ENDPOINTS), "Endpoint")
        yield _data(number % DATA_SETS), job, "ContributedTo"
        yield _data((number + DATA_SETS // 2) % DATA_SETS), job, "ContributedTo"
        yield image, job, "ContributedTo"
        yield job, model, "Produced"
        yield model, package, "ContributedTo"
        yield image, package, "ContributedTo"
        yield package, group, "AssociatedWith"
        yield package, approval, "ContributedTo"
        yield approval, deploy, "ContributedTo"
        yield package, deploy, "ContributedTo"
        yield deploy, endpoint, "AssociatedWith"


def _data(number: int) -> End:
    return _artifact("data", number), "DataSet"


def _artifact(what: str, number: int) -> str:
    return names.artifact_arn(ACCOUNT, REGION, f"s3://bench/{what}/{number}")


def _action(what: str, number: int) -> str:
    return names.named_arn(ACCOUNT, REGION, names.ACTION, f"{what}-{number}")


def _context(what: str, number: int) -> str:
    return names.named_arn(ACCOUNT, REGION, names.CONTEXT, f"{what}-{number}")


def _insert(url: str, into: str, rows: list[tuple[Any, ...]]) -> None:
    """What no client could do in time."""
    marks = len(rows[0])
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            statement = f"INSERT INTO {into} VALUES ({', '.join('?' * marks)})"
            connection.executemany(statement, rows)
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as postgresql:
        with postgresql.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        postgresql.execute("VACUUM ANALYZE")
