"""An outside walk through the documented stories, where such a script lies beside the checkout.

The script is no part of the project; without it there is nothing to run, and that is no fault.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = Path(os.environ.get("MODELYARD_WALK", ROOT.parent / "shared" / "acceptance" / "walk.py"))
# The steps that the program means to pass today; the others are for operations still to come.
STEPS = (
    "000-2.artifact-in-s3",
    *("000-3.", "000-4.", "000-5.", "000-6.", "000-7.", "000-8."),
    *("001.register-dict-metrics", "001.approve-and-reject", "001.tag-models"),
    *("001.lineage-artifact-", "001.lineage-auto-", "001.lineage-context-", "001.experiment-"),
    "002.",
    *("004.provision-", "004.register-", "004.list-", "004.approve-", "004.deploy-"),
    "004.iam-",
    "004.cleanup-",
    *("sdk.default-bucket", "sdk.execution-role", "sdk.model-package-update-helpers"),
)
WALK_SECONDS_MAX = 840  # less than pytest's limit, which would not show what it said


@pytest.mark.slow
@pytest.mark.skipif(not SCRIPT.exists(), reason="no walk beside this checkout")
def test_the_outside_walk_passes(
    server: ServerProcess, client_env: Callable[[str], Path], tmp_path: Path
) -> None:
    walked = subprocess.run(
        [client_env("sagemaker2"), SCRIPT, "--url", server.url, "--only", *STEPS],
        cwd=tmp_path,
        env=server.env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WALK_SECONDS_MAX,
        check=False,
    )

    assert walked.returncode == 0, walked.stdout[-6000:] + walked.stderr[-2000:]
