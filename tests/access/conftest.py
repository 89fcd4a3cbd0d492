"""A server's keys in a folder of their own."""

from pathlib import Path

import pytest

from modelyard.access.keys import credentials
from modelyard.settings import Settings
from tests.access import signing
from tests.access.authenticator import Authenticator


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> credentials.Credentials:
    settings = Settings(
        data=tmp_path_factory.mktemp("keys") / "data",
        root_access_key_id=signing.KEY_ID,
        root_secret_access_key=signing.SECRET,
    )
    return credentials.load(settings)


@pytest.fixture(scope="module")
def authenticator(keys: credentials.Credentials) -> Authenticator:
    return Authenticator(keys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"
