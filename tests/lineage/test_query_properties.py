"""QueryLineage against a plain walk over the same graph in memory, on both databases."""

import asyncio
import itertools
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.call import Document
from modelyard.lineage import store
from modelyard.storage.transaction import Transaction
from tests.lineage.in_process import Lineage
from tests.registry.in_process import ACCOUNT

KINDS = ("Artifact", "Action", "Context")
TYPES = ("Model", "DataSet", "Endpoint")
VALUES = ({}, {"a": "1"}, {"a": "1", "b": "2"}, {"a": "2"})
EDGE_TYPES = ("ContributedTo", "Produced", "")
TIMES = ("CreatedBefore", "CreatedAfter", "ModifiedBefore", "ModifiedAfter")
SIZE = 7

# An entity: kind, type, properties, created and modified.
entities = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(TYPES),
    st.sampled_from(VALUES),
    st.integers(1, 5),
    st.integers(1, 5),
)
numbers = st.integers(0, SIZE - 1)
graphs = st.tuples(
    st.lists(entities, min_size=SIZE, max_size=SIZE),
    st.dictionaries(st.tuples(numbers, numbers), st.sampled_from(EDGE_TYPES), min_size=SIZE),
)
filters = st.fixed_dictionaries(
    {},
    optional={
        "Types": st.lists(st.sampled_from(TYPES), max_size=2),
        "LineageTypes": st.lists(st.sampled_from((*KINDS, "TrialComponent")), max_size=2),
        "Properties": st.sampled_from(VALUES),
        **{name: st.integers(0, 6) for name in TIMES},
    },
)
questions = st.fixed_dictionaries(
    {
        "Direction": st.sampled_from(["Ascendants", "Descendants", "Both"]),
        "IncludeEdges": st.booleans(),
    },
    optional={"MaxDepth": st.sampled_from([1, 2, 3, 10]), "Filters": filters},
)


class Graph:
    """A graph in memory, and in the database in a region of its own."""

    def __init__(self, region: str, drawn: tuple[Any, Any]) -> None:
        self.region = region
        self.entities, edges = drawn
        self.edges = {pair: name for pair, name in edges.items() if pair[0] != pair[1]}
        self.arns: list[str] = []

    async def keep(self, tx: Transaction) -> None:
        self.arns.clear()
        place = (ACCOUNT, self.region)
        for number, (kind, name, properties, created, modified) in enumerate(self.entities):
            members: Document = {"Properties": properties, "now_us": created}
            source = {"SourceUri": f"s{number}"}
            if kind == "Artifact":
                arn = await store.put_artifact(
                    tx, *place, source_uri=f"s{number}", artifact_type=name, **members
                )
            elif kind == "Action":
                arn = await store.put_action(
                    tx, *place, name=f"n{number}", source=source, action_type=name, **members
                )
            else:
                arn = await store.put_context(
                    tx, *place, name=f"n{number}", source=source, context_type=name, **members
                )
            await tx.run(
                "UPDATE lineage_entity SET modified_us = ?"
                " WHERE account = ? AND region = ? AND arn = ?",
                *(modified, *place, arn),
            )
            self.arns.append(arn)
        for (one, other), name in self.edges.items():
            await store.associate(tx, *place, self.arns[one], self.arns[other], name, now_us=1)

    def depths(self, start: int, direction: str, depth_max: int) -> dict[int, int]:
        found = {start: 0}
        for depth in range(1, depth_max + 1):
            for one, other in self.edges:
                pairs = {"Ascendants": [(other, one)], "Descendants": [(one, other)]}
                for here, there in pairs.get(direction, [(one, other), (other, one)]):
                    if found.get(here) == depth - 1 and there not in found:
                        found[there] = depth
        return found

    def passes(self, number: int, asked: Document) -> bool:
        kind, name, properties, created, modified = self.entities[number]
        times = {"CreatedBefore": (created, -1), "CreatedAfter": (created, 1)}
        times |= {"ModifiedBefore": (modified, -1), "ModifiedAfter": (modified, 1)}
        return (
            (not asked.get("LineageTypes") or kind in asked["LineageTypes"])
            and (not asked.get("Types") or name in asked["Types"])
            and asked.get("Properties", {}).items() <= properties.items()
            and all(
                (value - asked[member]) * sign > 0
                for member, (value, sign) in times.items()
                if member in asked
            )
        )

    def answer(self, start: int, asked: Document) -> tuple[list[str], set[tuple[str, str, str]]]:
        given_filters = {k: v for k, v in asked.get("Filters", {}).items() if v not in ([], {})}
        edges_too = bool(asked.get("IncludeEdges"))
        depths = self.depths(start, asked["Direction"], asked.get("MaxDepth", 10))
        kept = [
            (depth, self.arns[number])
            for number, depth in depths.items()
            if (self.passes(number, given_filters) and number != start)
            or (number == start and edges_too and not given_filters)
        ]
        vertices = [arn for _, arn in sorted(kept)]
        edges = {
            (self.arns[one], self.arns[other], name)
            for (one, other), name in self.edges.items()
            if edges_too and self.arns[one] in vertices and self.arns[other] in vertices
        }
        return vertices, edges


async def _asked(
    lineage: Lineage, request: Document, size: int | None
) -> tuple[list[str], set[tuple[str, str, str]]]:
    """What all pages tell together."""
    vertices: list[str] = []
    edges: list[tuple[str, str, str]] = []
    paging: Document = {} if size is None else {"MaxResults": size}
    while True:
        page = await lineage("QueryLineage", **request, **paging)
        vertices += [one["Arn"] for one in page["Vertices"]]
        edges += [
            (one["SourceArn"], one["DestinationArn"], one.get("AssociationType", ""))
            for one in page["Edges"]
        ]
        if "NextToken" not in page:
            assert len(set(edges)) == len(edges)
            return vertices, set(edges)
        paging["NextToken"] = page["NextToken"]


async def test_an_answer_is_what_a_plain_walk_finds(lineage: Lineage) -> None:
    regions = itertools.count()
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(
        drawn=graphs,
        start=numbers,
        asked=st.lists(questions, min_size=4, max_size=6),
        size=st.none() | st.integers(1, 4),
    )
    def holds(drawn: Any, start: int, asked: list[Document], size: int | None) -> None:
        graph = Graph(f"r-{next(regions)}", drawn)

        async def compare() -> None:
            await lineage.database.write(graph.keep)
            lineage.region = graph.region
            for question in asked:
                request = {"StartArns": [graph.arns[start]], **question}
                assert await _asked(lineage, request, size) == graph.answer(start, question)

        asyncio.run_coroutine_threadsafe(compare(), loop).result()

    await asyncio.to_thread(holds)
