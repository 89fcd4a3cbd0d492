"""Script mode with real models of scikit-learn, in real replicas."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.compute.backend import Ended, Ready
from modelyard.hosting.replicas import Invocation
from tests.compute.conftest import SKLEARN, XGBOOST, Start, pack

Script = Callable[..., Path]

SOURCE = """
import os, joblib
def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))
"""


@pytest.fixture(scope="module")
def forest() -> tuple[Any, Any]:
    """A random forest of the iris data that predicts with two jobs, and the data."""
    datasets = pytest.importorskip("sklearn.datasets")
    ensemble = pytest.importorskip("sklearn.ensemble")
    rows, labels = datasets.load_iris(return_X_y=True)
    return ensemble.RandomForestClassifier(10, n_jobs=2, random_state=1).fit(rows, labels), rows


def saved(model: Any) -> bytes:
    import joblib

    stream = io.BytesIO()
    joblib.dump(model, stream)
    return stream.getvalue()


async def test_a_forest_predicts_as_it_does_outside(
    start: Start, script: Script, forest: tuple[Any, Any]
) -> None:
    model, rows = forest

    state = await start(script(SOURCE, **{"model.joblib": saved(model)}), SKLEARN)

    assert isinstance(state, Ready), state
    for body, kind in (
        (json.dumps(rows.tolist()), "application/json"),
        ("\n".join(",".join(map(str, row)) for row in rows.tolist()), "text/csv"),
    ):
        answer = await state.replica.invoke(Invocation(body.encode(), kind, "application/json"))
        assert answer.status == 200
        assert json.loads(answer.body) == model.predict(rows.astype("f4")).tolist()


async def test_the_script_may_come_in_an_archive_of_its_own(
    start: Start, tmp_path: Path, forest: tuple[Any, Any]
) -> None:
    model, rows = forest
    archive = pack(tmp_path / "model.tar.gz", {"model.joblib": saved(model)})
    code = pack(tmp_path / "sourcedir.tar.gz", {"serve.py": SOURCE, "README": "x"})
    environment = {
        "SAGEMAKER_PROGRAM": "serve.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "s3://bucket/sourcedir.tar.gz",
    }

    state = await start(archive, SKLEARN, code_archive=code, environment=environment)

    assert isinstance(state, Ready), state
    answer = await state.replica.invoke(Invocation(json.dumps(rows[:1].tolist()).encode()))
    assert json.loads(answer.body) == model.predict(rows[:1]).tolist()


async def test_a_framework_image_without_a_script_says_what_is_missing(
    start: Start, tmp_path: Path
) -> None:
    archive = pack(tmp_path / "model.tar.gz", {"model.joblib": b"x"})

    state = await start(archive, SKLEARN)

    assert isinstance(state, Ended)
    assert "code/inference.py" in state.reason


async def test_a_hostile_pickle_as_model_ends_with_a_reason(start: Start, tmp_path: Path) -> None:
    pickle = b"cos\nsystem\n(S'touch canary'\ntR."
    archive = pack(tmp_path / "model.tar.gz", {"xgboost-model": pickle})

    state = await start(archive, XGBOOST)

    assert isinstance(state, Ended)
    assert "os.system" in state.reason
    assert "was not run" in state.reason
