"""Keys are made once, kept from others, and never shown."""

import stat
import threading
from pathlib import Path

import pytest

from modelyard.access.keys import credentials, private_files
from modelyard.settings import Settings
from tests.access import signing
from tests.access.authenticator import Authenticator


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_makes_a_key_and_later_ones_keep_it(data: Path) -> None:
    first = credentials.load(Settings(data=data))
    later = credentials.load(Settings(data=data))

    assert first.first_start
    assert not later.first_start
    assert (first.root.id, first.root.secret) == (later.root.id, later.root.secret)
    assert first.root.id.startswith("AKIA")
    assert len(first.root.secret) == 40


def test_only_the_owner_can_read_what_is_kept(data: Path) -> None:
    credentials.load(Settings(data=data))

    assert mode(data) == 0o700
    assert {path.name: mode(path) for path in data.iterdir()} == {
        credentials.CREDENTIALS_FILE: 0o600,
        credentials.SECRET_FILE: 0o600,
    }


def test_servers_that_start_together_agree_on_one_key(data: Path) -> None:
    found: list[credentials.Credentials] = []
    starts = [
        threading.Thread(target=lambda: found.append(credentials.load(Settings(data=data))))
        for _ in range(8)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()

    assert len({one.root.secret for one in found}) == 1
    assert len({one.secret.connect_password for one in found}) == 1
    assert [one.first_start for one in found].count(True) == 1


@pytest.mark.parametrize("name", [credentials.CREDENTIALS_FILE, credentials.SECRET_FILE])
def test_a_file_that_others_can_read_is_refused(data: Path, name: str) -> None:
    credentials.load(Settings(data=data))
    (data / name).chmod(0o644)

    with pytest.raises(credentials.UnusableCredentials, match="chmod 600"):
        credentials.load(Settings(data=data))


@pytest.mark.parametrize("name", [credentials.CREDENTIALS_FILE, credentials.SECRET_FILE])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_file_is_refused(data: Path, name: str, content: bytes) -> None:
    credentials.load(Settings(data=data))
    (data / name).write_bytes(content)

    with pytest.raises(credentials.UnusableCredentials, match=f"{name} is damaged"):
        credentials.load(Settings(data=data))


def test_a_link_is_not_followed(data: Path, tmp_path: Path) -> None:
    data.mkdir()
    (tmp_path / "elsewhere").write_bytes(b"x" * credentials.SECRET_BYTES)
    (data / credentials.SECRET_FILE).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(credentials.UnusableCredentials, match="cannot be opened safely"):
        credentials.load(Settings(data=data))


@pytest.mark.parametrize(
    ("key_id", "secret"),
    [
        ("AKIAX", ""),
        ("", "secret-secret"),
        ("AKIAX", "short"),
        ("a/b", "x" * 20),
        ("ASIAX", "x" * 20),
    ],
)
def test_an_unfit_root_key_is_refused(data: Path, key_id: str, secret: str) -> None:
    settings = Settings(data=data, root_access_key_id=key_id, root_secret_access_key=secret)
    with pytest.raises(credentials.UnusableCredentials):
        credentials.load(settings)


def test_purposes_have_secrets_of_their_own(data: Path) -> None:
    secret = credentials.load(Settings(data=data)).secret

    derived = {secret.page_tokens, secret.derive("another"), bytes.fromhex(secret.connect_password)}
    assert len(derived) == 3


def test_nothing_secret_shows_in_a_repr(data: Path) -> None:
    keys = credentials.load(Settings(data=data))
    http = signing.describe(key_id=keys.root.id, secret=keys.root.secret)
    pending = Authenticator(keys).precheck(http, signing.now_us())
    holder = keys.holder(keys.root.id, None, 0)
    caller = pending.finish(signing.sha256(http))

    shown = repr([keys, keys.root, keys.secret, keys.sessions, holder, pending, caller])

    assert keys.root.secret not in shown
    assert keys.secret.connect_password not in shown
    assert str((data / credentials.SECRET_FILE).read_bytes()) not in shown
    assert http.headers["authorization"] not in shown


def test_a_private_file_is_never_wider_than_its_owner(data: Path) -> None:
    assert private_files.create(data / "one", b"1")
    assert not private_files.create(data / "one", b"2")
    private_files.replace(data / "two", b"3")

    assert private_files.read(data / "one") == b"1"
    assert [mode(path) for path in data.iterdir()] == [0o600, 0o600]
