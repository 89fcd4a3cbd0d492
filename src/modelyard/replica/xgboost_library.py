"""XGBoost's C library without its Python package: one booster, predictions of dense rows.

Importing the package costs two seconds and 100 MB for scipy and pandas shims that serving never
uses; the shared library alone loads in milliseconds. Knows no file format, no content type, no
request.
"""

import ctypes
import importlib.util
import json
import sys
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_NAMES = {"darwin": "libxgboost.dylib", "win32": "xgboost.dll"}


class XGBoostError(Exception):
    """The library is missing, or it refused; the text is its own, without its stack."""


def installed() -> Path | None:
    """Where the library is, without importing the package."""
    spec = importlib.util.find_spec("xgboost")
    name = _NAMES.get(sys.platform, "libxgboost.so")
    for root in (spec.submodule_search_locations or ()) if spec else ():
        if (found := Path(root, "lib", name)).is_file():
            return found
    return None


def _load() -> ctypes.CDLL:
    path = installed()
    if path is None:
        raise XGBoostError("XGBoost is not installed beside the server (extra: xgboost).")
    library = ctypes.CDLL(str(path))
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library


class Booster:
    """A model in memory. `rounds_end` 0 means every tree; single-threaded by design."""

    def __init__(self, model: bytes) -> None:
        self._library = _load()
        self._handle = ctypes.c_void_p()
        self._call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._handle))
        self._set("nthread", "1")
        self._set("verbosity", "0")
        self._call("XGBoosterLoadModelFromBuffer", self._handle, model, ctypes.c_uint64(len(model)))
        self._set("nthread", "1")
        self._set("device", "cpu")
        self._shape = ctypes.POINTER(ctypes.c_uint64)()
        self._dimensions = ctypes.c_uint64()
        self._result = ctypes.POINTER(ctypes.c_float)()
        features = ctypes.c_uint64()
        self._call("XGBoosterGetNumFeature", self._handle, ctypes.byref(features))
        self.features = int(features.value)
        learner = self._configuration()["learner"]
        self.objective = str(learner["objective"]["name"])
        self.classes = int(learner["learner_model_param"].get("num_class", "0") or 0)
        self._linear = learner["gradient_booster"]["name"] == "gblinear"
        self._options = self._predict_options()

    def predict(self, values: "array[float]", rows: int, columns: int) -> tuple[list[float], int]:
        """Predictions of `rows` of `columns` floats (NaN: missing), flat, and how many a row."""
        if rows == 0:
            return [], 1
        interface = (
            b'{"data":[%d,true],"shape":[%d,%d],"strides":null,"typestr":"<f4","version":3}'
            % (values.buffer_info()[0], rows, columns)
        )
        if self._linear:
            self._predict_by_matrix(interface)
        else:
            self._call(
                "XGBoosterPredictFromDense",
                self._handle,
                interface,
                self._options,
                None,
                ctypes.byref(self._shape),
                ctypes.byref(self._dimensions),
                ctypes.byref(self._result),
            )
        total = 1
        for dimension in range(self._dimensions.value):
            total *= self._shape[dimension]
        return self._result[:total], total // rows

    def _predict_by_matrix(self, interface: bytes) -> None:
        # gblinear is the one booster without in-place prediction.
        matrix = ctypes.c_void_p()
        self._call(
            "XGDMatrixCreateFromDense",
            interface,
            b'{"missing":NaN,"nthread":1}',
            ctypes.byref(matrix),
        )
        try:
            self._call(
                "XGBoosterPredictFromDMatrix",
                self._handle,
                matrix,
                self._options,
                ctypes.byref(self._shape),
                ctypes.byref(self._dimensions),
                ctypes.byref(self._result),
            )
        finally:
            self._library.XGDMatrixFree(matrix)

    def _predict_options(self) -> bytes:
        # Like the container: an early-stopped model predicts with its best iteration.
        best = self._attribute("best_iteration")
        end = 0 if best is None or self._linear else int(best) + 1
        options: Mapping[str, Any] = {
            "type": 0,
            "training": False,
            "iteration_begin": 0,
            "iteration_end": end,
            "strict_shape": True,
            "missing": float("nan"),
            "cache_id": 0,
        }
        return json.dumps(options).encode()

    def _attribute(self, name: str) -> str | None:
        value, found = ctypes.c_char_p(), ctypes.c_int()
        self._call(
            "XGBoosterGetAttr",
            self._handle,
            name.encode(),
            ctypes.byref(value),
            ctypes.byref(found),
        )
        return value.value.decode() if found.value and value.value is not None else None

    def _configuration(self) -> Any:
        size, text = ctypes.c_uint64(), ctypes.c_char_p()
        self._call("XGBoosterSaveJsonConfig", self._handle, ctypes.byref(size), ctypes.byref(text))
        return json.loads(text.value or b"{}")

    def _set(self, name: str, value: str) -> None:
        self._call("XGBoosterSetParam", self._handle, name.encode(), value.encode())

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._library, name)(*arguments):
            raise XGBoostError(_first_sentence(self._library.XGBGetLastError()))


def _first_sentence(error: bytes | None) -> str:
    """The library's message without timestamp, source position and stack trace."""
    text = (error or b"unknown error").decode("utf-8", "replace").split("Stack trace:")[0].strip()
    head, colon, rest = text.partition(": ")
    if head.startswith("[") and colon:
        text = rest
    return " ".join(text.split())
