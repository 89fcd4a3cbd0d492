"""Curves: as a line of the terminal, and as SVG or PNG with matplotlib, which is an extra.

matplotlib is imported here alone, and only when a file is asked for.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.cli import output

_STEPS, _PLAIN_STEPS = "▁▂▃▄▅▆▇█", "_.-=+*%#"
POINTS_MAX = 60  # of a line in the terminal


@dataclass(frozen=True, slots=True)
class Curve:
    """`points` are (x, y), in the order in which they are joined."""

    name: str
    points: Sequence[tuple[float, float]]


def sparkline(every_value: Sequence[float]) -> str:
    """The last values, each as a block as high as it is among them."""
    values = every_value[-POINTS_MAX:]
    steps = _STEPS if _is_shown(_STEPS) else _PLAIN_STEPS
    low, high = min(values), max(values)
    # Halves, so that the distance of two finite numbers is finite.
    span = high / 2 - low / 2
    if span == 0:
        return steps[len(steps) // 2] * len(values)
    last = len(steps) - 1
    return "".join(steps[round((value / 2 - low / 2) / span * last)] for value in values)


def _is_shown(text: str) -> bool:
    """Whether the terminal, or the file in its place, takes these characters."""
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def save(path: Path, form: str, title: str, x_label: str, curves: Sequence[Curve]) -> None:
    """Draw curves into a file; `form` is svg or png.

    Raises: output.Stop: matplotlib is not installed, or the file cannot be written.
    """
    figure = _figure()
    axes = figure.add_subplot()
    for curve in curves:
        axes.plot(
            [x for x, _ in curve.points],
            [y for _, y in curve.points],
            marker="o" if len(curve.points) <= POINTS_MAX else None,
            markersize=4,
            # A name that starts with an underscore would be left out of the legend.
            label=curve.name if not curve.name.startswith("_") else f" {curve.name}",
        )
    if all(float(x).is_integer() for curve in curves for x, _ in curve.points):
        axes.locator_params(axis="x", integer=True)  # there is no version or step between two
    axes.set_title(_literal(title))
    axes.set_xlabel(x_label)
    axes.grid(visible=True, alpha=0.3)
    if curves:
        for text in axes.legend().get_texts():
            text.set_parse_math(False)
    try:
        figure.savefig(path, format=form)
    except OSError as problem:
        raise output.Stop(f"{path} cannot be written: {problem.strerror}.") from None


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise output.Stop(
            "Pictures are drawn with matplotlib, which is not installed here. Install Modelyard"
            " with its extra: pip install 'modelyard[plots]'"
        ) from None
    return Figure(figsize=(8, 4.5), layout="constrained")


def _literal(text: str) -> str:
    """Text without the signs that matplotlib reads as a formula."""
    return text.replace("$", r"\$")
