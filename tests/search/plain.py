"""What a search finds, said the plain way: a filter over documents in memory.

Independent of the program: it knows no indexes, and looks properties up by itself.
"""

import re
from typing import Any

from modelyard.call import Document

_DECIMAL = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?")
Kinds = dict[str, str]  # of properties that are not text: number, time, free


def values(document: Document, name: str) -> list[Any]:
    """What a document has under a name; several where lists are on the way."""
    head, _, rest = name.partition(".")
    if head == "Tags":
        return [one["Value"] for one in document.get("Tags", []) if one["Key"] == rest]
    if head == "CustomerMetadataProperties":
        return [value for key, value in document.get(head, {}).items() if key == rest]
    if head == "Parameters":
        found = document.get(head, {}).get(rest)
        return [] if found is None else list(found.values())
    if head == "InputArtifacts":
        return [document[head][rest]["Value"]] if rest in document.get(head, {}) else []
    if head == "Metrics" and isinstance(document.get(head), list):
        metric, _, statistic = rest.rpartition(".")
        return [one[statistic] for one in document[head] if one["MetricName"] == metric]
    if head == "Metrics":
        return [document[head][rest]] if rest in document.get(head, {}) else []
    return _at([document], name.split("."))


def _at(found: list[Any], path: list[str]) -> list[Any]:
    for step in path:
        found = [one for item in found for one in (item if isinstance(item, list) else [item])]
        found = [item[step] for item in found if step in item]
    return [one for item in found for one in (item if isinstance(item, list) else [item])]


def number(value: Any) -> float | None:
    if isinstance(value, (int, float)):
        return float(value)
    return float(value) if _DECIMAL.fullmatch(value) else None


def holds(found: list[Any], given: Document, kind: str) -> bool:
    operator, text = given.get("Operator", "Equals"), given.get("Value", "")
    if operator in ("Exists", "NotExists"):
        return bool(found) == (operator == "Exists")
    if operator == "Contains":
        return any(text in str(one) for one in found)
    if operator == "In":
        return any(one in [part.strip() for part in text.split(",")] for one in found)
    if operator in ("Equals", "NotEquals"):
        if kind in ("number", "time"):
            same = [one == float(text) for one in found]
        elif kind == "boolean":
            same = [one == (text == "true") for one in found]
        else:
            same = [one == text if isinstance(one, str) else one == number(text) for one in found]
        return any(same) == (operator == "Equals")
    numbers = [one for one in map(number, found) if one is not None]
    limit = float(text)
    compared = {
        "GreaterThan": [one > limit for one in numbers],
        "GreaterThanOrEqualTo": [one >= limit for one in numbers],
        "LessThan": [one < limit for one in numbers],
        "LessThanOrEqualTo": [one <= limit for one in numbers],
    }
    return any(compared[operator])


def matches(document: Document, expression: Document, kinds: Kinds) -> bool:
    parts = [
        holds(values(document, given["Name"]), given, kinds.get(given["Name"], "text"))
        for given in expression.get("Filters", [])
    ]
    for nested in expression.get("NestedFilters", []):
        outer = nested["NestedPropertyName"]
        parts.append(
            any(
                all(
                    holds(_at([item], given["Name"][len(outer) + 1 :].split(".")), given, "text")
                    for given in nested["Filters"]
                )
                for item in _at([document], outer.split("."))
            )
        )
    parts += [matches(document, sub, kinds) for sub in expression.get("SubExpressions", [])]
    return any(parts) if expression.get("Operator") == "Or" else all(parts)


def ordered(
    documents: list[Document], arn: str, sort_by: str, *, descending: bool
) -> list[Document]:
    """What lacks the property before numbers, these before texts, equals by their ARN."""

    def key(document: Document) -> tuple[Any, ...]:
        found = values(document, sort_by)
        if not found:
            return (0, 0, document[arn])
        return (2 if isinstance(found[0], str) else 1, found[0], document[arn])

    return sorted(documents, key=key, reverse=descending)
