"""Layouts of any graph: nothing overlaps, everything points to the right, and is inside."""

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelyard.pictures.layout import Layout, Measures, _crossings, _settled, lay_out

MEASURES = Measures(width=10, height=4, between_layers=6, between_nodes=2, between_bends=1)

numbers = st.integers(0, 11)
edges = st.lists(st.tuples(numbers, numbers), max_size=25)


def drawn(pairs: list[tuple[int, int]], count: int = 12) -> Layout:
    nodes = [f"n{number}" for number in range(count)]
    return lay_out(nodes, [(f"n{one}", f"n{other}") for one, other in pairs], MEASURES)


@given(edges)
def test_nodes_do_not_overlap_and_are_inside(pairs: list[tuple[int, int]]) -> None:
    layout = drawn(pairs)

    assert len(layout.places) == 12
    for x, y in layout.places.values():
        assert 0 <= x <= layout.width - MEASURES.width
        assert -1e-9 <= y <= layout.height - MEASURES.height + 1e-9
    for (x1, y1), (x2, y2) in combinations(layout.places.values(), 2):
        same_layer = abs(x1 - x2) < MEASURES.width
        assert not same_layer or abs(y1 - y2) >= MEASURES.height + MEASURES.between_nodes - 1e-6


@given(st.lists(st.tuples(numbers, numbers).map(sorted), max_size=25))
def test_without_circles_every_edge_goes_to_the_right(pairs: list[list[int]]) -> None:
    layout = drawn([(one, other) for one, other in pairs])

    for (one, other), way in layout.ways.items():
        assert layout.places[one][0] < layout.places[other][0]
        assert all(before[0] <= after[0] for before, after in pairwise(way))


@given(edges)
def test_every_edge_leads_from_its_node_to_the_other(pairs: list[tuple[int, int]]) -> None:
    layout = drawn(pairs)

    assert set(layout.ways) == {(f"n{one}", f"n{other}") for one, other in pairs if one != other}
    for (one, other), way in layout.ways.items():
        for end, (x, y) in ((one, way[0]), (other, way[-1])):
            place = layout.places[end]
            assert x in (place[0], place[0] + MEASURES.width)
            assert abs(y - place[1] - MEASURES.height / 2) < 1e-6


@given(edges)
def test_the_same_graph_gets_the_same_picture(pairs: list[tuple[int, int]]) -> None:
    assert drawn(pairs) == drawn(pairs)


def test_edges_pass_nodes_at_a_distance() -> None:
    layout = drawn([(0, 1), (1, 2), (2, 3), (0, 3)], 4)

    way = layout.ways["n0", "n3"]
    for node in ("n1", "n2"):
        x, y = layout.places[node]
        beside = [height for at, height in way if x <= at <= x + MEASURES.width]
        assert beside
        assert all(not y - 1 < height < y + MEASURES.height + 1 for height in beside)


def test_a_ladder_in_a_wrong_order_is_untangled() -> None:
    layout = drawn([(0, 7), (1, 6), (2, 5), (3, 4)], 8)

    heights = [(layout.places[f"n{one}"][1], layout.places[f"n{7 - one}"][1]) for one in range(4)]
    assert all(one == other for one, other in heights)


def test_what_is_not_there_is_not_drawn() -> None:
    layout = lay_out(["a"], [("a", "a"), ("a", "b"), ("b", "c")], MEASURES)

    assert dict(layout.ways) == {}
    assert layout.places == {"a": (0, 0)}
    assert lay_out([], [], MEASURES).places == {}


@given(st.lists(st.lists(st.integers(0, 5), max_size=4, unique=True), max_size=6))
def test_crossings_are_counted(links: list[list[int]]) -> None:
    rows = [[f"a{n}" for n in range(len(links))], [f"b{n}" for n in range(6)]]
    after = {f"a{n}": [f"b{end}" for end in ends] for n, ends in enumerate(links)}

    pairs = [(n, end) for n, ends in enumerate(links) for end in ends]
    expected = sum(
        (one[0] < other[0] and one[1] > other[1]) or (one[0] > other[0] and one[1] < other[1])
        for one, other in combinations(pairs, 2)
    )

    assert _crossings(rows, after) == expected


@given(st.lists(st.floats(-100, 100), max_size=12))
def test_settled_numbers_do_not_fall_and_keep_their_sum(wanted: list[float]) -> None:
    settled = _settled(wanted)

    assert all(before <= after + 1e-9 for before, after in pairwise(settled))
    assert abs(sum(settled) - sum(wanted)) < 1e-6
    if wanted == sorted(wanted):
        assert settled == wanted
