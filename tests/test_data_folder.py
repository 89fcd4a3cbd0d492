"""The data folder's own small files survive a kill at any moment."""

import stat
from pathlib import Path

from modelyard.data_folder import DataFolder


def test_an_identity_lasts(tmp_path: Path) -> None:
    first = DataFolder(tmp_path).identity()

    assert first
    assert DataFolder(tmp_path).identity() == first


def test_an_identity_that_was_never_finished_is_made_anew(tmp_path: Path) -> None:
    """Two servers with an empty identity would take each other's endpoints for their own."""
    (tmp_path / "identity").touch()

    assert DataFolder(tmp_path).identity()


def test_an_identity_is_its_owners_alone(tmp_path: Path) -> None:
    DataFolder(tmp_path).identity()

    assert stat.S_IMODE((tmp_path / "identity").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["identity"]
