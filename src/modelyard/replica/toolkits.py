"""The few names of SageMaker's in-container packages that inference scripts import.

Only offered where the real package is not installed: sagemaker_inference, sagemaker_containers
(scikit-learn scripts) and sagemaker_xgboost_container.encoder.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from modelyard.replica import csv_rows, encodings


class Response:
    """sagemaker_containers' worker.Response: a body and its content type."""

    def __init__(
        self, response: Any = None, status: int = 200, mimetype: str = encodings.JSON
    ) -> None:
        self.response = response
        self.status = status
        self.mimetype = mimetype


def csv_to_dmatrix(text: Any, dtype: Any = None) -> Any:
    return _matrix(csv_rows.from_csv(text.encode() if isinstance(text, str) else text))


def libsvm_to_dmatrix(text: Any) -> Any:
    data = text.encode() if isinstance(text, str) else bytes(text)
    names = [item.partition(b":")[0] for item in data.split() if b":" in item]
    width = max((int(name) for name in names), default=0) + 1
    return _matrix(csv_rows.from_libsvm(data, width))


def _matrix(rows: csv_rows.Rows) -> Any:
    import numpy as np
    import xgboost

    array = np.frombuffer(rows.values, dtype=np.float32).reshape(rows.height, rows.columns)
    return xgboost.DMatrix(array)


def offer() -> None:
    """Make the names importable."""
    types = {
        "JSON": encodings.JSON,
        "CSV": encodings.CSV,
        "NPY": encodings.NPY,
        "OCTET_STREAM": encodings.OCTETS,
        "ANY": "*/*",
        "UTF8_TYPES": list(encodings.UTF8_TYPES),
    }
    errors = {"UnsupportedFormatError": encodings.UnsupportedFormat}
    codec = {"encode": encodings.encode, "decode": encodings.decode}
    if _is_missing("sagemaker_inference"):
        _package(
            "sagemaker_inference", content_types=types, encoder=codec, decoder=codec, errors=errors
        )
    if _is_missing("sagemaker_containers"):
        _package("sagemaker_containers.beta.framework", content_types=types, encoders=codec)
        _package(
            "sagemaker_containers.beta.framework", errors=errors, worker={"Response": Response}
        )
    if _is_missing("sagemaker_xgboost_container"):
        matrices = {"csv_to_dmatrix": csv_to_dmatrix, "libsvm_to_dmatrix": libsvm_to_dmatrix}
        _package("sagemaker_xgboost_container", encoder=matrices)


def _is_missing(name: str) -> bool:
    return name not in sys.modules and importlib.util.find_spec(name) is None


def _package(name: str, **modules: dict[str, Any]) -> None:
    parent: ModuleType | None = None
    path = ""
    for part in name.split("."):
        path = f"{path}.{part}" if path else part
        package = sys.modules.setdefault(path, ModuleType(path))
        package.__path__ = []
        package.__spec__ = ModuleSpec(path, None, is_package=True)
        if parent is not None:
            setattr(parent, part, package)
        parent = package
    for module_name, members in modules.items():
        module = sys.modules.setdefault(f"{path}.{module_name}", ModuleType(module_name))
        vars(module).update(members)
        setattr(parent, module_name, module)
