"""The binary form of XGBoost models before JSON, as today's JSON.

Layout after XGBoost's learner.cc, gbtree_model.h and tree_model.h of 0.4 to 1.7
(save_raw("deprecated")): little-endian structures of fixed size, strings and vectors with a
64-bit length. XGBoost 3.1 dropped it.
"""

import base64
import json
import math
import struct
from collections.abc import Callable
from typing import Any

NODE = struct.Struct("<iiiIf")  # parent, left, right, split index, split condition or leaf value
STAT = struct.Struct("<fffi")  # loss change, sum of hessians, base weight, leaf child count
LEARNER = struct.Struct("<fIiiiII27i")  # 136 bytes
GBTREE = struct.Struct("<iiiiqii32i")  # 160 bytes
TREE = struct.Struct("<iiiiii31i")  # 148 bytes
GBLINEAR_BYTES = 136
ROOT_PARENT = 2147483647
LEFT_BIT = 1 << 31

_Link = Callable[[float], float]


class ModelError(Exception):
    """There is no usable model; the text is a sentence for FailureReason."""


def _sigmoid(margin: float) -> float:
    return 1.0 / (1.0 + math.exp(-margin)) if margin > -700 else 0.0


def _same(margin: float) -> float:
    return margin


# Before 1.0 base_score was saved as a margin; today's models carry it as a prediction.
_LINKS: dict[str, _Link] = {
    "reg:logistic": _sigmoid,
    "binary:logistic": _sigmoid,
    "count:poisson": math.exp,
    "reg:gamma": math.exp,
    "reg:tweedie": math.exp,
    "survival:cox": math.exp,
}
_RENAMED = {"reg:linear": "reg:squarederror", "gpu:reg:linear": "reg:squarederror"}
_SOFTMAX = ("multi:softmax", "multi:softprob")
_PARAMETERS: dict[str, dict[str, dict[str, str]]] = {
    "count:poisson": {"poisson_regression_param": {"max_delta_step": "0.7"}},
    "reg:tweedie": {"tweedie_regression_param": {"tweedie_variance_power": "1.5"}},
    "rank:pairwise": {"lambdarank_param": {}},
    "rank:ndcg": {"lambdarank_param": {}},
    "rank:map": {"lambdarank_param": {}},
    "reg:pseudohubererror": {"pseudo_huber_param": {"huber_slope": "1"}},
    "survival:aft": {"aft_loss_param": {}},
}


class _Bytes:
    """A cursor; every read is checked against the end."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> memoryview:
        if size < 0 or size > self.left:
            raise ModelError("The binary XGBoost model ends too early or is none.")
        self._at += size
        return self._data[self._at - size : self._at]

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        return form.unpack(self.take(form.size))

    def length(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def text(self) -> str:
        return bytes(self.take(self.length())).decode("utf-8")

    def floats(self) -> list[float]:
        count = self.length()
        return list(struct.unpack(f"<{count}f", self.take(4 * count)))


def to_json(data: bytes) -> bytes:
    """Raises ModelError when `data` is not such a model."""
    if data.startswith(b"bs64\t"):
        data = base64.b64decode(data[5:], validate=False)
    if data.startswith(b"binf"):
        data = data[4:]
    source = _Bytes(data)
    base_score, features, classes, extra, _, major, minor, *_ = source.unpack(LEARNER)
    objective, booster = source.text(), source.text()
    objective = _RENAMED.get(objective, objective)
    if booster not in ("gbtree", "dart", "gblinear") or ":" not in objective:
        raise ModelError("The file is not an XGBoost model in any known form.")
    gradient_booster = _booster(source, booster, features)
    attributes = _attributes(source) if extra else {}
    _restore_forest_width(gradient_booster, attributes)
    if major < 1 and objective not in _SOFTMAX:
        base_score = _LINKS.get(objective, _same)(base_score)
    elif major == 1 and minor < 4 and objective == "binary:logitraw" and 0 < base_score < 1:
        # Until 1.3 this objective took base_score as a probability (1.2.1 and 1.4.2 compared).
        base_score = math.log(base_score / (1 - base_score))
    model = {
        "learner": {
            "attributes": attributes,
            "feature_names": [],
            "feature_types": [],
            "gradient_booster": gradient_booster,
            "learner_model_param": {
                "base_score": repr(base_score),
                "boost_from_average": "1",
                "num_class": str(classes),
                "num_feature": str(features),
                "num_target": "1",
            },
            "objective": _objective(objective, classes),
        },
        "version": [1, 7, 6],
    }
    return json.dumps(model).encode()


def _objective(name: str, classes: int) -> dict[str, Any]:
    if name in _SOFTMAX:
        return {"name": name, "softmax_multiclass_param": {"num_class": str(classes)}}
    parameters = _PARAMETERS.get(name, {"reg_loss_param": {"scale_pos_weight": "1"}})
    return {"name": name, **parameters}


def _booster(source: _Bytes, name: str, features: int) -> dict[str, Any]:
    if name == "gblinear":
        source.take(GBLINEAR_BYTES)
        return {"name": name, "model": {"weights": source.floats()}}
    trees = _trees(source, features)
    if name == "gbtree":
        return {"name": name, "model": trees}
    weights = source.floats() if trees["trees"] else []
    return {
        "name": name,
        "gbtree": {"name": "gbtree", "model": trees},
        "weight_drop": weights,
    }


def _trees(source: _Bytes, features: int) -> dict[str, Any]:
    count, parallel, *_ = source.unpack(GBTREE)
    if count < 0 or count > source.left // TREE.size:
        raise ModelError("The binary XGBoost model is damaged: its number of trees is wrong.")
    trees = [_tree(source, number, features) for number in range(count)]
    return {
        "gbtree_model_param": {
            "num_trees": str(count),
            "num_parallel_tree": str(max(parallel, 1)),
        },
        "tree_info": list(struct.unpack(f"<{count}i", source.take(4 * count))),
        "trees": trees,
    }


def _tree(source: _Bytes, number: int, features: int) -> dict[str, Any]:
    _, count, deleted, _, _, leaf_vector, *_ = source.unpack(TREE)
    if leaf_vector > 1:
        raise ModelError("The binary XGBoost model has leaf vectors, which are not supported.")
    if not 0 < count <= source.left // (NODE.size + STAT.size):
        raise ModelError("The binary XGBoost model is damaged: a tree has a wrong size.")
    parents, left, right, splits, values = zip(
        *NODE.iter_unpack(source.take(count * NODE.size)), strict=True
    )
    changes, hessians, weights, _ = zip(
        *STAT.iter_unpack(source.take(count * STAT.size)), strict=True
    )
    return {
        "base_weights": weights,
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": [split >> 31 for split in splits],
        "id": number,
        "left_children": left,
        "loss_changes": changes,
        "parents": [ROOT_PARENT if p == -1 else p & (LEFT_BIT - 1) for p in parents],
        "right_children": right,
        "split_conditions": values,
        "split_indices": [
            0 if child == -1 else split & (LEFT_BIT - 1)
            for split, child in zip(splits, left, strict=True)
        ],
        "split_type": [0] * count,
        "sum_hessian": hessians,
        "tree_param": {
            "num_deleted": str(deleted),
            "num_feature": str(features),
            "num_nodes": str(count),
            "size_leaf_vector": "1",
        },
    }


def _attributes(source: _Bytes) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for _ in range(source.length()):
        name = source.text()
        attributes[name] = source.text()
    hidden = ("SAVED_PARAM_", "count_poisson_max_delta_step", "objective", "metrics")
    return {name: text for name, text in attributes.items() if not name.startswith(hidden)}


def _restore_forest_width(booster: dict[str, Any], attributes: dict[str, str]) -> None:
    """Before 1.0 the trees of a round were not saved; early stopping counted both ways."""
    trees = booster.get("model", booster.get("gbtree", {}).get("model", {}))
    best, limit = attributes.get("best_iteration", ""), attributes.get("best_ntree_limit", "")
    if "gbtree_model_param" in trees and best.isdecimal() and limit.isdecimal():
        groups = max(trees["tree_info"], default=0) + 1
        width = int(limit) // (int(best) + 1)
        if width > 1 and len(trees["trees"]) % (width * groups) == 0:
            trees["gbtree_model_param"]["num_parallel_tree"] = str(width)
