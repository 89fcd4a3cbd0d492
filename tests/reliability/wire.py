"""Signed requests over plain sockets: what a client sends before an SDK makes it well-behaved.

Knows HTTP and AWS's signature; nothing of operations.
"""

import http.client
import json
from typing import Any, NamedTuple

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.server_process import REGION, ServerProcess

TARGETS = {"sagemaker": "SageMaker", "modelyard": "Modelyard"}


class Answered(NamedTuple):
    status: int
    headers: dict[str, str]  # lower case
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One kept connection; a request that finds it closed opens another, once."""

    def __init__(self, server: ServerProcess, *, timeout: float = 60.0) -> None:
        self._server = server
        self._timeout = timeout
        self._keys = Credentials(server.access_key_id, server.secret_access_key)
        self._connection: http.client.HTTPConnection | None = None

    def rpc(self, service: str, operation: str, body: bytes | dict[str, Any]) -> Answered:
        """One call of a JSON 1.1 service, with any bytes as its body."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{TARGETS[service]}.{operation}",
        }
        return self.send(service, "POST", "/", raw, headers)

    def query(self, service: str, body: bytes) -> Answered:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send(service, "POST", "/", body, headers)

    def send(
        self,
        service: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answered:
        signed = self.sign(service, method, path, body, headers)
        return self.exchange(method, path, body, signed)

    def sign(
        self,
        service: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """The headers of a request, with a right signature."""
        request = AWSRequest(method, self._server.url + path, data=body, headers=headers or {})
        kind = S3SigV4Auth if service == "s3" else SigV4Auth
        kind(self._keys, service, REGION).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}

    def exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answered:
        try:
            return self._exchange(method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()  # the server may close a connection after a refusal
            return self._exchange(method, path, body, headers)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answered:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._server.port, timeout=self._timeout
            )
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        read = answer.read()
        if named.get("connection", "") == "close":
            self.close()
        return Answered(answer.status, named, read)
