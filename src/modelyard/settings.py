"""Everything an operator can set, read once at start; docs/settings.md has a line for each."""

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "MODELYARD_"
LOG_LEVELS = ("debug", "info", "warning", "error")
_READERS: Mapping[Any, Any] = {
    int: int,
    float: float,
    str: str,
    Path: lambda given: Path(given).expanduser(),
}


class SettingsError(Exception):
    """A setting that cannot be: its name, its value and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One server's settings; sizes in bytes, times in seconds.

    Each is read from `MODELYARD_<NAME>`; an option of `modelyard serve` wins over it.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 9000
    database: str = ""  # empty: SQLite in the data folder
    account: str = "123456789012"
    region: str = "us-east-1"  # what `modelyard env` exports; the server serves every region
    root_access_key_id: str = ""
    root_secret_access_key: str = field(default="", repr=False)
    connect_port: int = -1  # CONNECT listener: -1 is port + 1, 0 is any free one
    body_bytes_max: int = 8 << 20  # control plane and IAM/STS
    invocation_bytes_max: int = 25 << 20  # InvokeEndpoint; AWS: 25 MB
    headers_seconds_max: float = 20.0
    body_seconds_max: float = 60.0  # a control-plane body
    idle_seconds_max: float = 60.0  # between two bytes of an object, or two requests
    replica_memory_bytes: int = 2 << 30
    unconfined_code: str = "refuse"  # or "allow": models' own code, where no sandbox can hold it
    replica_start_seconds_max: float = 300.0
    invocation_seconds_max: float = 60.0  # AWS: a model container has 60 seconds
    log_level: str = "info"  # one of LOG_LEVELS
    audit_environment: str = "blank"  # or "keep": values of containers' Environment in the trail
    public_url: str = ""  # what people's browsers reach this server by, if not this machine itself
    oidc_issuer: str = ""  # people sign in through it; empty: by name and password only
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_role: str = ""  # for those who ask for none; empty: the first that accepts them
    oidc_scopes: str = "openid email profile"


def load(options: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings from a command's options (None: not given) and the environment.

    Raises: SettingsError.
    """
    values: dict[str, Any] = {}
    for one in fields(Settings):
        given = options.get(one.name)
        if given is None:
            given = environment.get(PREFIX + one.name.upper()) or None
        if given is not None:
            values[one.name] = _as(one.name, one.type, given)
        elif one.default is MISSING:
            values[one.name] = Path.home() / ".modelyard"
    settings = Settings(**values)
    _check(settings)
    return settings


def _as(name: str, kind: Any, given: Any) -> Any:
    try:
        return _READERS[kind](given)
    except ValueError:
        wanted = "path" if kind is Path else kind.__name__
        raise SettingsError(f"{PREFIX}{name.upper()} is {given!r}, which is no {wanted}.") from None


def _check(settings: Settings) -> None:
    if not re.fullmatch(r"[0-9]{12}", settings.account):
        raise SettingsError(f"MODELYARD_ACCOUNT is {settings.account!r}; an account is 12 digits.")
    if settings.log_level not in LOG_LEVELS:
        raise SettingsError(
            f"MODELYARD_LOG_LEVEL is {settings.log_level!r}; it may be {', '.join(LOG_LEVELS)}."
        )
    if bool(settings.root_access_key_id) != bool(settings.root_secret_access_key):
        raise SettingsError(
            "Give both MODELYARD_ROOT_ACCESS_KEY_ID and MODELYARD_ROOT_SECRET_ACCESS_KEY,"
            " or neither."
        )
    if settings.unconfined_code not in ("refuse", "allow"):
        raise SettingsError(
            f"MODELYARD_UNCONFINED_CODE is {settings.unconfined_code!r}; it is refuse or allow."
        )
    if settings.audit_environment not in ("blank", "keep"):
        raise SettingsError(
            f"MODELYARD_AUDIT_ENVIRONMENT is {settings.audit_environment!r}; it is blank or keep."
        )
    _check_sign_in(settings)
    for name, least in (("port", 0), ("connect_port", -1)):
        if not least <= getattr(settings, name) <= 65535:
            raise SettingsError(f"{PREFIX}{name.upper()} is not a port number.")
    for one in fields(settings):
        value = getattr(settings, one.name)
        if one.name.endswith(("_max", "_bytes")) and not 0 < value < math.inf:
            raise SettingsError(f"{PREFIX}{one.name.upper()} is {value}; it must be more than 0.")


def _check_sign_in(settings: Settings) -> None:
    if bool(settings.oidc_issuer) != bool(settings.oidc_client_id):
        raise SettingsError("Give both MODELYARD_OIDC_ISSUER and MODELYARD_OIDC_CLIENT_ID.")
    for name in ("public_url", "oidc_issuer"):
        if not _is_safe_url(getattr(settings, name)):
            raise SettingsError(
                f"{PREFIX}{name.upper()} begins with https:// (or, on this machine itself, with"
                " http://) and has no user, query or fragment."
            )
    if settings.public_url and urlsplit(settings.public_url).path not in ("", "/"):
        raise SettingsError("MODELYARD_PUBLIC_URL has no path: clients use the whole host.")


def _is_safe_url(url: str) -> bool:
    """Empty, https, or http to this machine itself."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if not url:
        return True
    if not host or parts.username or parts.query or parts.fragment:
        return False
    loopback = host in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and loopback)
