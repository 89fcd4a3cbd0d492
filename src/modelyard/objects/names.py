"""What buckets and keys may be called, and where a copy comes from. Pure."""

import re

from modelyard.contract import s3_locations
from modelyard.objects import refusals

KEY_BYTES_MAX = 1024
COPY_SOURCE_CHARACTERS_MAX = 4096  # a key of 1024 bytes, percent-encoded, and its bucket

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_IP_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
# Reserved by S3 for aliases and other kinds of buckets.
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket(name: str) -> None:
    """Raises: InvalidBucketName: no bucket may have this name."""
    good = (
        _BUCKET.fullmatch(name)
        and ".." not in name
        and not _IP_ADDRESS.fullmatch(name)
        and not name.startswith(_PREFIXES)
        and not name.endswith(_SUFFIXES)
    )
    if not good:
        raise refusals.InvalidBucketName("The specified bucket is not valid.", BucketName=name)


def check_key(key: str) -> None:
    """Any text is a key, `..` and `//` included; only NUL is refused, which no database stores.

    Raises: InvalidUri, KeyTooLong.
    """
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise refusals.InvalidUri("Couldn't parse the specified URI.") from None
    if "\0" in key or not key:
        raise refusals.InvalidUri("Couldn't parse the specified URI.")
    if length > KEY_BYTES_MAX:
        raise refusals.KeyTooLong(
            "Your key is too long", Size=str(length), MaxSizeAllowed=str(KEY_BYTES_MAX)
        )


def copy_source(header: str) -> tuple[str, str]:
    """Bucket and key of `[/]bucket/key[?versionId=null]`, percent-encoded.

    Raises: InvalidArgument, NoSuchVersion.
    """
    if len(header) > COPY_SOURCE_CHARACTERS_MAX:
        raise _bad_source(header[:100])
    path, mark, version = header.partition("?versionId=")
    if mark and version != "null":
        raise refusals.NoSuchVersion("The specified version does not exist.", VersionId=version)
    source = s3_locations.copy_source(path)
    if source is None:
        raise _bad_source(header)
    return source.bucket, source.key


def _bad_source(header: str) -> refusals.InvalidArgument:
    return refusals.InvalidArgument(
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        ArgumentName="x-amz-copy-source",
        ArgumentValue=header,
    )
