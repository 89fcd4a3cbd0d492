"""What an operation is judged on: actions, resources and condition keys of a request. Pure.

The facts are data in `tables/`; this compiles them and answers. A request that names nothing, or
what the operation will refuse, is judged on all resources of the kind, whether there are such or
not, so that no refusal tells a stranger what there is.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import msgspec

from modelyard.access.policy import action_context, action_resources, action_tables
from modelyard.access.policy.action_context import Context, ContextReader, Place
from modelyard.access.policy.action_resources import Asker, Found, Lookup
from modelyard.access.policy.action_tables import Entry, Judged, Table
from modelyard.call import Document

EVERYTHING = "*"


class Check(msgspec.Struct, frozen=True, gc=False):
    """One action on one resource: all checks of a request must be allowed.

    resource          its ARN, or "*"
    resource_account  whose it is by its ARN; "" where that names none (then `lookup` may tell)
    context           condition keys of the request, in lower case
    kind              the resource type, "" of "*"
    looked_up         condition keys that need a look at the resource, in lower case; those that end
                      with a slash are families
    lookup            what storage has to say before the ARN is exact; see `resolved`
    """

    action: str
    resource: str
    resource_account: str
    context: Context
    kind: str = ""
    looked_up: frozenset[str] = frozenset()
    lookup: Lookup | None = None


_Checks = Callable[[Document, Asker], tuple[Check, ...]]


def checks(service: str, operation: str, request: Document, asker: Asker) -> tuple[Check, ...]:
    """What must be allowed for this request; the first is the one that a refusal names.

    Empty where no policy decides (GetCallerIdentity, or a role's trust policy). Never raises,
    whatever is in the request. An operation without an entry is judged on everything.
    """
    found = _compiled(service).get(operation)
    if found is None:
        return (Check(f"{service}:{operation}", EVERYTHING, "", action_context.NOTHING),)
    return found(request, asker)


def names_nothing(check: Check) -> bool:
    """Whether it is about everything, or everything of a type (`model-package/*`)."""
    return check.resource == EVERYTHING or (
        check.resource.endswith("/*") and check.resource.count("/") == 1
    )


def listed(service: str, operation: str, request: Document | None = None) -> str | None:
    """The action that decides about each item; None where the operation lists nothing."""
    entry = _entry(service, operation)
    if entry is None or not entry.listed:
        return None
    prefix = action_tables.load(service).prefix
    if isinstance(entry.listed, str):
        return f"{prefix}:{entry.listed}"
    words = list(entry.listed.values())
    given = [str(request[member]) for member in _LISTED_BY if request and member in request]
    action = entry.listed.get(given[0], words[0]) if given else words[0]
    return f"{prefix}:{action}"


_LISTED_BY = ("Resource",)  # Search


def singly(service: str, operation: str) -> bool:
    """Whether items are refused one by one, as AWS does: check n is that of item n."""
    entry = _entry(service, operation)
    return entry is not None and entry.singly


def to_look_up(check: Check, keys: Iterable[str]) -> frozenset[str]:
    """Those of `keys`, as policies mention them in lower case, that need a look at the resource."""
    return frozenset(
        key for key in keys if key in check.looked_up or key[: key.find("/") + 1] in check.looked_up
    )


def resolved(check: Check, arn: str) -> Check:
    """The check on what storage found for its `lookup`: the ARN of the role, user or group.

    For a rename the found path goes before the new name, unless a new path is given.
    """
    lookup = check.lookup
    if lookup is None or not arn.startswith("arn:"):
        return check
    resource = arn
    if lookup.becomes:
        if lookup.path:
            return check
        resource = f"{arn.rpartition('/')[0]}/{lookup.becomes}"
    return msgspec.structs.replace(check, resource=resource)


def load() -> None:
    """Compile every table now rather than at the first request."""
    for service in action_tables.services():
        _compiled(service)


def _entry(service: str, operation: str) -> Entry | None:
    if service not in action_tables.services():
        return None
    return action_tables.load(service).operations.get(operation)


@cache
def _compiled(service: str) -> dict[str, _Checks]:
    if service not in action_tables.services():
        return {}
    table = action_tables.load(service)
    return {name: _operation(table, name, entry) for name, entry in table.operations.items()}


def _operation(table: Table, name: str, entry: Entry) -> _Checks:
    if entry.free:
        return lambda request, asker: ()
    first = _judged(table, name, entry, entry)
    more = [_judged(table, name, also, entry) for also in entry.also]
    if not more:
        return lambda request, asker: tuple(first(request, asker, ""))

    def check(request: Document, asker: Asker) -> tuple[Check, ...]:
        found = list(first(request, asker, ""))
        resource = found[0].resource
        for also in more:
            found += also(request, asker, resource)
        return tuple(found)

    return check


def _judged(
    table: Table, operation: str, judged: Judged, entry: Entry
) -> Callable[[Document, Asker, str], Sequence[Check]]:
    """A function of request, asker and the first resource (the entry's own if "")."""
    action = _action(table, judged.action or entry.action or operation)
    versioned = _action(table, judged.versioned) if judged.versioned else action
    groups = entry.keys if judged.keys is None else judged.keys
    keys = {key: text for group in groups or () for key, text in table.keys[group].items()}
    context = ContextReader(keys, operation, _namer(table)).read if keys else None
    find = _finder(table, judged)
    looked_up = _looked_up(table, judged)

    def check(request: Document, asker: Asker, first: str) -> Sequence[Check]:
        resources = find(request, asker)
        if not resources:
            return ()
        carried = action_context.NOTHING
        if context is not None:
            place = Place(asker.account, asker.region, first or resources[0].resource)
            carried = context(request, place)
        return [
            Check(
                versioned if found.is_version else action,
                found.resource,
                found.account,
                carried,
                found.kind,
                looked_up,
                found.lookup,
            )
            for found in resources
        ]

    return _only_if(judged, check)


def _only_if(
    judged: Judged, check: Callable[[Document, Asker, str], Sequence[Check]]
) -> Callable[[Document, Asker, str], Sequence[Check]]:
    when, unless = judged.when, judged.unless
    if not when and not unless:
        return check

    def asked(request: Document, asker: Asker, first: str) -> Sequence[Check]:
        if unless and request.get(unless):
            return ()
        for member in when:
            if request.get(member):
                return check(request, asker, first)
        return () if when else check(request, asker, first)

    return asked


def _action(table: Table, name: str) -> str:
    return name if ":" in name else f"{table.prefix}:{name}"


def _looked_up(table: Table, judged: Judged) -> frozenset[str]:
    keys = table.kinds[judged.kind].keys if judged.kind else ()
    return frozenset(map(action_tables.stem, (*keys, *judged.looked_up)))


def _namer(table: Table) -> action_context.Namer:
    arns = {name: action_resources.namer(kind) for name, kind in table.kinds.items()}
    return lambda kind, name, place: arns[kind](place.account, place.region, name)


def _finder(table: Table, judged: Judged) -> Callable[[Document, Asker], Sequence[Found]]:
    """Finds the resources that a request is judged on; none only for a check that is optional."""
    if not judged.kind:
        everything = (Found(EVERYTHING, ""),)
        return lambda request, asker: everything
    kind = table.kinds[judged.kind]
    every = action_resources.every(judged.kind, kind)
    if not judged.of:
        read = action_resources.reader(judged.reader or kind.reader, judged.kind, kind)
        return lambda request, asker: (read(asker, None, request) or every(asker),)
    members = [
        (action_context.steps(path), action_resources.reader(word, judged.kind, kind))
        for path, word in _members(judged, kind)
    ]
    path, first = members[0]
    if len(members) == 1 and len(path) == 1 and not judged.optional and "[]" not in judged.of:
        return _find_one(path[0], first, every)
    return _find_all(members, every, judged)


def _find_one(
    member: str, read: action_resources.Reader, every: Callable[[Asker], Found]
) -> Callable[[Document, Asker], Sequence[Found]]:
    return lambda request, asker: (read(asker, request.get(member), request) or every(asker),)


def _find_all(
    members: Sequence[tuple[Sequence[str], action_resources.Reader]],
    every: Callable[[Asker], Found],
    judged: Judged,
) -> Callable[[Document, Asker], Sequence[Found]]:
    optional, first_given = judged.optional, isinstance(judged.of, dict)

    def find(request: Document, asker: Asker) -> Sequence[Found]:
        found: list[Found] = []
        for path, read in members:
            for value in action_context.values(request, path):
                named = read(asker, value, request)
                if named is not None:
                    found.append(named)
                elif not optional:
                    found.append(every(asker))
            if found and first_given:
                break
        return found if found or optional else [every(asker)]

    return find


def _members(judged: Judged, kind: action_tables.Kind) -> list[tuple[str, str]]:
    if isinstance(judged.of, dict):
        return list(judged.of.items())
    paths = [judged.of] if isinstance(judged.of, str) else judged.of
    return [(path, judged.reader or kind.reader) for path in paths]
