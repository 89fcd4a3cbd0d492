"""Which runtime serves an image, by its repository and tag as sagemaker's `image_uris` writes them.

    xgboost:1, sagemaker-xgboost:1.7-1          built-in XGBoost, or script mode if the model
    has a script sagemaker-scikit-learn:1.2-1-cpu-py3        script mode
    pytorch-inference:2.3-cpu-py311, any other  script mode, if there is a script and the
    framework imports

The registry host does not matter. Knows no frames and no sandbox.
"""

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.replica import serving, xgboost_models
from modelyard.replica.xgboost_library import XGBoostError
from modelyard.replica.xgboost_models import ModelError
from modelyard.replica.xgboost_runtime import XGBoostRuntime

# Repository names (or their beginnings) to what must be importable for them.
_FRAMEWORKS = {
    "sagemaker-scikit-learn": "sklearn",
    "sagemaker-xgboost": "xgboost",
    "xgboost": "xgboost",
    "pytorch-": "torch",
    "sagemaker-pytorch": "torch",
    "tensorflow-": "tensorflow",
    "sagemaker-tensorflow": "tensorflow",
    "huggingface-pytorch": "transformers",
    "huggingface-tensorflow": "transformers",
    "mxnet-": "mxnet",
    "sagemaker-mxnet": "mxnet",
}
_XGBOOST = ("sagemaker-xgboost", "xgboost")
_LINES_FROM = (1, 3)  # see _answers_in_lines


class LoadError(Exception):
    """No runtime can serve this model; the text is a sentence for FailureReason."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A runtime that fits. `load` raises LoadError, or whatever model code raises."""

    name: str
    load: Callable[[], serving.Runtime]
    runs_code: bool = False  # that came with the model


def image_name(image: str) -> tuple[str, str]:
    """Repository without registry and path, and tag: ("sagemaker-xgboost", "1.7-1")."""
    last = image.partition("@")[0].rpartition("/")[2]
    repository, _, tag = last.partition(":")
    return repository, tag


def choose(image: str, model: Path, code: Path, environment: Mapping[str, str]) -> Choice:
    """`code` is where the script would be. Raises LoadError: nothing here can serve that image."""
    repository, tag = image_name(image)
    script = _script(code, environment)
    if script is not None:
        _require_framework(repository, image)
        default = _default_booster if repository in _XGBOOST else None
        return Choice(
            "script", lambda: _load_script(script, model, environment, default), runs_code=True
        )
    if repository in _XGBOOST:
        lines = _answers_in_lines(tag)
        return Choice("xgboost", lambda: _load_xgboost(model, environment, lines))
    raise LoadError(
        f"There is no built-in runtime for the image {image}, and the model has no "
        "code/inference.py to serve it with."
    )


def _script(code: Path, environment: Mapping[str, str]) -> Path | None:
    """The inference script, if the container's variables or the archive name one."""
    program = environment.get("SAGEMAKER_PROGRAM", "")
    if program:
        if Path(program).is_absolute() or ".." in Path(program).parts:
            raise LoadError(f"SAGEMAKER_PROGRAM is not a file of the code folder: {program}.")
        if not (code / program).is_file():
            raise LoadError(f"SAGEMAKER_PROGRAM names {program}, which the model does not have.")
        return code / program
    script = code / "inference.py"
    return script if script.is_file() else None


def _require_framework(repository: str, image: str) -> None:
    for name, package in _FRAMEWORKS.items():
        if repository.startswith(name) and importlib.util.find_spec(package) is None:
            raise LoadError(
                f"The image {image} needs the package {package}, which is not installed beside "
                "the server; name it in code/requirements.txt."
            )


def _answers_in_lines(tag: str) -> bool:
    """Whether this version of the container ends each prediction with a line feed.

    Old ones join by commas (container source of 0.90 and 1.0); a 2023 endpoint answered
    "0.0716...\\n", and AWS's notebooks of that time split by line feeds.
    """
    version = re.match(r"(\d+)\.(\d+)", tag)
    return version is not None and (int(version[1]), int(version[2])) >= _LINES_FROM


def _load_xgboost(model: Path, environment: Mapping[str, str], lines: bool) -> serving.Runtime:
    try:
        return XGBoostRuntime.load(model, environment, lines=lines)
    except (ModelError, XGBoostError) as error:
        raise LoadError(f"The XGBoost model cannot be loaded: {error}") from None


def _load_script(
    script: Path,
    model: Path,
    environment: Mapping[str, str],
    default: Callable[[Path], Any] | None,
) -> serving.Runtime:
    try:
        # Late: the one runtime that needs numpy, which a server without models may lack.
        from modelyard.replica.script_runtime import ScriptError, ScriptRuntime
    except ImportError as error:
        raise LoadError(f"Script mode needs numpy beside the server: {error}.") from None
    try:
        return ScriptRuntime.load(script, model, environment, default)
    except ScriptError as error:
        raise LoadError(str(error)) from None


def _default_booster(model: Path) -> Any:
    import xgboost

    try:
        data = xgboost_models.read(model)
    except ModelError as error:
        raise LoadError(f"The XGBoost model cannot be loaded: {error}") from None
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(data))
    return booster
