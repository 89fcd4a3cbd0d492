"""A graph as SVG: cards from left to right, and curves between them. Pure.

A file by itself: no script, no font, nothing fetched. What others wrote is escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from modelyard.pictures.layout import Edge, Layout, Measures, Point, lay_out
from modelyard.pictures.words import seen, shortened

_MEASURES = Measures(width=236, height=54, between_layers=76, between_nodes=20, between_bends=14)
_MARGIN = 28
_HEADER = 62
_LEGEND_ROW = 22
_LABEL_COLUMNS = 23  # of 13 pixels' type in a card, in the widest of the fonts
_NOTE_COLUMNS = 28  # of 11 pixels' type
_TITLE_COLUMNS = 60

_STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.paper { fill: #f8fafc; } .card { fill: #ffffff; stroke: #e2e8f0; }
.start .card { stroke-width: 2.5; } .label { font-size: 13px; font-weight: 600; fill: #0f172a; }
.note { font-size: 11px; fill: #64748b; }
.title { font-size: 18px; font-weight: 650; fill: #0f172a; }
.edge { fill: none; stroke: #94a3b8; stroke-width: 1.6; } .tip { fill: #94a3b8; }
g.link:hover .edge { stroke: #0f172a; } g.link:hover .tip { fill: #0f172a; }
@media (prefers-color-scheme: dark) {
.paper { fill: #0f172a; } .card { fill: #1e293b; stroke: #334155; }
.label, .title { fill: #f1f5f9; } .note { fill: #94a3b8; }
.edge { stroke: #64748b; } .tip { fill: #64748b; }
g.link:hover .edge { stroke: #f1f5f9; } g.link:hover .tip { fill: #f1f5f9; }
}
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A card. `colour` is CSS's; `title` is shown whole where a pointer rests on it."""

    label: str
    note: str
    colour: str
    title: str
    is_start: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """An edge's look: `dash` as stroke-dasharray, "" for a whole line."""

    name: str
    dash: str = ""


def draw(
    title: str, nodes: Mapping[str, Node], edges: Mapping[Edge, Line], colours: Mapping[str, str]
) -> str:
    """The picture. `colours` is the legend: what the cards of a colour are, by colour."""
    layout = lay_out(list(nodes), edges, _MEASURES)
    lines = {line.name: line for line in edges.values() if line.name}
    legend = _legend(colours, list(lines.values()))
    width = max(layout.width + 2 * _MARGIN, 560)
    height = _HEADER + layout.height + 2 * _MARGIN + (_LEGEND_ROW if legend else 0)
    count = f"{len(nodes)} entities, {len(layout.ways)} associations"
    shown = escape(shortened(seen(title), _TITLE_COLUMNS))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {_size(width, height)} role="img">',
        f"<title>{escape(seen(title))}</title><style>{_STYLE}</style>",
        '<rect class="paper" width="100%" height="100%"/>',
        f'<text class="title" x="{_MARGIN}" y="38">{shown}</text>',
        f'<text class="note" x="{_MARGIN}" y="57">{count}</text>',
        f'<g transform="translate({_MARGIN} {_HEADER + _MARGIN / 2})">',
    ]
    parts += [_edge(edge, way, edges[edge], nodes) for edge, way in layout.ways.items()]
    parts += [_card(node, layout, identity) for identity, node in nodes.items()]
    parts.append("</g>")
    if legend:
        y = height - _MARGIN / 2 - 4
        parts.append(f'<g transform="translate({_MARGIN} {_n(y)})">{legend}</g>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def _card(node: Node, layout: Layout, identity: str) -> str:
    x, y = layout.places[identity]
    stroke = f' style="stroke:{escape(node.colour)}"' if node.is_start else ""
    return (
        f'<g class="{"start" if node.is_start else "node"}" transform="translate({_n(x)} {_n(y)})">'
        f"<title>{escape(seen(node.title))}</title>"
        f'<rect class="card" width="{_MEASURES.width:g}" height="{_MEASURES.height:g}" rx="9"'
        f"{stroke}/>"
        f'<path d="M9 0.8 a8.2 8.2 0 0 0 -8.2 8.2 v36 a8.2 8.2 0 0 0 8.2 8.2 h-1 a3 3 0 0 1 -3 -3'
        f' v-46.4 a3 3 0 0 1 3 -3 z" fill="{escape(node.colour)}"/>'
        f'<rect x="1" y="9" width="4" height="36" fill="{escape(node.colour)}"/>'
        f'<circle cx="21" cy="21" r="4.5" fill="{escape(node.colour)}"/>'
        f'<text class="label" x="33" y="25.5">{_short(node.label, _LABEL_COLUMNS)}</text>'
        f'<text class="note" x="33" y="42">{_short(node.note, _NOTE_COLUMNS)}</text></g>'
    )


def _edge(edge: Edge, way: Sequence[Point], line: Line, nodes: Mapping[str, Node]) -> str:
    one, other = (nodes[end].label for end in edge)
    title = escape(seen(f"{one} {line.name or 'with'} {other}"))
    (x, y), (before_x, _) = way[-1], way[-2]
    back = 1 if x > before_x else -1
    dash = f' stroke-dasharray="{escape(line.dash)}"' if line.dash else ""
    short = [*way[:-1], (x - 7 * back, y)]
    tip = f"M{_n(x)} {_n(y)} l{-9 * back} -4.5 v9 z"
    return (
        f'<g class="link"><title>{title}</title>'
        f'<path class="edge" d="{_curve(short)}"{dash}/><path class="tip" d="{tip}"/></g>'
    )


def _curve(way: Sequence[Point]) -> str:
    """Level where it leaves and comes to a card or a bend."""
    path = f"M{_n(way[0][0])} {_n(way[0][1])}"
    for (x1, y1), (x2, y2) in pairwise(way):
        if y1 == y2:
            path += f" L{_n(x2)} {_n(y2)}"
        else:
            middle = _n((x1 + x2) / 2)
            path += f" C{middle} {_n(y1)} {middle} {_n(y2)} {_n(x2)} {_n(y2)}"
    return path


def _legend(colours: Mapping[str, str], lines: Sequence[Line]) -> str:
    parts, x = [], 0.0
    for colour, name in colours.items():
        parts.append(
            f'<circle cx="{_n(x + 5)}" cy="-4" r="4.5" fill="{escape(colour)}"/>'
            f'<text class="note" x="{_n(x + 15)}">{_short(name, 24)}</text>'
        )
        x += 15 + 7.2 * min(len(name), 24) + 18
    for line in lines:
        dash = f' stroke-dasharray="{escape(line.dash)}"' if line.dash else ""
        parts.append(
            f'<path class="edge" d="M{_n(x)} -4 h26"{dash}/>'
            f'<text class="note" x="{_n(x + 33)}">{_short(line.name, 24)}</text>'
        )
        x += 33 + 7.2 * min(len(line.name), 24) + 18
    return "".join(parts)


def _size(width: float, height: float) -> str:
    w, h = _n(width), _n(height)
    return f'width="{w}" height="{h}" viewBox="0 0 {w} {h}"'


def _short(text: str, columns: int) -> str:
    return escape(shortened(seen(text), columns))


def _n(number: float) -> str:
    """A coordinate to a tenth."""
    return f"{number:.1f}".removesuffix(".0")
