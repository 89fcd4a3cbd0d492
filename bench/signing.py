"""Requests as a client signs them: fresh Signature Version 4, as bytes for the load generator."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

REGION = "us-east-1"


class Signer:
    """Signs for one server with one key; the signing key is derived once, as SDKs do."""

    def __init__(self, host: str, port: int, access_key_id: str, secret: str) -> None:
        self._host = f"{host}:{port}"
        self._access_key_id = access_key_id
        self._secret = secret
        self._keys: dict[str, bytes] = {}

    def request(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], service: str
    ) -> bytes:
        """One signed HTTP/1.1 request. Names of `headers` are lower case; `path` is plain."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        signed = {**headers, "host": self._host, "x-amz-date": stamp}
        if service == "s3":
            signed["x-amz-content-sha256"] = digest
        names = sorted(signed)
        lines = [f"{name}:{signed[name]}" for name in names]
        listed = ";".join(names)
        canonical = "\n".join((method, path, "", *lines, "", listed, digest))
        scope = f"{stamp[:8]}/{REGION}/{service}/aws4_request"
        text = "\n".join(
            ("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest())
        )
        signature = hmac.digest(self._key(scope), text.encode(), "sha256").hex()
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key_id}/{scope},"
            f" SignedHeaders={listed}, Signature={signature}"
        )
        head = [f"{method} {path} HTTP/1.1", *(f"{name}: {signed[name]}" for name in names)]
        head += [f"authorization: {authorization}", f"content-length: {len(body)}", "", ""]
        return "\r\n".join(head).encode() + body

    def call(self, operation: str, document: Mapping[str, Any]) -> bytes:
        """A JSON 1.1 request to SageMaker."""
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"SageMaker.{operation}",
        }
        return self.request("POST", "/", json.dumps(document).encode(), headers, "sagemaker")

    def invocation(self, endpoint: str, row: bytes, number: int) -> bytes:
        """InvokeEndpoint with an inference id of its own, so that no two signatures are equal."""
        headers = {
            "content-type": "text/csv",
            "accept": "text/csv",
            "x-amzn-sagemaker-inference-id": f"bench-{number}",
        }
        path = f"/endpoints/{endpoint}/invocations"
        return self.request("POST", path, row, headers, "sagemaker")

    def _key(self, scope: str) -> bytes:
        key = self._keys.get(scope)
        if key is None:
            key = ("AWS4" + self._secret).encode()
            for word in scope.split("/"):
                key = hmac.digest(key, word.encode(), "sha256")
            self._keys[scope] = key
        return key
