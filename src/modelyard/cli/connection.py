"""How a command reaches a server: as the shell's AWS settings say, else by the data folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from modelyard.cli import output
from modelyard.settings import Settings, SettingsError, load

SERVER_FILE = "server.json"
SERVICE_FOLDER = Path(__file__).resolve().parent.parent / "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server's address and a key for it."""

    url: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def client(self, service: str) -> Any:
        """A botocore client; our own service's description is found beside AWS's."""
        import botocore.session
        from botocore.config import Config

        session = botocore.session.get_session()
        session.get_component("data_loader").search_paths.append(str(SERVICE_FOLDER))
        return session.create_client(
            service,
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
            config=Config(
                retries={"max_attempts": 2}, connect_timeout=5, read_timeout=70, proxies={}
            ),
        )


@contextmanager
def telling(server: Address) -> Iterator[None]:
    """Ends the command with what a client inside was told, or could not be told."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ClientError as refusal:
        raise output.Stop(refusal.response["Error"]["Message"]) from None
    except ParamValidationError as problem:
        raise output.Stop(str(problem)) from None
    except BotoCoreError as problem:
        raise output.Unreachable(f"{server.url} could not be asked: {problem}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Address):
    """A server on this machine, by its data folder, with its administrator's key."""

    data: Path
    account: str
    connect_port: int
    connect_password: str = field(repr=False)


class ServerFile(msgspec.Struct):
    """What the server writes down for commands beside it (app.serve)."""

    url: str
    region: str
    account: str
    pid: int
    connect_port: int
    access_key_id: str


def by_data_folder(data: Path | None) -> Connection:
    """The server of a data folder. Ends the command if none has run there."""
    from modelyard.access.keys import credentials

    try:
        settings = load({"data": data}, os.environ)
        server = read_server_file(settings.data)
        _check_key_is_here(settings, server)
        keys = credentials.load(settings)
        if keys.root.id != server.access_key_id:  # the folder's is of an earlier start
            raise _other_key(settings, server)
    except (SettingsError, credentials.UnusableCredentials) as problem:
        raise output.Stop(str(problem)) from None
    except FileNotFoundError:
        raise output.Unreachable(
            f"No server has run on {settings.data} yet."
            f" Start one with: {output.program()} serve --data {settings.data}\n"
            "If yours has another data folder, name that with --data.",
        ) from None
    except OSError as problem:
        raise output.Stop(f"{problem.filename} cannot be read: {problem.strerror}.") from None
    except msgspec.DecodeError:
        raise output.Stop(
            f"{settings.data / SERVER_FILE} is damaged. Start the server again: it is made anew."
        ) from None
    return Connection(
        url=server.url,
        region=server.region,
        access_key_id=keys.root.id,
        secret_access_key=keys.root.secret,
        data=settings.data.resolve(),
        account=server.account,
        connect_port=server.connect_port,
        connect_password=keys.secret.connect_password,
    )


def by_server_file(data: Path | None) -> ServerFile:
    """Where the server of a data folder is, without any key. Ends the command if none has run."""
    try:
        return read_server_file(load({"data": data}, os.environ).data)
    except SettingsError as problem:
        raise output.Stop(str(problem)) from None
    except (OSError, msgspec.DecodeError):
        raise output.Unreachable(
            "No server is known here. Name one with --url, or its data folder with --data."
        ) from None


def _check_key_is_here(settings: Settings, server: ServerFile) -> None:
    """Raises: output.Stop: the server was given a key of its own, and this shell does not know it.

    Looks before anything is loaded: loading would make a key, and not the server's.
    """
    from modelyard.access.keys.credentials import CREDENTIALS_FILE

    known = settings.root_access_key_id == server.access_key_id
    if not known and (
        settings.root_access_key_id or not (settings.data / CREDENTIALS_FILE).exists()
    ):
        raise _other_key(settings, server)


def _other_key(settings: Settings, server: ServerFile) -> output.Stop:
    return output.Stop(
        f"The server of {settings.data} was started with the key {server.access_key_id} of its"
        " own settings. Set the same MODELYARD_ROOT_ACCESS_KEY_ID and"
        " MODELYARD_ROOT_SECRET_ACCESS_KEY here."
    )


def by_shell_or_folder(data: Path | None) -> Address:
    """What the AWS settings of the shell point at; without them, the data folder's server.

    A shell's profile is somebody: without this they would act as the administrator unawares.
    """
    environment = os.environ
    url, key = environment.get("AWS_ENDPOINT_URL"), environment.get("AWS_ACCESS_KEY_ID")
    if data is None and not key and (profile := environment.get("AWS_PROFILE")):
        return _by_profile(profile, url)
    if data is not None or not url or not key:
        return by_data_folder(data)
    return Address(
        url=url,
        region=environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or "us-east-1",
        access_key_id=key,
        secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY", ""),
        session_token=environment.get("AWS_SESSION_TOKEN"),
    )


def _by_profile(profile: str, url: str | None) -> Address:
    """Raises: output.Stop: there is no such profile, or it does not say where or who."""
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError

    session = botocore.session.Session(profile=profile)
    try:
        url = url or session.get_scoped_config().get("endpoint_url")
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found is not None else None
    except (BotoCoreError, ClientError) as problem:
        raise output.Stop(f"AWS_PROFILE is {profile}: {problem}") from None
    if not url or keys is None or not keys.access_key or not keys.secret_key:
        raise output.Stop(
            f"AWS_PROFILE is {profile}, and that profile has no"
            f" {'key' if url else 'endpoint_url'}. Set it, or unset AWS_PROFILE."
        )
    return Address(
        url=url,
        region=session.get_config_variable("region") or "us-east-1",
        access_key_id=keys.access_key,
        secret_access_key=keys.secret_key,
        session_token=keys.token,
    )


def read_server_file(folder: Path) -> ServerFile:
    """Raises: FileNotFoundError: no server has run on this folder. OSError, msgspec.DecodeError."""
    return msgspec.json.decode((folder / SERVER_FILE).read_bytes(), type=ServerFile)
