"""Two XGBoost models of scikit-learn's breast-cancer data, packed as SageMaker packs them.

Knows no server. Needs the extras xgboost and sklearn.
"""

import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any


class ExtrasMissing(Exception):
    """xgboost or scikit-learn is not installed; the message says how to get them."""


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One model: its archive, its quality on held-out rows, and what it predicts for them."""

    hyperparameters: dict[str, str]
    archive: bytes  # model.tar.gz with a file `xgboost-model`
    accuracy: float
    auc: float
    rows: list[str]  # held-out rows as CSV
    predictions: list[float]  # of those rows, computed here

    @property
    def quality_document(self) -> bytes:
        """SageMaker's model-quality JSON."""
        metrics = {
            "accuracy": {"value": self.accuracy, "standard_deviation": "NaN"},
            "auc": {"value": self.auc, "standard_deviation": "NaN"},
        }
        return json.dumps({"binary_classification_metrics": metrics}).encode()


def train(hyperparameters: dict[str, str]) -> TrainedModel:
    """Train on three quarters of the data and measure on the rest. Takes about a second.

    Raises: ExtrasMissing.
    """
    try:
        import numpy as np
        import xgboost
        from sklearn.datasets import load_breast_cancer
        from sklearn.metrics import accuracy_score, roc_auc_score
        from sklearn.model_selection import train_test_split
    except ImportError as missing:
        raise ExtrasMissing(
            f"{missing.name} is not installed; quickstart trains real models with it."
            " Install it with: pip install 'modelyard[xgboost,sklearn]'"
        ) from None
    x, y = load_breast_cancer(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=7, stratify=y)
    settings = {k: v for k, v in hyperparameters.items() if k != "num_round"}
    booster = xgboost.train(
        {"objective": "binary:logistic", "seed": 7, **settings},
        xgboost.DMatrix(x_train, label=y_train),
        num_boost_round=int(hyperparameters["num_round"]),
    )
    rows = [",".join(f"{value:.8g}" for value in row) for row in x_test]
    as_sent = np.array([row.split(",") for row in rows], dtype=np.float32)
    predictions = booster.predict(xgboost.DMatrix(as_sent))
    return TrainedModel(
        hyperparameters=hyperparameters,
        archive=_packed(bytes(booster.save_raw("ubj"))),
        accuracy=float(accuracy_score(y_test, predictions > 0.5)),
        auc=float(roc_auc_score(y_test, predictions)),
        rows=rows,
        predictions=[float(value) for value in predictions],
    )


def _packed(model: bytes) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        entry: Any = tarfile.TarInfo("xgboost-model")
        entry.size = len(model)
        archive.addfile(entry, io.BytesIO(model))
    return whole.getvalue()
