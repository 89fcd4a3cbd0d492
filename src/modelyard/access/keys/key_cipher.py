"""Keeps the secrets of access keys unreadable to whoever reads the database.

AES-256-GCM under a key derived from DATA/secret, which is not in the database. A sealed secret is
bound to its account and key id, so that it cannot be put in the place of another.
"""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LABEL = "access-keys"  # of ServerSecret.derive
_VERSION = b"\x01"
_NONCE_BYTES = 12


class UnreadableSecret(Exception):
    """A stored secret was altered, or sealed by a server with another DATA/secret."""


class KeyCipher:
    """Seals and opens the secrets of access keys under 32 bytes of `ServerSecret`."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(secret)

    def __repr__(self) -> str:
        return "KeyCipher(...)"

    def seal(self, account: str, access_key_id: str, secret: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), _bound_to(account, access_key_id))
        return base64.b64encode(_VERSION + nonce + sealed).decode()

    def open(self, account: str, access_key_id: str, sealed: str) -> str:
        """Raises: UnreadableSecret."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            nonce, body = raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :]
            if raw[:1] != _VERSION:
                raise UnreadableSecret(f"the secret of {access_key_id} is of another version")
            opened = self._cipher.decrypt(nonce, body, _bound_to(account, access_key_id))
        except (ValueError, InvalidTag):
            raise UnreadableSecret(f"the secret of {access_key_id} cannot be read") from None
        return opened.decode()


def _bound_to(account: str, access_key_id: str) -> bytes:
    return f"{account}/{access_key_id}".encode()
