"""The tables of docs/permissions.md, from the tables of actions and what is offered."""

from collections.abc import Iterator

from modelyard import offered
from modelyard.access.policy import action_tables
from modelyard.access.policy.action_tables import Entry, Judged, Table

_HOLES = (("{region}", "REGION"), ("{account}", "ACCOUNT"))
# What stands in the place of {name}, by how a member names the resource.
_NAMED = {"any-arn": "TYPE/NAME", "principal-arn": "TYPE/NAME"}
_TEMPLATES = {
    "model-package": "GROUP/VERSION",
    "object": "BUCKET/KEY",
    "bucket": "BUCKET",
    "log-group": "LOG-GROUP",
}


def tables() -> str:
    """A section a service: its operations, then its types of resources."""
    sections = []
    for service, names in offered.names().items():
        table = action_tables.load(service)
        entries = {name: table.operations[name] for name in names}
        sections += [f"## {service}", _operations(table, entries)]
        used = {j.kind for entry in entries.values() for j in action_tables.judged(entry)} - {""}
        if used:
            sections.append(_kinds(table, used))
    return "\n\n".join(sections)


def _operations(table: Table, entries: dict[str, Entry]) -> str:
    lines = [
        "| Operation | Action | Resource | Condition keys of the request |",
        "|---|---|---|---|",
    ]
    for name, entry in entries.items():
        if entry.free:
            lines.append(f"| {name} | none: {entry.why} | | |")
        for number, judged in enumerate(action_tables.judged(entry)):
            row = _row(table, name, entry, judged)
            lines.append(f"| {'' if number else name} | {' | '.join(row)} |")
    return "\n".join(lines)


def _row(table: Table, name: str, entry: Entry, judged: Judged) -> tuple[str, str, str]:
    action = _code(_full(table, judged.action or entry.action or name))
    if judged.versioned:
        action += f", of a version {_code(_full(table, judged.versioned))}"
    if judged.when and not judged.optional:
        action += f", with {_members(judged.when)}"
    if judged is entry:
        action += "".join(_listed(table, entry))
    groups = entry.keys if judged.keys is None else judged.keys
    keys = {key: None for group in groups or () for key in table.keys[group]}
    return action, _resource(table, judged), ", ".join(map(_code, keys))


def _listed(table: Table, entry: Entry) -> Iterator[str]:
    words = [entry.listed] if isinstance(entry.listed, str) else list(entry.listed.values())
    shown = " or ".join(_code(_full(table, word)) for word in words if word)
    if shown:
        yield f"; items by {shown}"


def _full(table: Table, action: str) -> str:
    return action if ":" in action else f"{table.prefix}:{action}"


def _resource(table: Table, judged: Judged) -> str:
    if not judged.kind:
        return _code("*")
    kind = table.kinds[judged.kind]
    if not judged.of:
        return f"{judged.kind}: the caller"
    words = judged.of.values() if isinstance(judged.of, dict) else [judged.reader or kind.reader]
    paths = [judged.of] if isinstance(judged.of, str) else list(judged.of)
    shown = f"{judged.kind} of {_members(tuple(paths))}"
    if "versions" in words:
        shown += f", in a group {_code(f'{judged.kind}/GROUP/*')}"
    if "foreign-package" in words:
        shown += ", if it is another account's"
    elif judged.optional:
        shown += ", if it names one"
    return shown


def _kinds(table: Table, used: set[str]) -> str:
    lines = ["| Type | ARN | Condition keys of the resource |", "|---|---|---|"]
    for name in sorted(used):
        kind = table.kinds[name]
        arn = kind.arn
        for hole, word in _HOLES:
            arn = arn.replace(hole, word)
        last = _TEMPLATES.get(name) or _NAMED.get(kind.reader, "NAME")
        more = sorted(
            {
                key
                for entry in table.operations.values()
                for judged in action_tables.judged(entry)
                if judged.kind == name
                for key in judged.looked_up
            }
        )
        keys = ", ".join(map(_code, (*kind.keys, *more)))
        lines.append(f"| {name} | {_code(arn.replace('{name}', last))} | {keys} |")
    return "\n".join(lines)


def _members(paths: tuple[str, ...]) -> str:
    return " or ".join(map(_code, paths))


def _code(text: str) -> str:
    return f"`{text}`"
