"""Script mode: the functions of code/inference.py, in every spelling that the toolkits take."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.replica import runtimes
from modelyard.replica.runtimes import LoadError
from modelyard.replica.serving import Reply, Request

np = pytest.importorskip("numpy")

Load = Callable[..., Any]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Load an inference script; what it imports is forgotten afterwards."""
    path, modules = list(sys.path), dict(sys.modules)

    def load_script(source: str, image: str = "own:1", **environment: str) -> Any:
        code = tmp_path / "code"
        code.mkdir(exist_ok=True)
        (code / "inference.py").write_text(source)
        return runtimes.choose(image, tmp_path, code, environment).load()

    yield load_script
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        if name.partition(".")[0].startswith(("inference", "sagemaker_", "neighbour")):
            del sys.modules[name]


def ask(
    served: Any, body: bytes, content_type: str = "application/json", accept: str = ""
) -> Reply:
    reply: Reply = served.answer([Request(body, content_type, accept, {"X-Own": "yes"})])[0]
    return reply


DOUBLE = """
class Model:
    def predict(self, rows): return rows * 2
def model_fn(model_dir): return Model()
"""


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "application/x-npy"])
def test_defaults_read_and_write_arrays(accept: str, load: Load) -> None:
    served = load(DOUBLE)
    npy = io.BytesIO()
    np.save(npy, np.array([[1, 2], [3, 4]]))

    for body, kind in (
        (b"[[1, 2], [3, 4]]", "application/json"),
        (b"1,2\n3,4\n", "text/csv"),
        (npy.getvalue(), "application/x-npy"),
    ):
        reply = ask(served, body, kind, accept)
        assert (reply.status, reply.content_type) == (200, accept)
        if accept == "application/json":
            assert json.loads(reply.body) == [[2, 4], [6, 8]]
        elif accept == "text/csv":
            assert np.genfromtxt(io.BytesIO(reply.body), delimiter=",").tolist() == [[2, 4], [6, 8]]
        else:
            assert np.load(io.BytesIO(reply.body)).tolist() == [[2, 4], [6, 8]]


def test_the_default_accept_is_json_or_what_the_container_is_told(load: Load) -> None:
    assert ask(load(DOUBLE), b"[[1]]").content_type == "application/json"
    told = load(DOUBLE, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv")
    assert ask(told, b"[[1]]", accept="*/*").content_type == "text/csv"


@pytest.mark.parametrize(
    "returned",
    [
        "'done'",
        "b'done'",
        "('done', accept)",
        "bytearray(b'done')",
        "Response('done', mimetype=accept)",
    ],
)
def test_output_fn_may_return_what_the_toolkits_take(returned: str, load: Load) -> None:
    source = (
        "from sagemaker_containers.beta.framework import worker\nResponse = worker.Response\n"
        "def model_fn(model_dir, context): return context.system_properties['model_dir']\n"
        "def input_fn(data, content_type): return data\n"
        "def predict_fn(data, model): return data\n"
        f"def output_fn(prediction, accept): return {returned}\n"
    )

    reply = ask(load(source), b"x", "text/csv", "text/csv")

    assert (reply.status, reply.body, reply.content_type) == (200, b"done", "text/csv")


@pytest.mark.parametrize(
    "signature",
    ["model, data, kind, accept", "model, data, kind, accept, context", "model, data, *others"],
)
def test_transform_fn_takes_the_place_of_the_others(signature: str, load: Load) -> None:
    source = (
        f"def model_fn(model_dir): return 'm'\ndef transform_fn({signature}): return model + data\n"
    )

    assert ask(load(source), b"x", "text/csv").body == b"mx"


def test_text_arrives_as_text_and_other_bodies_as_bytes(load: Load) -> None:
    source = (
        "def model_fn(d): return None\n"
        "def transform_fn(m, data, kind, accept): return type(data).__name__\n"
    )
    served = load(source)

    assert ask(served, b"1", "text/csv; charset=utf-8").body == b"str"
    assert ask(served, b"1", "application/octet-stream").body == b"bytes"


def test_the_context_knows_the_request_headers(load: Load) -> None:
    source = (
        "def model_fn(d): return None\n"
        "def transform_fn(m, data, kind, accept, context):\n"
        "    return context.get_request_header(0, 'x-own')\n"
    )

    assert ask(load(source), b"1", "text/csv").body == b"yes"


def test_what_user_code_raises_is_the_last_line_of_its_trace(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    served = load(DOUBLE + "def predict_fn(data, model): raise KeyError('age')\n")

    reply = ask(served, b"[1]")

    assert (reply.status, reply.body) == (500, b"KeyError: 'age'")
    assert "Traceback" in capsys.readouterr().err
    assert ask(served, b"not json").status == 500


def test_a_content_type_without_decoder_is_415(load: Load) -> None:
    reply = ask(load(DOUBLE), b"\0", "image/png")

    assert reply.status == 415
    assert b"image/png" in reply.body


def test_an_array_that_holds_objects_is_not_unpickled(load: Load) -> None:
    npy = io.BytesIO()
    np.save(npy, np.array([{"a": 1}], dtype=object))

    assert ask(load(DOUBLE), npy.getvalue(), "application/x-npy").status == 500


def test_a_script_may_import_its_neighbours(load: Load, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "neighbour.py").write_text("ANSWER = 'near'\n")
    source = (
        "import neighbour\ndef model_fn(d): return None\n"
        "def transform_fn(*_): return neighbour.ANSWER\n"
    )

    assert ask(load(source), b"1", "text/csv").body == b"near"


def test_a_script_without_model_fn_says_so(load: Load) -> None:
    with pytest.raises(LoadError, match="model_fn"):
        load("def predict_fn(data, model): return 1\n")


def test_xgboost_has_a_default_model_fn(load: Load, tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    rows = np.random.RandomState(1).rand(40, 3)
    model = xgboost.train({"nthread": 1}, xgboost.DMatrix(rows, rows[:, 0]), 3)
    (tmp_path / "xgboost-model").write_bytes(bytes(model.save_raw()))
    served = load("def unused(): pass\n", "x/sagemaker-xgboost:1.7-1")

    reply = ask(served, json.dumps(rows.tolist()).encode())

    want = model.predict(xgboost.DMatrix(rows.astype("f4"))).tolist()
    assert json.loads(reply.body) == pytest.approx(want, abs=1e-6)


def test_scripts_of_the_xgboost_container_find_its_encoders(load: Load) -> None:
    pytest.importorskip("xgboost")
    source = (
        "import sagemaker_xgboost_container.encoder as xgb_encoders\n"
        "def model_fn(d): return None\n"
        "def input_fn(data, kind): return xgb_encoders.csv_to_dmatrix(data)\n"
        "def predict_fn(data, model): return [data.num_row(), data.num_col()]\n"
    )

    assert json.loads(ask(load(source), b"1,2,3\n4,5,6", "text/csv").body) == [2, 3]
