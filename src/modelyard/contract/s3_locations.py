"""Where an artifact lies, from the ways clients write it. Pure; one strict reader for everybody.

Accepted: `s3://bucket/key`, and the https forms that SDKs produce
(`https://bucket.s3[.-]region.amazonaws.com/key`, `https://s3[.-]region.amazonaws.com/bucket/key`).
Everything else is not a location, whatever a laxer reader would make of it.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_S3_HOST = r"s3(?:[.-][a-z0-9-]+)?(?:\.dualstack)?(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?"
_FORMS = (
    re.compile(rf"s3://(?P<bucket>{_BUCKET})/(?P<key>.*)", re.DOTALL),
    re.compile(rf"https://(?P<bucket>{_BUCKET})\.{_S3_HOST}/(?P<key>.*)", re.DOTALL),
    re.compile(rf"https://{_S3_HOST}/(?P<bucket>{_BUCKET})/(?P<key>.*)", re.DOTALL),
)
_BUCKET_ONLY = re.compile(rf"s3://(?P<bucket>{_BUCKET})")
KEY_BYTES_MAX = 1024  # S3: object key length


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket and a key; the key is a prefix where the caller says so, and may then be empty."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse(url: str) -> Location | None:
    """The object that `url` names, or None when it is not a well-formed S3 location.

    A key is taken literally: `..`, `%2e`, `#`, `?` and `;` are characters of the key and never
    become anything else, because no part of a key is ever used as a path.
    """
    whole = _BUCKET_ONLY.fullmatch(url)
    if whole:
        return Location(whole["bucket"], "")
    for form in _FORMS:
        match = form.fullmatch(url)
        if match:
            return _location(match["bucket"], match["key"])
    return None


def copy_source(path: str) -> Location | None:
    """The object that an x-amz-copy-source names: `[/]bucket/key`, percent-encoded."""
    try:
        bucket, _, key = unquote_to_bytes(path).decode().removeprefix("/").partition("/")
    except UnicodeError:
        return None
    return Location(bucket, key) if bucket and key and "\0" not in key else None


def _location(bucket: str, key: str) -> Location | None:
    if ".." in bucket or "\0" in key:
        return None
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        return None
    return Location(bucket, key) if length <= KEY_BYTES_MAX else None
