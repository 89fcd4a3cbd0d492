"""Where the nodes and edges of a directed graph go, from left to right. Pure.

In four steps, after Sugiyama: circles are opened and every node gets a layer; edges over several
layers get a bend in each; layers are put in an order with few crossings, by medians; and nodes move
up and down towards their neighbours, as near as the gaps allow. The same graph always gets the same
picture.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_SWEEPS = 12  # of ordering, there and back; the best is kept
_PULLS = 8  # of moving nodes towards their neighbours

Edge = tuple[str, str]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Measures:
    """In whatever unit the picture has. A bend is where a long edge passes a layer."""

    width: float
    height: float
    between_layers: float
    between_nodes: float
    between_bends: float


@dataclass(frozen=True, slots=True)
class Layout:
    """`places` are the upper left corners of nodes; `ways` the points that edges pass."""

    width: float
    height: float
    places: Mapping[str, Point]
    ways: Mapping[Edge, Sequence[Point]]


@dataclass(frozen=True, slots=True)
class _Bend:
    """Stands in a layer for an edge that passes it."""

    edge: Edge
    layer: int


_Item = str | _Bend


def lay_out(nodes: Sequence[str], edges: Iterable[Edge], measures: Measures) -> Layout:
    """Edges between what is not among `nodes`, to itself, or given twice are left out."""
    known = set(nodes)
    drawn = [
        (one, other)
        for one, other in dict.fromkeys(edges)
        if one != other and one in known and other in known
    ]
    forward = _without_circles(nodes, drawn)
    layers = _layers(nodes, forward)
    rows, links = _with_bends(nodes, forward, layers)
    _order(rows, links)
    heights = _heights(rows, links, measures)
    step = measures.width + measures.between_layers
    lowest = min(heights.values(), default=0.0)
    places = {
        node: (layers[node] * step, heights[node] - lowest - measures.height / 2) for node in nodes
    }
    top = min((y for _, y in places.values()), default=0.0)
    places = {node: (x, y - top) for node, (x, y) in places.items()}
    offset = -lowest - top
    ways = {edge: _way(edge, layers, places, heights, offset, measures) for edge in drawn}
    bends = [y for way in ways.values() for _, y in way]
    return Layout(
        width=max((x for x, _ in places.values()), default=0.0) + measures.width,
        height=max([y + measures.height for _, y in places.values()] + bends, default=0.0),
        places=places,
        ways=ways,
    )


def _without_circles(nodes: Sequence[str], edges: Sequence[Edge]) -> list[Edge]:
    """The edges, with those turned round that a walk finds to lead back to where it came from."""
    following: dict[str, list[str]] = {node: [] for node in nodes}
    for one, other in edges:
        following[one].append(other)
    entered: set[str] = set()
    open_: set[str] = set()
    forward: dict[Edge, None] = {}
    sources = set(nodes) - {other for _, other in edges}
    for first in sorted(nodes, key=lambda node: node not in sources):
        if first in entered:
            continue
        entered.add(first)
        open_.add(first)
        way = [(first, iter(following[first]))]
        while way:
            node, rest = way[-1]
            found = next(rest, None)
            if found is None:
                way.pop()
                open_.discard(node)
                continue
            forward[(found, node) if found in open_ else (node, found)] = None
            if found not in entered:
                entered.add(found)
                open_.add(found)
                way.append((found, iter(following[found])))
    return list(forward)


def _layers(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Behind the last of what leads to it; what nothing leads to goes next to what it leads to."""
    following: dict[str, list[str]] = {node: [] for node in nodes}
    waits = dict.fromkeys(nodes, 0)
    for one, other in edges:
        following[one].append(other)
        waits[other] += 1
    layers = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not waits[node]]
    sources = list(ready)
    for node in ready:
        for other in following[node]:
            layers[other] = max(layers[other], layers[node] + 1)
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    for node in sources:
        if following[node]:
            layers[node] = min(layers[other] for other in following[node]) - 1
    return layers


def _with_bends(
    nodes: Sequence[str], edges: Sequence[Edge], layers: Mapping[str, int]
) -> tuple[list[list[_Item]], list[tuple[_Item, _Item]]]:
    """What stands in each layer, and links from one layer to the next."""
    rows: list[list[_Item]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for node in nodes:
        rows[layers[node]].append(node)
    links: list[tuple[_Item, _Item]] = []
    for edge in edges:
        one, other = edge
        chain: list[_Item] = [one]
        for layer in range(layers[one] + 1, layers[other]):
            bend = _Bend(edge, layer)
            rows[layer].append(bend)
            chain.append(bend)
        links += pairwise([*chain, other])
    return rows, links


def _neighbours(
    links: Iterable[tuple[_Item, _Item]],
) -> tuple[dict[_Item, list[_Item]], dict[_Item, list[_Item]]]:
    """Of each what is in the layer before, and what is in the layer after."""
    before: dict[_Item, list[_Item]] = {}
    after: dict[_Item, list[_Item]] = {}
    for one, other in links:
        after.setdefault(one, []).append(other)
        before.setdefault(other, []).append(one)
    return before, after


def _order(rows: list[list[_Item]], links: Sequence[tuple[_Item, _Item]]) -> None:
    """Put each layer in an order with few crossings."""
    before, after = _neighbours(links)
    best, fewest = [list(row) for row in rows], _crossings(rows, after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        there = sweep % 2 == 0
        order = range(1, len(rows)) if there else range(len(rows) - 2, -1, -1)
        for layer in order:
            beside = rows[layer - 1 if there else layer + 1]
            _sort(rows[layer], beside, before if there else after)
        found = _crossings(rows, after)
        if found < fewest:
            best, fewest = [list(row) for row in rows], found
    rows[:] = best


def _sort(
    row: list[_Item], beside: Sequence[_Item], neighbours: Mapping[_Item, Sequence[_Item]]
) -> None:
    """By the median of the neighbours' places; what has none stays where it is."""
    places = {item: place for place, item in enumerate(beside)}
    medians = [
        median(places[one] for one in neighbours[item]) if item in neighbours else None
        for item in row
    ]
    moving = [(m, item) for m, item in zip(medians, row, strict=True) if m is not None]
    moving.sort(key=lambda pair: pair[0])
    rest = iter(item for _, item in moving)
    row[:] = [item if m is None else next(rest) for m, item in zip(medians, row, strict=True)]


def _crossings(rows: Sequence[Sequence[_Item]], after: Mapping[_Item, Sequence[_Item]]) -> int:
    """Pairs of links that cross, counted by a tree of sums over each layer's places."""
    count = 0
    for row, next_row in pairwise(rows):
        places = {item: place for place, item in enumerate(next_row)}
        ends = [end for item in row for end in sorted(places[one] for one in after.get(item, ()))]
        sums = [0] * (len(next_row) + 1)
        for seen, end in enumerate(ends):
            below, at = 0, end + 1
            while at:
                below += sums[at]
                at &= at - 1
            count += seen - below
            at = end + 1
            while at < len(sums):
                sums[at] += 1
                at += at & -at
    return count


def _heights(
    rows: Sequence[Sequence[_Item]], links: Sequence[tuple[_Item, _Item]], measures: Measures
) -> dict[_Item, float]:
    """The middle of each, as near to those of its neighbours as gaps and order allow."""
    before, after = _neighbours(links)
    heights: dict[_Item, float] = {}
    for row in rows:
        gaps = _gaps(row, measures)
        middle = gaps[-1] / 2 if gaps else 0.0
        heights |= {item: gap - middle for item, gap in zip(row, gaps, strict=True)}
    for pull in range(_PULLS):
        there = pull % 2 == 0
        for row in rows if there else reversed(rows):
            gaps = _gaps(row, measures)
            wanted = []
            for item in row:
                beside = (before if there else after).get(item) or (
                    (after if there else before).get(item) if pull else None
                )
                middles = [heights[one] for one in beside] if beside else [heights[item]]
                wanted.append(sum(middles) / len(middles))
            settled = _settled([w - gap for w, gap in zip(wanted, gaps, strict=True)])
            for item, height, gap in zip(row, settled, gaps, strict=True):
                heights[item] = height + gap
    return heights


def _gaps(row: Sequence[_Item], measures: Measures) -> list[float]:
    """How far below the first of its layer the middle of each is at least."""
    gaps = [0.0] if row else []
    for one, other in pairwise(row):
        sizes = [measures.height if isinstance(item, str) else 0.0 for item in (one, other)]
        both_bend = isinstance(one, _Bend) and isinstance(other, _Bend)
        between = measures.between_bends if both_bend else measures.between_nodes
        gaps.append(gaps[-1] + sum(sizes) / 2 + between)
    return gaps


def _settled(wanted: Sequence[float]) -> list[float]:
    """The numbers nearest to `wanted` that do not fall: neighbours that would are pooled."""
    pools: list[tuple[float, int]] = []
    for value in wanted:
        total, count = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _way(
    edge: Edge,
    layers: Mapping[str, int],
    places: Mapping[str, Point],
    heights: Mapping[_Item, float],
    offset: float,
    measures: Measures,
) -> list[Point]:
    """From the side of one node to the side of the other, past both sides of every bend."""
    one, other = edge
    back = layers[one] > layers[other]
    first, last = (other, one) if back else (one, other)
    step = measures.width + measures.between_layers
    middle = measures.height / 2
    way = [(places[first][0] + measures.width, places[first][1] + middle)]
    for layer in range(layers[first] + 1, layers[last]):
        height = heights[_Bend((first, last), layer)] + offset
        way += [(layer * step, height), (layer * step + measures.width, height)]
    way.append((places[last][0], places[last][1] + middle))
    return way[::-1] if back else way
