"""Ids as IAM forms them: a prefix that tells the kind, and random characters."""

import secrets
import string

_CHARACTERS = string.ascii_uppercase + "234567"


def new(prefix: str, length: int) -> str:
    """`prefix` (AKIA, ASIA, AROA) and `length` random characters, five bits each."""
    return prefix + "".join(secrets.choice(_CHARACTERS) for _ in range(length))
