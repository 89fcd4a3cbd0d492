"""The built-in XGBoost algorithm: answers as the open-source SageMaker XGBoost container does.

Reads text/csv and text/libsvm; writes text/csv, application/json, application/jsonlines. All
requests of one round are predicted as one matrix. Knows no socket.
"""

import json
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelyard.replica import csv_rows, selection, xgboost_models
from modelyard.replica.csv_rows import BadPayload, Rows
from modelyard.replica.serving import Reply, Request
from modelyard.replica.xgboost_library import Booster, XGBoostError

BATCH_ROWS_MAX = 4096  # one matrix; more gains nothing and would delay the first in the queue

_LIBSVM = ("text/libsvm", "text/x-libsvm")
_ACCEPTS = {
    "": "text/csv",
    "*/*": "text/csv",
    "csv": "text/csv",
    "json": "application/json",
    "text/csv": "text/csv",
    "application/json": "application/json",
    "application/jsonlines": "application/jsonlines",
}


class XGBoostRuntime:
    """One booster. `window` lets requests gather while it predicts."""

    window = 64

    def __init__(self, booster: Booster, environment: Mapping[str, str], *, lines: bool) -> None:
        self._booster = booster
        self._lines = lines or bool(environment.get("SAGEMAKER_BATCH"))
        self._selected = selection.keys(environment.get("SAGEMAKER_INFERENCE_OUTPUT"))
        self._accept_default = environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")

    @classmethod
    def load(cls, folder: Path, environment: Mapping[str, str], *, lines: bool) -> "XGBoostRuntime":
        """`lines`: a line feed after each prediction, as newer containers do, instead of commas.

        Raises: ModelError (xgboost_models), XGBoostError: a sentence for the reason.
        """
        return cls(Booster(xgboost_models.read(folder)), environment, lines=lines)

    def answer(self, requests: Sequence[Request]) -> Sequence[Reply]:
        """See serving.Runtime: one reply a request, all rows in as few matrices as possible."""
        replies: list[Reply | None] = [None] * len(requests)
        waiting: list[tuple[int, Rows, str]] = []
        for index, request in enumerate(requests):
            try:
                parsed = self._parse(request)
            except MemoryError:
                parsed = _refuse(413, "The request is too large for the memory of this endpoint.")
            if isinstance(parsed, Reply):
                replies[index] = parsed
            else:
                waiting.append((index, *parsed))
        for batch in _batches(waiting):
            for (index, _, _), reply in zip(batch, self._predict(batch), strict=True):
                replies[index] = reply
        return [reply for reply in replies if reply is not None]

    def _parse(self, request: Request) -> tuple[Rows, str] | Reply:
        """The request's rows, as wide as the model, and how to encode; or why not."""
        if not request.body:
            return Reply(204, b"")
        accept = _media_type(request.accept)
        if accept in ("", "*/*"):
            accept = self._accept_default
        encoding = _ACCEPTS.get(accept)
        if encoding is None:
            offered = ", ".join(kind for kind in _ACCEPTS if "/" in kind and kind != "*/*")
            return _refuse(
                406, f"Accept type {accept} is not supported. Please use one of {offered}."
            )
        kind = _media_type(request.content_type) or "text/csv"
        features = self._booster.features
        try:
            if kind in ("text/csv", "csv"):
                rows = csv_rows.from_csv(request.body)
            elif kind in _LIBSVM:
                rows = csv_rows.from_libsvm(request.body, features)
            else:
                return _refuse(415, f"Content-type {request.content_type} is not supported.")
        except BadPayload as error:
            name = "libsvm" if kind in _LIBSVM else "csv"
            return _refuse(
                415,
                f"Loading {name} data failed with Exception, please ensure data is in {name} "
                f"format: {error}",
            )
        if rows.columns != features:
            return _refuse(
                400,
                "Unable to evaluate payload provided: Feature size of csv inference data "
                f"{rows.columns} is not consistent with feature size of trained model {features}.",
            )
        return rows, encoding

    def _predict(self, batch: Sequence[tuple[int, Rows, str]]) -> list[Reply]:
        values = batch[0][1].values
        if len(batch) > 1:
            values = array("f", b"".join([rows.values.tobytes() for _, rows, _ in batch]))
        count = sum(rows.height for _, rows, _ in batch)
        try:
            scores, width = self._booster.predict(values, count, self._booster.features)
        except (XGBoostError, MemoryError) as error:
            if len(batch) > 1:  # find out whose fault it was
                return [reply for item in batch for reply in self._predict([item])]
            return [_refuse(400, f"Unable to evaluate payload provided: {error}")]
        replies, at = [], 0
        for _, rows, encoding in batch:
            end = at + rows.height * width
            replies.append(self._encode(scores[at:end], width, encoding))
            at = end
        return replies

    def _encode(self, scores: list[float], width: int, encoding: str) -> Reply:
        by_row: Sequence[float | list[float]] = scores
        if width > 1:
            by_row = [scores[i : i + width] for i in range(0, len(scores), width)]
        if self._selected:
            return self._encode_selected(by_row, encoding)
        if encoding == "text/csv":
            if self._lines:
                return Reply(200, ("\n".join(map(str, by_row)) + "\n").encode(), encoding)
            return Reply(200, ",".join(map(str, by_row)).encode(), encoding)
        predictions = [{"score": score} for score in by_row]
        if encoding == "application/json":
            return Reply(200, json.dumps({"predictions": predictions}).encode(), encoding)
        return Reply(200, _json_lines(predictions), encoding)

    def _encode_selected(self, by_row: Sequence[float | list[float]], encoding: str) -> Reply:
        """SAGEMAKER_INFERENCE_OUTPUT: named contents instead of the bare score."""
        booster = self._booster
        try:
            chosen = selection.select(by_row, self._selected, booster.objective, booster.classes)
        except selection.NotSelectable as error:
            return _refuse(500, str(error))
        if encoding == "text/csv":
            return Reply(200, selection.to_csv(chosen).encode(), encoding)
        if encoding == "application/json":
            return Reply(200, json.dumps({"predictions": chosen}).encode(), encoding)
        return Reply(200, _json_lines(chosen), encoding)


def _json_lines(predictions: Sequence[Mapping[str, object]]) -> bytes:
    return "".join(json.dumps(prediction) + "\n" for prediction in predictions).encode()


def _batches(
    waiting: Sequence[tuple[int, Rows, str]],
) -> list[list[tuple[int, Rows, str]]]:
    batches: list[list[tuple[int, Rows, str]]] = []
    room = 0
    for item in waiting:
        if not batches or item[1].height > room:
            batches.append([])
            room = BATCH_ROWS_MAX
        batches[-1].append(item)
        room -= item[1].height
    return batches


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _refuse(status: int, sentence: str) -> Reply:
    return Reply(status, sentence.encode())
