"""The default encoders and decoders of SageMaker's inference toolkit: JSON, CSV and NPY arrays."""

import io
import json
from typing import Any

import numpy as np

JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"
OCTETS, TEXT = "application/octet-stream", "text/plain"
UTF8_TYPES = (JSON, CSV, TEXT, "application/jsonlines")


class UnsupportedFormat(Exception):
    """No default encoder or decoder for this content type; the container answers 415."""

    def __init__(self, content_type: str) -> None:
        super().__init__(
            f"Content type {content_type} is not supported by this framework. Please implement "
            "input_fn to deserialize the request data or an output_fn to serialize the response."
        )


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def decode(data: Any, content_type: str) -> Any:
    """An array from a request body. Raises UnsupportedFormat, or ValueError for a bad body."""
    kind = media_type(content_type)
    text = data.decode("utf-8") if isinstance(data, bytes) and kind in UTF8_TYPES else data
    if kind == JSON:
        return np.array(json.loads(text))
    if kind == CSV:
        return np.genfromtxt(io.StringIO(text), dtype=None, delimiter=",", encoding="utf-8")
    if kind == NPY:
        return np.load(io.BytesIO(data), allow_pickle=False)
    raise UnsupportedFormat(content_type)


def encode(value: Any, content_type: str) -> bytes:
    """A response body from whatever a model predicted."""
    kind = media_type(content_type)
    if kind == JSON:
        return json.dumps(value, default=_plain).encode()
    if kind == CSV:
        text = io.StringIO()
        np.savetxt(text, np.atleast_1d(value), delimiter=",", fmt="%s")
        return text.getvalue().encode()
    if kind == NPY:
        stream = io.BytesIO()
        np.save(stream, np.asarray(value), allow_pickle=False)
        return stream.getvalue()
    raise UnsupportedFormat(content_type)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
