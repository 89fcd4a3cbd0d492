import re
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import pytest

from modelyard.settings import PREFIX, Settings
from tests.golden import surfaces

# What the page says instead of a default that is computed, or secret.
_IN_WORDS = {
    "data": "~/.modelyard",
    "database": "SQLite in the data folder",
    "root_access_key_id": "made at the first start",
    "root_secret_access_key": "made at the first start",
    "connect_port": "the port after MODELYARD_PORT",
    "public_url": "this machine only",
    "oidc_issuer": "none",
    "oidc_client_id": "none",
    "oidc_client_secret": "none",
    "oidc_role": "the first by name that accepts the person",
}
_ROW = re.compile(r"\| `(MODELYARD_[A-Z_]+)` \| (.*?) \| (.+?) \|")


@pytest.mark.parametrize(
    "path", surfaces.files(), ids=lambda path: str(path.relative_to(surfaces.ROOT))
)
def test_what_users_see_is_what_was_reviewed(path: Path) -> None:
    """`make golden` rewrites the files; look at the difference before it is committed."""
    assert path.read_text() == surfaces.files()[path]


def test_every_setting_has_a_line_with_its_true_default() -> None:
    page = (surfaces.ROOT / "docs/settings.md").read_text()
    shown = {name: default.replace("`", "") for name, default, _ in _ROW.findall(page)}

    assert shown == {PREFIX + one.name.upper(): _default(one) for one in fields(Settings)}


def test_a_remark_on_what_is_not_offered_is_found() -> None:
    with pytest.raises(LookupError, match="offers no"):
        surfaces.operation_tables({"sagemaker": {"CreateTrainingJob": "Nothing."}})


def _default(one: Field[Any]) -> str:
    if one.name in _IN_WORDS:
        return _IN_WORDS[one.name]
    assert one.default is not MISSING, one.name
    return f"{one.default:.0f}" if isinstance(one.default, float) else str(one.default)
