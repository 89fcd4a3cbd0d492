"""The tables of actions as they are written down: a TOML file a service in `tables/`.

    prefix                       of the service's actions
    [kinds.<type>]               a resource type of AWS's authorization data
    [keys.<group>]               condition keys that several operations carry
    [operations.<Operation>]     what the operation is judged on

Reads and checks the form, and decides nothing; `actions` compiles what is read here.
"""

import tomllib
from functools import cache
from pathlib import Path

import msgspec

FOLDER = Path(__file__).resolve().parent / "tables"

# A condition key -> where its values are in the request (`action_context` reads these).
Keys = dict[str, str | list[str]]


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A resource type. `arn` has the holes {region}, {account} and {name}.

    `keys` are known by looking at the resource; `reader` is how most members name it.
    """

    arn: str
    reader: str
    keys: tuple[str, ...] = ()


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One action on the resources that `of` names. Without `kind` it is judged on "*".

    action      without its prefix; the operation's own name if it is not said
    of          the member, several of them, or a member -> reader map whose first given member
                counts. `[]` passes through a list. Without one the caller is meant
    when        asked only if one of these members is given
    unless      not asked if this member is given
    optional    not asked where `of` names no resource; else the check is then on all of the kind
    versioned   the action instead, where a VersionId is given
    keys        groups of [keys]; a further check has those of the first unless it says so
    looked_up   condition keys that need a look at the resource, beyond those of its kind
    """

    action: str = ""
    kind: str = ""
    of: str | list[str] | dict[str, str] = ""
    reader: str = ""
    when: tuple[str, ...] = ()
    unless: str = ""
    optional: bool = False
    versioned: str = ""
    keys: tuple[str, ...] | None = None
    looked_up: tuple[str, ...] = ()


class Entry(Judged, frozen=True, forbid_unknown_fields=True):
    """An operation.

    also            further checks
    listed          the action that each item of the list is filtered by; with a member, by its word
    singly          items are refused one by one: check number n is that of item number n
    free            no policy decides: everybody may, or a trust policy does, as `why` says
    """

    also: tuple[Judged, ...] = ()
    listed: str | dict[str, str] = ""
    singly: bool = False
    free: bool = False
    why: str = ""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    prefix: str
    operations: dict[str, Entry]
    kinds: dict[str, Kind] = {}
    keys: dict[str, Keys] = {}


@cache
def services() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


@cache
def load(service: str) -> Table:
    """Raises: LookupError: no table is written for the service."""
    if service not in services():
        raise LookupError(f"no table of actions for {service}")
    raw = tomllib.loads((FOLDER / f"{service}.toml").read_text(encoding="utf-8"))
    return msgspec.convert(raw, Table)


def judged(entry: Entry) -> tuple[Judged, ...]:
    """Every check that the entry may lead to; none if it is free."""
    return () if entry.free else (entry, *entry.also)


def is_family(key: str) -> bool:
    """Whether the key stands for many: `aws:RequestTag/${TagKey}`, `s3:ExistingObjectTag/<key>`."""
    return key.endswith(("}", ">"))


def stem(key: str) -> str:
    """The key in lower case; of a family what stands before the name, with its slash."""
    if is_family(key):
        key = key[: key.rindex("/") + 1]
    return key.lower()
