"""The keys of this server: the root access key, and the secret everything else is derived from.

Knows no request and no database: nothing secret is ever stored there. The root key comes from the
settings, or from DATA/credentials.json, made at the first start. DATA/secret holds 32 random bytes.
"""

import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from modelyard.access.identities import unique_ids
from modelyard.access.keys import private_files
from modelyard.access.sessions.session_tokens import SessionTokens
from modelyard.call import Principal
from modelyard.errors import Doubt, NotAuthenticated
from modelyard.settings import Settings

CREDENTIALS_FILE = "credentials.json"
SECRET_FILE = "secret"
SECRET_BYTES = 32
ROOT_SECRET_CHARS_MIN = 8
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_]{3,128}")


class UnusableCredentials(Exception):
    """The root key or the secret cannot be used. Says what to do."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key; its secret never shows in a repr, a log or a traceback."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """A known access key, and whose it is."""

    principal: Principal
    secret: str = field(repr=False)


class ServerSecret:
    """Derives independent secrets from DATA/secret, one a purpose."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def derive(self, label: str) -> bytes:
        """32 bytes for `label`; whoever learns them learns nothing of another label's."""
        return hmac.digest(self._secret, b"modelyard/1/" + label.encode(), "sha256")

    @property
    def page_tokens(self) -> bytes:
        return self.derive("page-tokens")

    @property
    def connect_password(self) -> str:
        """The password of the CONNECT listener's only user."""
        return self.derive("connect-password").hex()

    def __repr__(self) -> str:
        return "ServerSecret(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Every key this server accepts. `first_start` says that the root key was made just now."""

    account: str
    root: AccessKey
    secret: ServerSecret
    sessions: SessionTokens
    first_start: bool

    @property
    def root_principal(self) -> Principal:
        arn = f"arn:aws:iam::{self.account}:root"
        return Principal(self.account, arn, self.account, self.root.id)

    def holder(self, access_key_id: str, token: str | None, now_us: int) -> KeyHolder:
        """Whose key it is.

        Raises: NotAuthenticated: unknown, or its session token is missing, foreign or expired.
        """
        if hmac.compare_digest(access_key_id.encode("utf-8", "replace"), self.root.id.encode()):
            if token is not None:
                raise NotAuthenticated(
                    Doubt.BAD_TOKEN, "The security token included in the request is invalid."
                )
            return KeyHolder(self.root_principal, self.root.secret)
        if not SessionTokens.made(access_key_id):
            raise NotAuthenticated(
                Doubt.UNKNOWN_KEY, "The security token included in the request is invalid."
            )
        statement, secret = self.sessions.open(access_key_id, token, now_us)
        return KeyHolder(statement.principal, secret)


def load(settings: Settings) -> Credentials:
    """The credentials of a server, made on disk when it starts for the first time.

    Raises: UnusableCredentials: half a root key, or a file that is damaged or readable by others.
    """
    try:
        private_files.make_folder(settings.data)
        secret = ServerSecret(_server_secret(settings.data / SECRET_FILE))
        root, first_start = _root(settings)
    except private_files.UnsafeFile as error:
        raise UnusableCredentials(str(error)) from None
    return Credentials(
        account=settings.account,
        root=root,
        secret=secret,
        sessions=SessionTokens(secret.derive("session-tokens")),
        first_start=first_start,
    )


def _server_secret(path: Path) -> bytes:
    try:
        secret = private_files.read(path)
    except FileNotFoundError:
        private_files.create(path, secrets.token_bytes(SECRET_BYTES))
        secret = private_files.read(path)
    if len(secret) != SECRET_BYTES:
        raise UnusableCredentials(
            f"{path} is damaged: it must hold {SECRET_BYTES} bytes. Restore it, or delete it: then "
            "temporary credentials and page tokens given out before are refused."
        )
    return secret


def _root(settings: Settings) -> tuple[AccessKey, bool]:
    key = AccessKey(settings.root_access_key_id, settings.root_secret_access_key)
    if key.id or key.secret:
        return _checked(key, "The root access key of the settings"), False
    path = settings.data / CREDENTIALS_FILE
    try:
        return _stored(path), False
    except FileNotFoundError:
        content = {"access_key_id": unique_ids.new("AKIA", 16), "secret_access_key": _new_secret()}
        made = private_files.create(path, msgspec.json.format(msgspec.json.encode(content)) + b"\n")
        return _stored(path), made


def _stored(path: Path) -> AccessKey:
    content = private_files.read(path)
    try:
        document = msgspec.json.decode(content, type=dict[str, str])
        key = AccessKey(document["access_key_id"], document["secret_access_key"])
    except (msgspec.DecodeError, KeyError):
        raise UnusableCredentials(
            f"{path} is damaged. Restore it, or delete it so that a new root key is made."
        ) from None
    return _checked(key, f"The root access key in {path}")


def _checked(key: AccessKey, what: str) -> AccessKey:
    if not _ACCESS_KEY_ID.fullmatch(key.id) or key.id.startswith("ASIA"):
        raise UnusableCredentials(
            f"{what} needs an id of 3 to 128 letters, digits and underscores that does not begin "
            "with ASIA (those are temporary keys)."
        )
    if len(key.secret) < ROOT_SECRET_CHARS_MIN or not key.secret.isascii():
        raise UnusableCredentials(
            f"{what} needs a secret of {ROOT_SECRET_CHARS_MIN} or more ASCII characters."
        )
    return key


def _new_secret() -> str:
    # Letters and digits only, so that it survives shells and INI files without quotes.
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))
