"""Logs are events with fields, one JSON object a line on standard error.

`log.info("endpoint_started", extra={"endpoint": name})`: the message is the event's name, `extra`
its fields. Secrets, bodies and environment values never go in; the server logs one line a request.
"""

import logging
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, TextIO

import msgspec

_RECORD_MEMBERS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
_encode = msgspec.json.Encoder(enc_hook=str).encode


class JsonLines(logging.Formatter):
    """time, level, event and the fields; an exception's trace as one field."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {k: v for k, v in record.__dict__.items() if k not in _RECORD_MEMBERS}
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        return _line(record.created, record.levelno, record.getMessage(), fields)


class _LineHandler(logging.StreamHandler[TextIO]):
    """Writes records, and lines that never were one."""

    def write_line(self, line: str) -> None:
        with self.lock or nullcontext():
            self.stream.write(line + "\n")


def event(log: logging.Logger, level: int, name: str, fields: Mapping[str, Any]) -> None:
    """Log what happens once a request: straight to the line where that is all a record would do.

    Building a LogRecord and asking every logger for handlers costs three times the line itself.
    """
    if not log.isEnabledFor(level):
        return
    handlers = logging.getLogger().handlers
    if len(handlers) == 1 and isinstance(handlers[0], _LineHandler):
        handlers[0].write_line(_line(time.time(), level, name, fields))
    else:
        log.log(level, name, extra=fields)


def _line(at: float, level: int, name: str, fields: Mapping[str, Any]) -> str:
    line = {"time": _time(at), "level": logging.getLevelName(level).lower(), "event": name}
    return _encode({**line, **fields}).decode()


def _time(seconds: float) -> str:
    return f"{_to_the_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


@lru_cache(1)
def _to_the_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def start(level: str = "info") -> None:
    """Send every log of the process to standard error as JSON lines, from `level` on."""
    handler = _LineHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # uvicorn's own words repeat what the edge says with a request id
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
