"""Script mode: the model's own code/inference.py, by the contract of SageMaker's inference toolkit.

model_fn, input_fn, predict_fn and output_fn, or transform_fn in place of the last three; what is
missing has a default. One request at a time. What user code raises becomes an answer; its trace
goes to the log.
"""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from modelyard.replica import encodings, toolkits
from modelyard.replica.serving import Reply, Request

ERROR_CHARACTERS_MAX = 2000


class ScriptError(Exception):
    """The script lacks something it must have; the text is a sentence for FailureReason."""


class Context:
    """What user functions that ask for a `context` receive."""

    def __init__(self, model_dir: Path) -> None:
        self.system_properties = {"model_dir": str(model_dir), "gpu_id": None}
        self.manifest: dict[str, Any] = {}
        self.request_headers: Mapping[str, str] = {}

    def get_request_header(self, index: int, name: str) -> str | None:
        folded = {key.lower(): value for key, value in self.request_headers.items()}
        return folded.get(name.lower())


class ScriptRuntime:
    """A loaded model and the functions around it."""

    window = 1

    def __init__(
        self, module: ModuleType, model: Any, context: Context, default_accept: str
    ) -> None:
        self._module = module
        self._model = model
        self._context = context
        self._default_accept = default_accept

    @classmethod
    def load(
        cls,
        script: Path,
        model_dir: Path,
        environment: Mapping[str, str],
        default_model: Callable[[Path], Any] | None,
    ) -> "ScriptRuntime":
        """Import the script, load its model. Raises ScriptError, or whatever user code raises."""
        module = _import(script)
        context = Context(model_dir)
        model_fn = getattr(module, "model_fn", None)
        if model_fn is not None:
            model = _call(model_fn, [str(model_dir)], context)
        elif default_model is not None:
            model = default_model(model_dir)
        else:
            raise ScriptError(f"{script.name} has no model_fn and this image has no default.")
        accept = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", encodings.JSON)
        return cls(module, model, context, accept)

    def answer(self, requests: Sequence[Request]) -> Sequence[Reply]:
        return [self._answer(request) for request in requests]

    def _answer(self, request: Request) -> Reply:
        try:
            return self._transform(request)
        except encodings.UnsupportedFormat as error:
            return Reply(415, str(error).encode())
        except Exception as error:  # noqa: BLE001  user code; the caller may repeat the request
            traceback.print_exc()
            last = traceback.format_exception_only(error)[-1].strip()
            return Reply(500, last[:ERROR_CHARACTERS_MAX].encode("utf-8", "replace"))
        except SystemExit as error:
            # The script asks to end: let the process end, the server starts another.
            sys.stderr.write(f"inference script exited: {error}\n")
            raise

    def _transform(self, request: Request) -> Reply:
        content_type = request.content_type or encodings.JSON
        accept = request.accept
        if encodings.media_type(accept) in ("", "*/*"):
            accept = self._default_accept
        self._context.request_headers = {
            "Content-Type": content_type,
            "Accept": accept,
            **request.attributes,
        }
        data: Any = request.body
        if encodings.media_type(content_type) in (encodings.JSON, encodings.CSV):
            data = request.body.decode("utf-8")
        transform = getattr(self._module, "transform_fn", None)
        if transform is not None:
            arguments = [self._model, data, content_type, accept]
            return _reply(_call(transform, arguments, self._context), accept)
        loaded = self._step("input_fn", [data, content_type], _default_input)
        predicted = self._step("predict_fn", [loaded, self._model], _default_predict)
        return _reply(self._step("output_fn", [predicted, accept], _default_output), accept)

    def _step(self, name: str, arguments: list[Any], default: Callable[..., Any]) -> Any:
        return _call(getattr(self._module, name, default), arguments, self._context)


def _import(script: Path) -> ModuleType:
    if not script.is_file():
        raise ScriptError(f"The model has no {script.parent.name}/{script.name}.")
    sys.path.insert(0, str(script.parent))
    toolkits.offer()
    spec = importlib.util.spec_from_file_location(script.stem, script)
    if spec is None or spec.loader is None:
        raise ScriptError(f"{script.name} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module


def _call(function: Callable[..., Any], arguments: list[Any], context: Context) -> Any:
    """Call with as many of the arguments and the context as the function takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return function(*arguments)
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return function(*arguments)
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    taken = sum(parameter.kind in places for parameter in parameters)
    return function(*[*arguments, context][:taken])


def _default_input(data: Any, content_type: str) -> Any:
    array = encodings.decode(data, content_type)
    if encodings.media_type(content_type) in (encodings.JSON, encodings.CSV):
        array = array.astype("float32")
        return array.reshape(1, -1) if array.ndim == 1 else array
    return array


def _default_predict(data: Any, model: Any) -> Any:
    if type(model).__module__.partition(".")[0] == "xgboost" and hasattr(model, "get_dump"):
        import xgboost

        matrix = data if isinstance(data, xgboost.DMatrix) else xgboost.DMatrix(data)
        return model.predict(matrix, validate_features=False)
    if hasattr(model, "predict"):
        return model.predict(data)
    return model(data)


def _default_output(prediction: Any, accept: str) -> tuple[bytes, str]:
    return encodings.encode(prediction, accept), accept


def _reply(result: Any, accept: str) -> Reply:
    """A reply from what output_fn or transform_fn returned: body, (body, type), or a Response."""
    content_type = accept
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], str):
        result, content_type = result
    elif hasattr(result, "response") and hasattr(result, "mimetype"):
        result, content_type = result.response, result.mimetype or accept
    if isinstance(result, str):
        result = result.encode("utf-8")
    elif isinstance(result, (bytearray, memoryview)):
        result = bytes(result)
    elif not isinstance(result, bytes):
        result = encodings.encode(result, content_type)
    return Reply(200, result, content_type)
