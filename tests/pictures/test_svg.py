"""Pictures as SVG: well-formed whatever others wrote, and complete."""

import unicodedata
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from modelyard.pictures import svg, words

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</title><script>alert("x")</script>&\x1b[31m\x00\u202e"\'>'


def node(label: str, **members: object) -> svg.Node:
    return svg.Node(label, "Model · Artifact", "#4f46e5", f"{label}\narn", **members)  # type: ignore[arg-type]


def test_every_node_and_edge_is_drawn_with_its_whole_name() -> None:
    long = "a-name-that-is-longer-than-the-card-" * 3
    text = svg.draw(
        "Lineage of churn/3",
        {"a": node("train.csv"), "b": node(long, is_start=True)},
        {("a", "b"): svg.Line("Produced", "6 4")},
        {"#4f46e5": "Model"},
    )

    root = ElementTree.fromstring(text)
    titles = [one.text or "" for one in root.iter(f"{SVG}title")]
    shown = [one.text or "" for one in root.iter(f"{SVG}text")]
    assert any(long in title for title in titles)
    assert f"train.csv Produced {long}" in titles
    assert "train.csv" in shown
    assert any("…" in one for one in shown)
    assert "Produced" in shown and "2 entities, 1 associations" in shown
    assert len([one for one in root.iter(f"{SVG}g") if one.get("class") == "start"]) == 1


@given(st.text() | st.just(HOSTILE))
def test_whatever_others_wrote_stays_text(name: str) -> None:
    text = svg.draw(
        name,
        {"a": svg.Node(name, name, "#4f46e5", name), "b": node("b")},
        {("a", "b"): svg.Line(name)},
        {"#4f46e5": name},
    )

    root = ElementTree.fromstring(text)
    drawn = {"svg", "title", "style", "rect", "text", "g", "path", "circle"}
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= drawn
    assert not any(
        key.startswith("on") or "href" in key for one in root.iter() for key in one.attrib
    )
    assert words.seen(name) == words.seen(words.seen(name))


def test_three_hundred_nodes_are_drawn() -> None:
    nodes = {str(n): node(f"entity-{n}", is_start=n == 7) for n in range(300)}
    edges = {(str(n // 3), str(n)): svg.Line("") for n in range(1, 300)}

    root = ElementTree.fromstring(svg.draw("big", nodes, edges, {}))

    assert (
        len([one for one in root.iter(f"{SVG}g") if one.get("class") in ("node", "start")]) == 300
    )


@given(st.text(), st.integers(1, 20))
def test_shortened_text_fits(text: str, columns: int) -> None:
    short = words.shortened(text, columns)

    wide = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in short)
    assert wide <= columns
    assert short == text or "…" in short
