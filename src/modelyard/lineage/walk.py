"""A walk along associations, breadth first, from one entity or from several.

A statement a few hundred entities of a level, by the primary key for what comes after and by an
index for what came before. It ends on circles: no entity is visited twice.
"""

from collections.abc import Iterable, Mapping
from enum import Enum

from modelyard.errors import ResourceLimitExceeded
from modelyard.storage.transaction import Transaction

VISITED_MAX = 250_000  # entities in one walk
_BATCH = 400  # entities in one statement

# An association as (source, destination), and its type ("" for none).
Edges = dict[tuple[str, str], str]


class Direction(Enum):
    """Which way, in AWS's words."""

    ASCENDANTS = "Ascendants"
    DESCENDANTS = "Descendants"
    BOTH = "Both"


# The columns by which the associations of an entity are found.
_COLUMNS = {
    Direction.ASCENDANTS: ("destination_arn",),
    Direction.DESCENDANTS: ("source_arn",),
    Direction.BOTH: ("destination_arn", "source_arn"),
}


class Walk:
    """`visited` has the depth of every entity met, `types` their types as associations tell them.

    `frontier` are those that were met in the last step. `edges` are the associations walked along.
    """

    def __init__(
        self, tx: Transaction, account: str, region: str, direction: Direction, start: str
    ) -> None:
        self._tx = tx
        self._place = (account, region)
        self._columns = _COLUMNS[direction]
        self.depth = 0
        self.visited: dict[str, int] = {start: 0}
        self.types: dict[str, str] = {}
        self.edges: Edges = {}
        self.frontier = [start]

    async def step(self) -> list[str]:
        """Go one association further; the entities met, in order of their ARNs.

        Raises: ResourceLimitExceeded: there are too many.
        """
        self.depth += 1
        met = await self.look(self.frontier)
        self.frontier = sorted(met.keys() - self.visited.keys())
        for arn in self.frontier:
            self.visited[arn] = self.depth
            self.types[arn] = met[arn]
        if len(self.visited) > VISITED_MAX:
            raise ResourceLimitExceeded(
                f"More than {VISITED_MAX} entities are connected here. Ask for one direction, or"
                " for a smaller MaxDepth."
            )
        return self.frontier

    async def look(self, arns: Iterable[str]) -> Mapping[str, str]:
        """Note the associations of `arns`; the types of their other ends, by ARN."""
        wanted = list(arns)
        met: dict[str, str] = {}
        for column in self._columns:
            other = "source" if column == "destination_arn" else "destination"
            for start in range(0, len(wanted), _BATCH):
                batch = wanted[start : start + _BATCH]
                rows = await self._tx.all(
                    f"SELECT source_arn, destination_arn, association_type, {other}_type"
                    " FROM lineage_association WHERE account = ? AND region = ?"
                    f" AND {column} IN ({', '.join('?' * len(batch))})",
                    *(*self._place, *batch),
                )
                end = 0 if other == "source" else 1
                for row in rows:
                    self.edges[row[0], row[1]] = row[2]
                    met[row[end]] = row[3]
        return met


async def leads(tx: Transaction, account: str, region: str, source: str, destination: str) -> bool:
    """Whether associations lead from `source` to `destination`. Searches from both ends at once.

    Raises: ResourceLimitExceeded: there is too much between them to tell.
    """
    down = Walk(tx, account, region, Direction.DESCENDANTS, source)
    up = Walk(tx, account, region, Direction.ASCENDANTS, destination)
    while down.frontier and up.frontier:
        if not down.visited.keys().isdisjoint(up.visited):
            return True
        await (down if len(down.frontier) <= len(up.frontier) else up).step()
    return not down.visited.keys().isdisjoint(up.visited)
