"""Answers of the built-in XGBoost: content types, batching, what is refused and how."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.replica import runtimes
from modelyard.replica.serving import Request
from modelyard.replica.xgboost_library import Booster
from modelyard.replica.xgboost_runtime import XGBoostRuntime

np = pytest.importorskip("numpy")
xgboost = pytest.importorskip("xgboost")

DATA = np.random.RandomState(3).rand(150, 5).astype("f4")
CLASSES = (DATA[:, 0] * 3).astype(int)


def train(parameters: dict[str, Any], labels: Any, rounds: int = 4, **options: Any) -> Any:
    matrix = xgboost.DMatrix(DATA, labels)
    return xgboost.train({"nthread": 1, "max_depth": 3, **parameters}, matrix, rounds, **options)


def runtime(model: Any, environment: dict[str, str] | None = None, *, lines: bool = False) -> Any:
    return XGBoostRuntime(Booster(bytes(model.save_raw())), environment or {}, lines=lines)


def ask(
    served: Any, body: bytes, content_type: str = "text/csv", accept: str = ""
) -> tuple[int, str, str]:
    (reply,) = served.answer([Request(body, content_type, accept, {})])
    return reply.status, reply.body.decode(), reply.content_type


def csv(rows: Any) -> bytes:
    return "\n".join(",".join("" if v != v else repr(float(v)) for v in r) for r in rows).encode()


BINARY = train({"objective": "binary:logistic"}, CLASSES > 0)
MULTI = train({"objective": "multi:softprob", "num_class": 3}, CLASSES)


def test_csv_is_joined_as_the_version_of_the_container_did() -> None:
    want = BINARY.predict(xgboost.DMatrix(DATA[:3])).tolist()

    assert ask(runtime(BINARY), csv(DATA[:3]))[1] == ",".join(map(str, want))
    assert ask(runtime(BINARY, lines=True), csv(DATA[:3]))[1] == "".join(f"{v}\n" for v in want)


@pytest.mark.parametrize(
    ("tag", "lines"),
    [("1", False), ("latest", False), ("0.90-1-cpu-py3", False), ("1.7-1", True), ("3.0-5", True)],
)
def test_the_tag_decides_between_commas_and_lines(tag: str, lines: bool, tmp_path: Path) -> None:
    (tmp_path / "xgboost-model").write_bytes(bytes(BINARY.save_raw()))
    served = runtimes.choose(f"x/sagemaker-xgboost:{tag}", tmp_path, tmp_path / "code", {}).load()

    assert ("\n" in ask(served, csv(DATA[:2]))[1]) is lines


def test_json_and_jsonlines_hold_scores() -> None:
    want = BINARY.predict(xgboost.DMatrix(DATA[:2])).tolist()

    status, body, kind = ask(runtime(BINARY), csv(DATA[:2]), accept="application/json")
    assert (status, kind) == (200, "application/json")
    assert json.loads(body) == {"predictions": [{"score": value} for value in want]}
    _, body, kind = ask(runtime(BINARY), csv(DATA[:2]), accept="application/jsonlines")
    assert [json.loads(line)["score"] for line in body.splitlines()] == want


def test_softprob_answers_lists() -> None:
    want = MULTI.predict(xgboost.DMatrix(DATA[:2])).tolist()

    assert ask(runtime(MULTI), csv(DATA[:2]))[1] == ",".join(map(str, want))
    body = json.loads(ask(runtime(MULTI), csv(DATA[:2]), accept="application/json")[1])
    assert [one["score"] for one in body["predictions"]] == want


@pytest.mark.parametrize(
    "parameters",
    [
        {"objective": "reg:squarederror"},
        {"objective": "reg:squarederror", "base_score": 0.62},
        {"objective": "binary:logitraw"},
        {"objective": "count:poisson"},
        {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5},
        {"objective": "reg:squarederror", "booster": "gblinear", "max_depth": None},
        {"objective": "binary:logistic", "num_parallel_tree": 3, "subsample": 0.5},
    ],
    ids=str,
)
def test_predictions_equal_those_of_the_package(parameters: dict[str, Any]) -> None:
    given = {name: value for name, value in parameters.items() if value is not None}
    matrix = xgboost.DMatrix(DATA, CLASSES > 0)
    model = xgboost.train({"nthread": 1, **given}, matrix, 6)
    rows = DATA.copy()
    rows[::3, 1] = np.nan
    if given.get("booster") == "gblinear":
        rows = DATA

    _, body, _ = ask(runtime(model), csv(rows))

    want = model.predict(xgboost.DMatrix(rows)).tolist()
    assert [float(v) for v in body.split(",")] == pytest.approx(want, abs=1e-6)


def test_categories_given_as_numbers_are_split_as_categories() -> None:
    rows = np.random.RandomState(1).randint(0, 6, (200, 2)).astype("f4")
    matrix = xgboost.DMatrix(
        rows, rows[:, 0] % 2, feature_types=["c", "c"], enable_categorical=True
    )
    model = xgboost.train({"tree_method": "hist", "max_cat_to_onehot": 2}, matrix, 3)

    _, body, _ = ask(runtime(model), csv(rows[:20]))

    want = model.predict(matrix).tolist()[:20]
    assert [float(v) for v in body.split(",")] == pytest.approx(want, abs=1e-6)


def test_an_early_stopped_model_predicts_with_its_best_round() -> None:
    held_out = xgboost.DMatrix(DATA[:50], 1 - (CLASSES[:50] > 0))
    model = train(
        {"objective": "binary:logistic", "eta": 1.0},
        CLASSES > 0,
        rounds=20,
        evals=[(held_out, "v")],
        early_stopping_rounds=2,
        verbose_eval=False,
    )
    rows = xgboost.DMatrix(DATA)
    best = model.predict(rows, iteration_range=(0, model.best_iteration + 1)).tolist()

    _, body, _ = ask(runtime(model), csv(DATA))

    assert best != model.predict(rows).tolist()
    assert [float(v) for v in body.split(",")] == pytest.approx(best, abs=1e-6)


def test_libsvm_rows_are_sparse() -> None:
    rows = np.array([[0.5, np.nan, 0.25, np.nan, np.nan], [np.nan, 1, np.nan, np.nan, 0.1]])
    want = BINARY.predict(xgboost.DMatrix(rows)).tolist()

    for kind in ("text/libsvm", "text/x-libsvm"):
        body = ask(runtime(BINARY), b"1 0:0.5 2:0.25\n0 1:1 4:0.1\n", kind)[1]
        assert [float(v) for v in body.split(",")] == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status", "text"),
    [
        (b"not,a,number", "text/csv", "", 415, "could not convert string to float"),
        (b"a,b,c,d,e\n1,2,3,4,5", "text/csv", "", 415, "csv"),
        (b"1,2", "text/csv", "", 400, "Feature size of csv inference data 2"),
        (b"1,2,3,4,5,6,7", "text/csv", "", 400, "feature size of trained model 5"),
        (b"1,2,3,4,5\n1", "text/csv", "", 415, "row 2 has 1 values"),
        (b"1 7:1", "text/libsvm", "", 415, "larger than"),
        (b"{}", "application/json", "", 415, "not supported"),
        (b"1,2,3,4,5", "text/csv", "image/png", 406, "Accept type image/png is not supported"),
        (b"", "text/csv", "", 204, ""),
    ],
)
def test_what_cannot_be_answered_is_refused(
    body: bytes, content_type: str, accept: str, status: int, text: str
) -> None:
    got, message, _ = ask(runtime(BINARY), body, content_type, accept)

    assert got == status
    assert text in message


def test_a_round_of_requests_is_answered_in_order_whatever_their_size() -> None:
    served = runtime(BINARY)
    bodies = [csv(DATA[: n % 7 + 1]) if n % 5 else b"bad" for n in range(40)]

    replies = served.answer([Request(body, "text/csv", "", {}) for body in bodies])

    alone = [served.answer([Request(body, "text/csv", "", {})])[0] for body in bodies]
    assert replies == alone


def test_selected_contents_are_named() -> None:
    keys = {"SAGEMAKER_INFERENCE_OUTPUT": "predicted_label, probabilities,predicted_score"}
    score = BINARY.predict(xgboost.DMatrix(DATA[:1])).tolist()[0]

    _, body, _ = ask(runtime(BINARY, keys), csv(DATA[:1]), accept="application/json")

    (chosen,) = json.loads(body)["predictions"]
    assert chosen["predicted_label"] == int(score > 0.5)
    assert chosen["probabilities"] == [1 - score, score]
    assert str(chosen["predicted_score"]) == "nan"
    assert ask(runtime(MULTI, keys), csv(DATA[:1]))[1].count('"') == 2
