"""AWS Signature Version 2 in the query string, for S3: what boto3 makes for a custom endpoint.

Pure. Version 2 signs neither the host nor most of the query string. A request that relies on an
unsigned parameter is refused, and the S3 door must take the bucket from the path, never from the
host (`Caller.host_signed`).
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from urllib.parse import unquote

from modelyard.contract.http import HttpRequest
from modelyard.errors import Doubt, NotAuthenticated

_OWN = frozenset({"AWSAccessKeyId", "Signature", "Expires"})
# The parameters that Version 2 signs (S3's REST authentication page; botocore has the same list).
_SIGNED = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)
_REPEATED = frozenset({"content-type", "content-md5"})  # headers that are signed, said again
_UNSIGNED = frozenset({"x-id"})  # SDKs say with it which operation they mean; it selects nothing
_EXPIRES = re.compile(r"[0-9]{1,11}")  # seconds since the epoch
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{27}=")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Presigned:
    """What a presigned URL says of itself."""

    access_key_id: str
    signature: str
    expires: int
    token: str | None


def is_presigned(names: set[str]) -> bool:
    return "AWSAccessKeyId" in names or "Signature" in names


def parse(http: HttpRequest, pairs: list[tuple[str, str]]) -> Presigned:
    """Raises: NotAuthenticated: a parameter is missing, given twice, or not covered by V2."""
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise _malformed(f"{name} is given more than once.")
        given[name] = unquote(value, "latin-1")
    if not given.keys() >= _OWN:
        raise _malformed("Query-string authentication requires AWSAccessKeyId, Signature, Expires.")
    for name, value in given.items():
        _check_parameter(http, name, value)
    if not _EXPIRES.fullmatch(given["Expires"]):
        raise _malformed("Expires must be a number of seconds since the epoch.")
    if not _SIGNATURE.fullmatch(given["Signature"]):
        raise NotAuthenticated(Doubt.BAD_SIGNATURE, "The signature is not a base64 SHA-1 digest.")
    token = given.get("x-amz-security-token", http.headers.get("x-amz-security-token"))
    return Presigned(given["AWSAccessKeyId"], given["Signature"], int(given["Expires"]), token)


def signature(http: HttpRequest, pairs: list[tuple[str, str]], secret: str) -> str:
    """The signature a request that `parse` accepted must have."""
    given = {name: unquote(value, "latin-1") for name, value in pairs}
    headers = http.headers
    lines = [
        http.method,
        headers.get("content-md5", given.get("content-md5", "")),
        headers.get("content-type", given.get("content-type", "")),
        given["Expires"],
        *_amz_lines(http, given),
        _resource(http, pairs, given),
    ]
    digest = hmac.digest(secret.encode(), "\n".join(lines).encode("latin-1"), hashlib.sha1)
    return base64.b64encode(digest).decode()


def _check_parameter(http: HttpRequest, name: str, value: str) -> None:
    if name.startswith("x-amz-") or name in _REPEATED:
        if http.headers.get(name, value) != value:
            raise _malformed(f"{name} differs between header and parameter.")
    elif name not in _OWN and name not in _SIGNED and name not in _UNSIGNED:
        raise _malformed(
            f"Signature Version 2 does not cover the parameter {name}: presign with Version 4 "
            "(Config(signature_version='s3v4'))."
        )
    # The canonical text quotes nothing, so such a value could pass for two.
    if _CONTROL.search(value) or (name in _SIGNED and "&" in value):
        raise _malformed(f"{name} holds a character that Signature Version 2 cannot cover.")


def _amz_lines(http: HttpRequest, given: dict[str, str]) -> list[str]:
    amz = {name: value for name, value in http.headers.items() if name.startswith("x-amz-")}
    amz |= {name: value for name, value in given.items() if name.startswith("x-amz-")}
    return [f"{name}:{amz[name].strip()}" for name in sorted(amz)]


def _resource(http: HttpRequest, pairs: list[tuple[str, str]], given: dict[str, str]) -> str:
    path = http.raw_path.decode("latin-1")
    bare = {part.decode("latin-1") for part in http.query.split(b"&") if b"=" not in part}
    names = sorted(name for name, _ in pairs if name in _SIGNED)
    signed = [name if name in bare else f"{name}={given[name]}" for name in names]
    return f"{path}?{'&'.join(signed)}" if signed else path


def _malformed(message: str) -> NotAuthenticated:
    return NotAuthenticated(Doubt.MALFORMED, message)
