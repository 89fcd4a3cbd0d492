"""How the registry's documents are kept as text. Knows no members."""

from typing import Any

import msgspec

from modelyard.call import Document

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def text(document: Document) -> str:
    return _encode(document).decode()


def read(encoded: str) -> Document:
    return _decode(encoded)


def without_empty_structures(value: Any) -> Any:
    """Leave out structures that say nothing, such as the `Bias: {}` that SDKs send.

    Strict clients fail on an empty structure in an answer. `Environment` is a map, which may be
    empty.
    """
    if type(value) is list:
        return [without_empty_structures(item) for item in value]
    if type(value) is not dict:
        return value
    kept: Document = {}
    for name, member in value.items():
        # Most members are text, which is not worth a call.
        if name != "Environment" and type(member) in (dict, list):
            member = without_empty_structures(member)
            if member == {}:
                continue
        kept[name] = member
    return kept


class Members:
    """Reads some members of documents and skips over the rest, which costs a third."""

    def __init__(self, *names: str) -> None:
        fields = [(name, Any, msgspec.UNSET) for name in names]
        self._decode = msgspec.json.Decoder(msgspec.defstruct("Members", fields)).decode
        self._names = names

    def read(self, encoded: str) -> Document:
        found = self._decode(encoded)
        values = ((name, getattr(found, name)) for name in self._names)
        return {name: value for name, value in values if value is not msgspec.UNSET}


_NAMED = Members("ModelPackageArn", "ModelPackageGroupArn")


def arn(encoded: str) -> str:
    """The ARN of the package or group that a document describes."""
    found = _NAMED.read(encoded)
    return str(found.get("ModelPackageArn") or found["ModelPackageGroupArn"])
