"""Gets the booster's bytes out of a pickle without running what the pickle asks for.

The names that a pickle may mention are known; those of XGBoost, scikit-learn and numpy become
empty shells that remember their state, the few others are harmless. Any other name refuses the
file. Nothing is imported.
"""

import io
import pickle  # only as the base of an unpickler that finds no code
from typing import Any

from modelyard.replica.xgboost_legacy import ModelError

VALUES_MAX = 100_000  # how many objects of a pickle are looked at for its booster
_SHELLS = ("xgboost", "sklearn", "numpy", "scipy")


class _Shell:
    """Stands for an object of a class that we do not load."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.state: Any = arguments

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Pickles may add items to what they made; none of it is needed."""

    def append(self, value: Any) -> None:
        """See __setitem__."""

    def extend(self, values: Any) -> None:
        """See __setitem__."""


def _bytearray(value: Any = b"", encoding: str = "latin-1") -> bytes:
    if isinstance(value, str):
        return value.encode("latin-1")
    return bytes(value) if isinstance(value, (bytes, bytearray, list)) else b""


def _encode(text: Any, encoding: Any = "latin-1") -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else b""


def _reconstruct(kind: Any, base: Any = None, state: Any = None) -> Any:
    return kind() if isinstance(kind, type) and issubclass(kind, _Shell) else _Shell()


def _container(*items: Any) -> Any:
    return list(items[0]) if items and isinstance(items[0], (list, tuple)) else []


_HARMLESS: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
}
for _module in ("builtins", "__builtin__"):
    _HARMLESS[_module, "object"] = _Shell
    _HARMLESS[_module, "bytearray"] = _bytearray
    _HARMLESS[_module, "set"] = _container
    _HARMLESS[_module, "frozenset"] = _container
for _module in ("copyreg", "copy_reg"):
    _HARMLESS[_module, "_reconstructor"] = _reconstruct


class _Refusing(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (harmless := _HARMLESS.get((module, name))) is not None:
            return harmless
        if module.partition(".")[0] in _SHELLS and name.isidentifier():
            return type(name, (_Shell,), {"__module__": "shells", "origin": module})
        raise ModelError(
            f"The model is a pickle that asks for {module}.{name}"[:200]
            + ", which is not part of a booster; it was not run."
        )

    def persistent_load(self, identity: Any) -> Any:
        raise ModelError("The model is a pickle with outside references; it was not run.")


def is_pickle(data: bytes) -> bool:
    """Protocols 2 to 5 begin with their number; older ones with text that no other form has."""
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return data.rstrip()[-1:] == b"."
    return data[:1] in (b"c", b"(", b"}", b"]") and data.rstrip()[-1:] == b"."


def booster_bytes(data: bytes) -> bytes:
    """The memory snapshot of the one booster in the pickle. Raises ModelError."""
    try:
        root = _Refusing(io.BytesIO(data), encoding="latin-1").load()
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001  a damaged pickle can raise anything; nobody retries
        raise ModelError(
            f"The model is a pickle that cannot be read ({type(error).__name__})."
        ) from None
    handle = _find_handle(root)
    if handle is None:
        raise ModelError("The model is a pickle without a trained XGBoost booster.")
    return handle


def _find_handle(root: Any) -> bytes | None:
    waiting, seen = [root], 0
    while waiting and seen < VALUES_MAX:
        value = waiting.pop()
        seen += 1
        if isinstance(value, _Shell):
            waiting.append(value.state)
        elif isinstance(value, dict):
            if "handle" in value and (handle := _as_bytes(value["handle"])):
                return handle
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)) and len(value) < VALUES_MAX:
            waiting.extend(value)
    return None


def _as_bytes(handle: Any) -> bytes | None:
    return bytes(handle) if isinstance(handle, (bytes, bytearray)) and len(handle) else None
