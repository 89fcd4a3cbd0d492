"""Signed statements of how far the chain went: "record N has the hash H". Pure.

Whoever keeps one can prove later that the trail still contains what was signed.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

FORMAT = "modelyard-audit-checkpoint/1"
SECRET_LABEL = "audit"  # of the secret of the server from which the keys are derived


class NotACheckpoint(Exception):
    """A file that is no checkpoint, or no key. Says so in words for the person who gave it."""


class Keys:
    """What seals records and signs checkpoints, both derived from the server's secret."""

    def __init__(self, secret: bytes) -> None:
        self.seal = hmac.digest(secret, b"seal", "sha256")
        self._private = Ed25519PrivateKey.from_private_bytes(
            hmac.digest(secret, b"checkpoints", "sha256")
        )
        self.public = PublicKey(self._private.public_key())

    def __repr__(self) -> str:
        return f"Keys({self.public.id})"

    def signed(self, sequence: int, chain_hash: str, at_us: int) -> "Checkpoint":
        signature = self._private.sign(_statement(sequence, chain_hash, at_us))
        return Checkpoint(sequence, chain_hash, at_us, self.public.id, signature.hex())


class PublicKey:
    """The half of the key that may leave the server."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = hashlib.sha256(raw).hexdigest()[:16]

    @staticmethod
    def read(pem: bytes) -> "PublicKey":
        """Raises: NotACheckpoint."""
        try:
            key = load_pem_public_key(pem)
        except ValueError:
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise NotACheckpoint("it holds no Ed25519 public key in PEM form")
        return PublicKey(key)

    def pem(self) -> bytes:
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def signed(self, checkpoint: "Checkpoint") -> bool:
        """Whether this key's owner signed it."""
        try:
            signature = bytes.fromhex(checkpoint.signature)
            statement = _statement(checkpoint.sequence, checkpoint.hash, checkpoint.at_us)
            self._key.verify(signature, statement)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`signed_by` is the id of a key; it says nothing until the signature was verified."""

    sequence: int
    hash: str
    at_us: int
    signed_by: str
    signature: str


class _File(msgspec.Struct):
    """A checkpoint as a file; Time is there for people."""

    Format: str
    Sequence: int
    Hash: str
    TimeMicroseconds: int
    Time: str
    SignedBy: str
    Signature: str


def written(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as it is exported."""
    at = datetime.fromtimestamp(checkpoint.at_us // 1_000_000, UTC)
    file = _File(
        FORMAT,
        checkpoint.sequence,
        checkpoint.hash,
        checkpoint.at_us,
        at.isoformat().replace("+00:00", "Z"),
        checkpoint.signed_by,
        base64.b64encode(bytes.fromhex(checkpoint.signature)).decode(),
    )
    return msgspec.json.format(msgspec.json.encode(file)) + b"\n"


def read(content: bytes) -> Checkpoint:
    """Raises: NotACheckpoint."""
    try:
        file = msgspec.json.decode(content, type=_File)
        signature = base64.b64decode(file.Signature, validate=True).hex()
    except (msgspec.DecodeError, ValueError):
        raise NotACheckpoint("it is damaged, or no checkpoint of an audit trail") from None
    if file.Format != FORMAT:
        raise NotACheckpoint(f"its format is {file.Format[:60]}, not {FORMAT}")
    return Checkpoint(file.Sequence, file.Hash, file.TimeMicroseconds, file.SignedBy, signature)


def _statement(sequence: int, chain_hash: str, at_us: int) -> bytes:
    return f"{FORMAT}\n{sequence}\n{chain_hash}\n{at_us}\n".encode()
