"""The file that answers the SDK's get_execution_role(): written, never taken from a notebook."""

import json
from pathlib import Path

import pytest

from modelyard.cli import notebook_file, output

ROLE = "arn:aws:iam::123456789012:role/churn"


def test_the_role_is_written_where_nothing_was_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "metadata" / "resource-metadata.json"
    notebook_file.write(ROLE + "-old", path)

    notebook_file.write(ROLE, path)

    assert json.loads(path.read_text()) == {"ExecutionRoleArn": ROLE}


@pytest.mark.parametrize("content", ['{"ResourceName": "a", "DomainId": "d"}', "not JSON", "[1]"])
def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "resource-metadata.json"
    path.write_text(content)

    with pytest.raises(output.Stop):
        notebook_file.write(ROLE, path)

    assert path.read_text() == content


def test_a_place_that_cannot_be_written_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(output.Stop, match="cannot be written"):
        notebook_file.write(ROLE, tmp_path / "file" / "resource-metadata.json")
