"""Every form in which XGBoost has saved models, read without running anything.

The files under data/xgboost were written by XGBoost 0.90, 1.2.1 and 1.7.6, with their predictions
of rows.csv.
"""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.replica import csv_rows, xgboost_models
from modelyard.replica.xgboost_library import Booster, XGBoostError
from modelyard.replica.xgboost_models import ModelError

DATA = Path(__file__).parent / "data" / "xgboost"
EXPECTED = json.loads((DATA / "expected.json").read_text())
FILES = sorted(p.name for p in DATA.iterdir() if p.suffix in (".legacy", ".pickle"))


def predictions(model: bytes, rows: csv_rows.Rows) -> list[float]:
    scores, _ = Booster(model).predict(rows.values, rows.height, rows.columns)
    return scores


@pytest.mark.parametrize("name", FILES)
def test_a_model_of_an_old_version_predicts_as_it_did(name: str) -> None:
    rows = csv_rows.from_csv((DATA / "rows.csv").read_bytes())
    model = xgboost_models.convert((DATA / name).read_bytes())

    got = predictions(model, rows)

    want = [value for row in EXPECTED[name.rpartition(".")[0]] for value in row]
    assert got == pytest.approx(want, rel=2e-6, abs=1e-6)


@pytest.fixture(scope="module")
def booster() -> Any:
    np = pytest.importorskip("numpy")
    xgboost = pytest.importorskip("xgboost")
    data = np.random.RandomState(1).rand(60, 6)
    matrix = xgboost.DMatrix(data, label=data[:, 0] > 0.5)
    return xgboost.train({"objective": "binary:logistic", "nthread": 1}, matrix, 4)


def test_every_form_of_today_gives_the_same_predictions(booster: Any) -> None:
    import numpy as np
    import xgboost

    rows = csv_rows.from_csv((DATA / "rows.csv").read_bytes())
    matrix = xgboost.DMatrix(np.frombuffer(rows.values, "f4").reshape(rows.height, rows.columns))
    want = booster.predict(matrix).tolist()
    text = bytes(booster.save_raw("json"))
    forms = {
        "json": text,
        "indented json": json.dumps(json.loads(text), indent=2).encode(),
        "ubj": bytes(booster.save_raw("ubj")),
        "pickle": pickle.dumps(booster),
        "pickle 2": pickle.dumps(booster, protocol=2),
        "pickle 0": pickle.dumps(booster, protocol=0),
        "snapshot": bytes(booster.__getstate__()["handle"]),
    }

    for form, data in forms.items():
        assert predictions(xgboost_models.convert(data), rows) == want, form


def test_a_pickled_classifier_is_read_through_its_booster(booster: Any) -> None:
    import numpy as np
    import xgboost

    classifier = xgboost.XGBClassifier(n_estimators=3, n_jobs=1)
    data = np.random.RandomState(1).rand(60, 6)
    classifier.fit(data, data[:, 1] > 0.5)

    model = xgboost_models.convert(pickle.dumps(classifier))

    assert Booster(model).features == 6


class _Hostile:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_runs_nothing_and_says_why(protocol: int, tmp_path: Path) -> None:
    import os

    canary = tmp_path / "canary"
    for hostile in (
        _Hostile(os.system, f"touch {canary}"),
        _Hostile(eval, f"open({str(canary)!r}, 'w')"),
        _Hostile(exec, f"open({str(canary)!r}, 'w')"),
        _Hostile(open, str(canary), "w"),
        _Hostile(getattr, "", "join"),
        {"handle": b"x", "other": _Hostile(os.mkdir, str(canary))},
    ):
        with pytest.raises(ModelError, match="was not run"):
            xgboost_models.convert(pickle.dumps(hostile, protocol=protocol))

    assert not canary.exists()


def test_a_pickle_of_something_else_is_refused() -> None:
    for value in ({"a": 1}, [b"x"], None, "text"):
        with pytest.raises(ModelError):
            xgboost_models.convert(pickle.dumps(value))


@pytest.mark.parametrize(
    "data", [b"", b"{", b"{}", b'{"a": 1}', b"hello", b"\x80\x04.", b"binf", b"bs64\tAAAA", b"{L"]
)
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises((ModelError, XGBoostError)):
        Booster(xgboost_models.convert(data))


_SEED = (DATA / "0.90-logistic.legacy").read_bytes()


@settings(max_examples=150, deadline=None)
@given(cut=st.integers(0, len(_SEED)), noise=st.binary(max_size=40), at=st.integers(0, 500))
def test_a_damaged_binary_model_gives_a_model_error_or_json(
    cut: int, noise: bytes, at: int
) -> None:
    data = _SEED[:at] + noise + _SEED[at + len(noise) : cut]
    try:
        model = xgboost_models.convert(data)
    except ModelError:
        return
    assert "learner" in json.loads(model)


def test_the_model_file_is_found_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "whatever.bin").write_bytes(b"x")
    assert xgboost_models.find(tmp_path).name == "whatever.bin"

    (tmp_path / "metrics.txt").write_bytes(b"x")
    assert xgboost_models.find(tmp_path).name == "whatever.bin"

    (tmp_path / "other.json").write_bytes(b"x")
    with pytest.raises(ModelError, match="xgboost-model"):
        xgboost_models.find(tmp_path)

    (tmp_path / "xgboost-model").write_bytes(b"x")
    assert xgboost_models.find(tmp_path).name == "xgboost-model"
