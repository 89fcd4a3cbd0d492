"""Requests that no client should send: valid ones by the service model, then broken somewhere.

Seeded, so that a failure can be repeated. Knows the shapes of botocore's models and no server.
"""

import copy
import json
import random
import string
from collections.abc import Callable
from typing import Any

DEPTH_MAX = 5
_HUGE = 10**40
_BAD_TEXTS = [
    "",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "٣",
    "ａ",
    "../../etc/passwd",
    "%00",
    "'; DROP TABLE model_package; --",
    "${jndi:ldap://x}",
    "arn:aws:sagemaker:us-east-1:123456789012:model-package/x/" + "9" * 30,
    "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/..",
    "arn:" * 500,
    "x" * 70_000,
    "é" * 2000,
    "\n\r\t",
    "s3://" + "a" * 80 + "/../x",
    "file:///etc/passwd",
    "http://[::1",
]
_ARN = "arn:aws:sagemaker:us-east-1:123456789012:"
_GOOD_TEXTS = {
    "arn": [
        _ARN + "model-package-group/known",
        _ARN + "model-package/known/1",
        _ARN + "model-package/known/2",
        _ARN + "endpoint/none",
        "arn:aws:iam::123456789012:role/fuzzed",
        "known",
    ],
    "url": ["s3://fuzz/key", "s3://elsewhere/key", "https://example.com/x"],
    "content": ["text/csv", "application/json"],
    "text": ["a", "name-1", "known", "1", "text/csv", "name-1", "ml.m5.large", "key"],
}
_BAD_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    _HUGE,
    -_HUGE,
    2**63,
    -(2**63) - 1,
    1e300,
    -1e300,
    0.1,
    [],
    {},
    [[]],
    [None],
    {"": None},
    [{}] * 50,
    "now",
]


class Mutator:
    """Makes malformed calls of operations. `random` decides everything."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def valid(self, shape: Any, depth: int = 0) -> Any:
        """A value that the shape more or less allows."""
        kind = shape.type_name
        if kind == "structure":
            return self._structure(shape, depth)
        if kind == "list":
            if depth > DEPTH_MAX:
                return []
            return [self.valid(shape.member, depth + 1) for _ in range(self._random.randint(0, 2))]
        if kind == "map":
            if depth > DEPTH_MAX:
                return {}
            return {
                str(self.valid(shape.key, depth + 1)): self.valid(shape.value, depth + 1)
                for _ in range(self._random.randint(0, 2))
            }
        return self._scalar(shape)

    def document(self, shape: Any) -> Any:
        """A document of the shape, broken in one or more places."""
        document = self.valid(shape) if shape is not None else {}
        for _ in range(self._random.choice([0, 1, 1, 1, 2, 3])):
            document = self._broken(document)
        return document

    def body(self, shape: Any) -> bytes:
        """Such a document as JSON, or as something that should have been JSON."""
        raw = json.dumps(self.document(shape)).encode("utf-8", "surrogatepass")
        return self._spoiled(raw) if self._random.random() < 0.4 else raw

    def bytes_of(self, length_max: int) -> bytes:
        return self._random.randbytes(self._random.randint(0, length_max))

    def text(self) -> str:
        if self._random.random() < 0.4:
            return self._random.choice(_BAD_TEXTS)
        alphabet = string.printable + "éß漢\u0000\u2028"
        return "".join(self._random.choices(alphabet, k=self._random.randint(0, 40)))

    def choice(self, among: list[Any]) -> Any:
        return self._random.choice(among)

    def _structure(self, shape: Any, depth: int) -> dict[str, Any]:
        names = list(shape.members)
        required = set(shape.required_members)
        share = 0.35 if depth < 2 else 0.1
        chosen = [
            name
            for name in names
            if (name in required and depth <= DEPTH_MAX + 3) or self._random.random() < share
        ]
        if depth > DEPTH_MAX:
            chosen = [name for name in chosen if name in required]
        if depth > 2 * DEPTH_MAX:
            return {}
        return {name: self.valid(shape.members[name], depth + 1) for name in chosen}

    def _scalar(self, shape: Any) -> Any:
        kind = shape.type_name
        if kind == "boolean":
            return self._random.random() < 0.5
        if kind in ("integer", "long"):
            low = shape.metadata.get("min", 0)
            return self._random.randint(int(low), int(low) + 10)
        if kind in ("float", "double"):
            return self._random.random()
        if kind == "timestamp":
            return self._random.choice([0, 1.7e9, 1.7e9 + 0.123, 4e9])
        if kind == "blob":
            return "AAAA"
        if getattr(shape, "enum", None) and self._random.random() < 0.9:
            return self._random.choice(shape.enum)
        return self._random.choice(_GOOD_TEXTS[_sort_of(shape.name)])

    def _broken(self, document: Any) -> Any:
        """The document with something, somewhere, that should not be."""
        places = list(_places(document))
        where = self._random.choice(places)
        bad: Any = (
            self._random.choice(_BAD_TEXTS)
            if self._random.random() < 0.5
            else copy.deepcopy(self._random.choice(_BAD_VALUES))
        )
        if not where:
            return bad if self._random.random() < 0.2 else {**_mapping(document), "Odd": bad}
        holder = document
        for step in where[:-1]:
            holder = holder[step]
        action = self._random.random()
        if action < 0.2:
            del holder[where[-1]]
        elif action < 0.3 and isinstance(holder, dict):
            holder[str(bad)[:200]] = holder.pop(where[-1])
        elif action < 0.4:
            holder[where[-1]] = [holder[where[-1]]]
        else:
            holder[where[-1]] = bad
        return document

    def _spoiled(self, raw: bytes) -> bytes:
        """The bytes as something other than this JSON."""
        ways: list[Callable[[], bytes]] = [
            lambda: raw[: self._random.randint(0, len(raw))],
            lambda: raw + self.bytes_of(10),
            lambda: raw.replace(b'"', b"'", 1),
            lambda: raw.replace(b":", b":" + b"[" * 5000, 1),
            lambda: b"\xef\xbb\xbf" + raw,
            lambda: raw.decode("utf-8", "replace").encode("utf-16"),
            lambda: self._flipped(raw),
            lambda: raw.replace(b"1", b"1" * 5000, 1),
            lambda: raw.replace(b"{", b'{"a":NaN,', 1),
            lambda: raw.replace(b"{", b'{"a":1e999,', 1),
            lambda: raw[:-1] + raw[-1:] * 3,
            lambda: raw.replace(b'"', b'"\\ud800', 1),
            lambda: raw.replace(b'"', b'"\\u0000', 1),
            lambda: b"[" + raw + b"]",
            lambda: self.bytes_of(2000),
        ]
        return self._random.choice(ways)()

    def _flipped(self, raw: bytes) -> bytes:
        changed = bytearray(raw)
        for _ in range(self._random.randint(1, 5)):
            if changed:
                changed[self._random.randrange(len(changed))] = self._random.randrange(256)
        return bytes(changed)


def _sort_of(name: str) -> str:
    lower = name.lower()
    if "arn" in lower or lower.endswith("packagename"):
        return "arn"
    if "ur" in lower and lower.endswith(("uri", "url")):
        return "url"
    return "content" if "contenttype" in lower or "mime" in lower else "text"


def _mapping(document: Any) -> dict[str, Any]:
    return document if isinstance(document, dict) else {"was": document}


def _places(document: Any, at: tuple[Any, ...] = ()) -> Any:
    yield at
    if isinstance(document, dict):
        for name in list(document):
            yield from _places(document[name], (*at, name))
    elif isinstance(document, list):
        for index in range(len(document)):
            yield from _places(document[index], (*at, index))
