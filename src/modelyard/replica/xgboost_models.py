"""Which file of an archive is the XGBoost model, and what it holds. Runs nothing that is inside it.

Every form that XGBoost has written comes out as JSON or UBJSON: JSON (also indented), UBJSON, the
binary form of before 1.0 (xgboost_legacy), snapshots of memory, and pickles of them
(xgboost_pickles).
"""

import json
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelyard.replica import ubjson, xgboost_legacy, xgboost_pickles
from modelyard.replica.xgboost_legacy import ModelError

__all__ = ["ModelError", "convert", "find", "read"]

MODEL_BYTES_MAX = 4 << 30
CONFIG_OFFSET = b"CONFIG-offset:"  # a snapshot of XGBoost 1.0 to 1.2: this, 8 bytes, a binary model
_PLAUSIBLE = (".json", ".ubj", ".model", ".bst", ".bin", ".pkl", ".pickle", ".xgb", "")


def read(folder: Path) -> bytes:
    """The model as XGBoost's JSON or UBJSON bytes. Raises ModelError."""
    path = find(folder)
    if path.stat().st_size > MODEL_BYTES_MAX:
        raise ModelError(f"The model file {path.name} is too large.")
    return convert(path.read_bytes())


def find(folder: Path) -> Path:
    """`xgboost-model`, else the only file that can be one."""
    if (named := folder / "xgboost-model").is_file():
        return named
    files = [p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".")]
    filled = [p for p in files if p.stat().st_size]
    for candidates in (filled, _with_plausible_names(filled)):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(p.name for p in files[:5]) or "none"
    raise ModelError(
        f"The archive must hold one XGBoost model, best named xgboost-model; its files: {names}."
    )


def _with_plausible_names(files: Iterable[Path]) -> list[Path]:
    return [p for p in files if p.suffix.lower() in _PLAUSIBLE]


def convert(data: bytes) -> bytes:
    """The model in `data`, whatever its form, as JSON or UBJSON. Raises ModelError."""
    if not data:
        raise ModelError("The model file is empty.")
    try:
        return _convert(data)
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ModelError("The model file is damaged.") from error
    except RecursionError:
        raise ModelError("The model file is nested too deeply.") from None


def _convert(data: bytes) -> bytes:
    if xgboost_pickles.is_pickle(data):
        return _snapshot(xgboost_pickles.booster_bytes(data))
    return _snapshot(data)


def _snapshot(data: bytes) -> bytes:
    """A model, or a snapshot of memory that has one within."""
    if data.startswith(CONFIG_OFFSET):
        return xgboost_legacy.to_json(data[len(CONFIG_OFFSET) + 8 :])
    if data.lstrip()[:1] != b"{":
        return xgboost_legacy.to_json(data)
    if data[:1] == b"{" and data[1:2] not in (b'"', b" ", b"\n", b"\r", b"\t"):
        return _whole_ubjson(data)
    return _whole_json(data)


def _whole_ubjson(data: bytes) -> bytes:
    members = ubjson.members(data)
    if "learner" in members:
        return data
    if "Model" in members:
        return members["Model"]
    raise ModelError("The file is UBJSON, but not an XGBoost model.")


def _whole_json(data: bytes) -> bytes:
    try:
        document: Any = json.loads(data)
    except ValueError:
        raise ModelError("The file begins like JSON, but is none.") from None
    if "learner" in document:
        # The library tells JSON by its first two characters, so indented files are written anew.
        return data if data.startswith(b'{"') else json.dumps(document).encode()
    if "Model" in document:
        return json.dumps(document["Model"]).encode()
    raise ModelError("The file is JSON, but not an XGBoost model.")
