"""What of a request may be written down. Pure.

Secrets are known by the names of members and by how their texts look; they are blanked before
anything is encoded. What is large is cut, with its digest, so that it can still be compared.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

BLANK = "***"
TEXT_CHARACTERS_MAX = 12_288  # a policy document is kept whole (IAM: 10,240 at most)
TEXT_CHARACTERS_KEPT = 200
DEPTH_MAX = 32
ENTRIES_MAX = 200  # of one list; DeleteObjects names 1,000 keys at most

# Of the name of a member that is a secret.
_WORDS = (
    "passw",
    "passphrase",
    "secret",
    "credential",
    "token",
    "privatekey",
    "private_key",
    "apikey",
    "api_key",
    "authoriz",
    "assertion",
    "signature",
    "cookie",
    "seed",
    "qrcode",
    "ssecustomerkey",
)
# Named like secrets and none: they tell calls and pages apart, or are digests.
_HARMLESS = frozenset(
    {
        "clienttoken",
        "clientrequesttoken",
        "minimumpasswordlength",
        "maxpasswordage",
        "passwordreuseprevention",
        "nexttoken",
        "continuationtoken",
        "ssecustomerkeymd5",
        "copysourcessecustomerkeymd5",
    }
)
_ENVIRONMENTS = frozenset({"Environment", "EnvironmentVariables"})
_SECRET_TEXT = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|AWS4-HMAC-SHA256|AWS4-ECDSA|\b(?:Bearer|Basic) \S"
    r"|://[^/\s:@]*:[^/\s@]+@",
    re.IGNORECASE,
)
_SIGNED_QUERY = re.compile(
    r"\?(?=.*(?:X-Amz-|\bSignature=|AWSAccessKeyId=|\bsig=|token=|password=|secret=)).*",
    re.IGNORECASE | re.DOTALL,
)
# What is nowhere in a document's encoding if there is nothing to blank: parts of all of the above,
# in lower case. Few and short, since every record is searched for each, most at a microsecond.
_MARKS_OF_TEXTS = (b"?", b"@", b"private", b"aws4-", b"bearer", b"basic")
_MARKS_OF_NAMES = (
    *(b"pass", b"secret", b"credential", b"token", b"key", b"authoriz", b"assertion", b"sig"),
    *(b"cookie", b"seed", b"qrcode", b"environ"),
)
_CLEAN_BYTES_MAX = 8 << 10
_encode = msgspec.json.Encoder(enc_hook=lambda value: f"({type(value).__name__.lower()})").encode


def encoded_if_clean(document: dict[str, Any], *, names_are_harmless: bool = False) -> bytes | None:
    """The JSON of a document in which there is nothing to blank and nothing to cut, else None.

    Nearly all are such, and looking through the encoded text costs a tenth of walking through it;
    a third of that where it is known that no name in it is that of a secret.
    """
    if any(type(value) is bytes for value in document["Parameters"].values()):
        return None
    try:
        encoded = _encode(document)
    except RecursionError:  # walking through it stops at DEPTH_MAX
        return None
    if len(encoded) > _CLEAN_BYTES_MAX:
        return None
    searched = encoded.lower()
    for mark in _MARKS_OF_TEXTS:
        if mark in searched:
            return None
    if names_are_harmless:
        return encoded
    # boto3 gives most creations a ClientToken
    searched = searched.replace(b'"clienttoken":', b"")
    for mark in _MARKS_OF_NAMES:
        if mark in searched:
            return None
    return encoded


def blanked(value: Any, *, environment_kept: bool = False) -> Any:
    """`value` as it may be recorded: JSON all the way, no secret, nothing endless."""
    return _of(value, 0, environment_kept)


def text(value: str, characters_max: int = TEXT_CHARACTERS_MAX) -> str:
    """A text without the secrets that texts carry; a long one is cut."""
    if _SECRET_TEXT.search(value):
        return BLANK
    if "?" in value:
        value = _SIGNED_QUERY.sub(f"?{BLANK}", value)
    if len(value) <= characters_max:
        return value
    return f"{value[:TEXT_CHARACTERS_KEPT]}{_cut(len(value), value.encode('utf-8', 'replace'))}"


def digest_of(value: Any) -> str:
    """What stands for a value that is too large to be recorded."""
    encoded = _encode(value)
    return _cut(len(encoded), encoded).strip()


def _cut(size: int, content: bytes) -> str:
    return f" ... ({size} in all, sha256 {hashlib.sha256(content).hexdigest()})"


def _of(value: Any, depth: int, environment_kept: bool) -> Any:
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= DEPTH_MAX:
        return f"... (nested deeper than {DEPTH_MAX})"
    if isinstance(value, Mapping):
        return _of_mapping(value, depth + 1, environment_kept)
    if isinstance(value, list | tuple):
        kept = [_of(one, depth + 1, environment_kept) for one in value[:ENTRIES_MAX]]
        if len(value) > ENTRIES_MAX:
            kept.append(f"... ({len(value)} in all)")
        return kept
    if isinstance(value, bytes):
        return _cut(len(value), value).strip()
    return f"({type(value).__name__.lower()})"  # a stream, which is not read twice


def _of_mapping(value: Mapping[Any, Any], depth: int, environment_kept: bool) -> dict[str, Any]:
    named = value.get("Key", value.get("Name")) if "Value" in value else None
    secret_pair = isinstance(named, str) and _is_secret(named)
    found: dict[str, Any] = {}
    for key, member in value.items():
        name = str(key)
        if secret_pair and name == "Value":
            found[name] = BLANK
        elif name in _ENVIRONMENTS and not environment_kept:
            found[name] = _blank(member)
        elif _is_secret(name):
            found[name] = _unless_structured(member, depth, environment_kept)
        else:
            found[name] = _of(member, depth, environment_kept)
    return found


def _blank(member: Any) -> Any:
    """Names stay, values go."""
    if isinstance(member, Mapping):
        return {text(str(name)): BLANK for name in member}
    return BLANK


def _unless_structured(member: Any, depth: int, environment_kept: bool) -> Any:
    """A secret is blanked. A structure of that name (`Credentials`) has members to judge."""
    if member is None or isinstance(member, bool):
        return member
    if isinstance(member, Mapping):
        return _of(member, depth, environment_kept)
    if isinstance(member, list | tuple):
        return [_unless_structured(one, depth, environment_kept) for one in member[:ENTRIES_MAX]]
    return BLANK


def is_telling(name: Any) -> bool:
    """Whether what has this name is blanked, or judged further."""
    return name in _ENVIRONMENTS or _is_secret(str(name))


@lru_cache(4096)
def _is_secret(name: str) -> bool:
    lowered = name.lower().replace("-", "")
    return lowered not in _HARMLESS and any(word in lowered for word in _WORDS)
