"""What trial components have in common and where they differ. Pure.

An item has a name, and what it is in each of the trial components.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from modelyard.call import Document

STATUS = "Status"
DURATION = "Duration"
PARAMETERS = "Parameters"
METRICS = "Metrics"
ARTIFACTS = "Artifacts"
METADATA = "Metadata"

VALUES_MAX = 100_000  # of one answer: its items, each of as many values as there are components
STATISTICS = ("Last", "Min", "Max")

Value = str | float
Column = Mapping[tuple[str, str], Value]  # by section and name


def items(components: Sequence[Document]) -> list[Document]:
    """Every item, section by section and then by name.

    `components` are as DescribeTrialComponent answers them.
    """
    columns = [dict(_values(component)) for component in components]
    names = {key for column in columns for key in column}
    sections = (STATUS, DURATION, PARAMETERS, METRICS, ARTIFACTS, METADATA)
    ordered = sorted(names, key=lambda key: (sections.index(key[0]), key[1]))
    return [_item(key, columns) for key in ordered]


def limited(found: Sequence[Document]) -> tuple[list[Document], int]:
    """As many items as one answer has, and how many are left out: first those that are the same."""
    most = VALUES_MAX // len(found[0]["Values"]) if found else 0
    over = len(found) - most
    if over <= 0:
        return list(found), 0
    by_need = sorted(range(len(found)), key=lambda place: found[place]["Same"])
    return [found[place] for place in sorted(by_need[:most])], over


def _values(component: Document) -> Iterator[tuple[tuple[str, str], Value]]:
    for member, value in component.get("Status", {}).items():
        yield (STATUS, member), value
    started, ended = component.get("StartTime"), component.get("EndTime")
    # Clients tell both, by clocks of their own.
    if started is not None and ended is not None and ended >= started:
        yield (DURATION, "Seconds"), (ended - started) / 1_000_000
    for name, value in component.get("Parameters", {}).items():
        number = value.get("NumberValue")
        yield (PARAMETERS, name), value["StringValue"] if number is None else float(number)
    for metric in component.get("Metrics", []):
        for statistic in STATISTICS:
            yield (METRICS, f"{metric['MetricName']} - {statistic}"), float(metric[statistic])
    for member in ("InputArtifacts", "OutputArtifacts"):
        for name, artifact in component.get(member, {}).items():
            yield (ARTIFACTS, f"{member}[{json.dumps(name)}]"), artifact["Value"]
    for member, value in component.get("MetadataProperties", {}).items():
        yield (METADATA, member), value


def _item(key: tuple[str, str], columns: Sequence[Column]) -> Document:
    section, name = key
    found = [column.get(key) for column in columns]
    first = found[0]
    # A number and the text of it differ.
    same = len({(type(value), value) for value in found}) == 1
    values = [_shown(value, first if place else None) for place, value in enumerate(found)]
    return {"Section": section, "Name": name, "Same": same, "Values": values}


def _shown(value: Value | None, first: Value | None) -> Document:
    if value is None:
        return {"Present": False}
    if isinstance(value, str):
        return {"Present": True, "Value": value}
    shown: Document = {"Present": True, "Value": repr(value), "Number": value}
    if isinstance(first, float):
        delta = value - first
        if math.isfinite(delta):  # which the distance of two finite numbers need not be
            shown["Delta"] = delta
    return shown
