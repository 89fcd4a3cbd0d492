"""The few calls to OpenID Connect providers: bounded in time and size, never redirected.

Only addresses that `may_be_spoken_to` allows are called; proxies of the environment are not used.
Knows no token.
"""

import asyncio
import http.client
import ssl
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from modelyard.access.people.openid_providers import may_be_spoken_to

SECONDS_MAX = 10.0  # a whole call
BYTES_MAX = 512 << 10
THREADS = 4


class NotFetched(Exception):
    """The provider did not answer, or not as it should. Says what happened, without secrets."""


class Fetcher:
    """Calls from a few threads of its own, so that a slow provider holds up nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="openid")
        self._tls = ssl.create_default_context()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def get(self, url: str) -> Any:
        """The JSON at `url`. Raises: NotFetched."""
        return await self._call("GET", url, b"", {})

    async def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> Any:
        """The JSON that answers a form. Raises: NotFetched."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._call("POST", url, urlencode(form).encode(), {**headers, **kind})

    async def _call(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Any:
        if not may_be_spoken_to(url):
            raise NotFetched("the address is not https")
        loop = asyncio.get_running_loop()
        raw = await loop.run_in_executor(
            self._threads, lambda: self._exchange(method, url, body, headers)
        )
        try:
            return msgspec.json.decode(raw)
        except msgspec.DecodeError:
            raise NotFetched("the answer is not JSON") from None

    def _exchange(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        deadline = time.monotonic() + SECONDS_MAX
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request(
                method, target, body or None, {"Accept": "application/json", **headers}
            )
            answer = connection.getresponse()
            if answer.status != 200:
                raise NotFetched(f"the answer has the status {answer.status}")
            return _read(connection, answer, deadline)
        except (OSError, http.client.HTTPException, UnicodeError) as problem:
            raise NotFetched(f"it cannot be reached ({type(problem).__name__})") from None
        finally:
            connection.close()

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=SECONDS_MAX)
        return http.client.HTTPSConnection(host, port, timeout=SECONDS_MAX, context=self._tls)


def _read(
    connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, deadline: float
) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotFetched("the answer takes too long")
        if connection.sock is not None:
            connection.sock.settimeout(left)
        part = answer.read1(64 << 10)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > BYTES_MAX:
            raise NotFetched("the answer is too long")
