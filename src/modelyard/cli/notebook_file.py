"""The file in which the SageMaker SDK looks for its role before it asks anybody."""

import json
from pathlib import Path

from modelyard.cli import output

# SageMaker SDK 2.x and 3.x: NOTEBOOK_METADATA_FILE; the path cannot be set.
PATH = Path("/opt/ml/metadata/resource-metadata.json")
MEMBER = "ExecutionRoleArn"


def write(role: str, path: Path = PATH) -> None:
    """Have get_execution_role() answer `role` on this machine.

    Raises: output.Stop: the file is a real notebook's, or may not be written.
    """
    try:
        if path.exists() and set(json.loads(path.read_text())) - {MEMBER}:
            raise output.Stop(f"{path} is a SageMaker notebook's own; it is left as it is.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({MEMBER: role}) + "\n")
    except (OSError, ValueError) as problem:
        raise output.Stop(
            f"{path} cannot be written ({problem}). Run this as a user who may, or let the SDK ask"
            " through the proxy, as the other exports do."
        ) from None
