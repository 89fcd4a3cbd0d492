"""The floor of inference: CSV in, the booster on the event loop, CSV out. Nothing else."""

import os
import tarfile
from typing import Any

import numpy as np
import xgboost


def _booster() -> xgboost.Booster:
    with tarfile.open(os.environ["BENCH_MODEL"]) as archive:
        member = archive.extractfile("xgboost-model")
        assert member is not None
        booster = xgboost.Booster(model_file=bytearray(member.read()))
    booster.set_param({"nthread": 1})
    return booster


_BOOSTER = _booster()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The ASGI application."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    rows = np.array([line.split(b",") for line in body.splitlines()], dtype=np.float32)
    answer = ",".join(map(repr, _BOOSTER.inplace_predict(rows).tolist())).encode()
    headers = [(b"content-type", b"text/csv"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _live(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
