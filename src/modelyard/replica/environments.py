"""Environments of their own for models that bring code/requirements.txt.

`build` runs inside the sandbox, with network and the right to write its own folder and nothing
else. The new environment sees the packages of the base one behind its own, so that a model adds
only what it lacks.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from modelyard.replica.spec import Spec

REQUIREMENTS_BYTES_MAX = 256 << 10
COMPLETE = "complete"  # the file that marks a finished environment
PIP = [
    "install",
    "--no-input",
    "--disable-pip-version-check",
    "--no-cache-dir",
    "--retries",
    "2",
    "--progress-bar",
    "off",
]


class RequirementsTooLong(Exception):
    """The text is a sentence for FailureReason."""


def requirements(code: Path) -> str | None:
    """The text of requirements.txt in the code folder if it asks for anything.

    Raises: RequirementsTooLong: what lies beyond the limit would be installed and not be seen.
    """
    path = code / "requirements.txt"
    if not path.is_file():
        return None
    content = path.read_bytes()
    if len(content) > REQUIREMENTS_BYTES_MAX:
        raise RequirementsTooLong(
            f"The model's code/requirements.txt is larger than {REQUIREMENTS_BYTES_MAX >> 10} KiB."
        )
    text = content.decode("utf-8", "replace")
    asks = any(line.strip() and not line.strip().startswith("#") for line in text.splitlines())
    return text if asks else None


def build(spec: Spec) -> int:
    """Make the environment in the work folder; pip's output is ours. Returns an exit status."""
    folder = Path(spec.work)
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    base = [path for path in sys.path if path.endswith("-packages")]
    (packages / "site-packages" / "base.pth").write_text("".join(f"{path}\n" for path in base))
    python = str(folder / "bin" / "python")
    asked = Path(spec.model, "requirements.txt")
    if spec.requirements:  # what the environment is kept under is what goes into it
        asked = folder / "requirements.txt"
        asked.write_text(spec.requirements, "utf-8")
    temporary = folder / "tmp"
    temporary.mkdir()
    os.environ.update(HOME=str(temporary), TMPDIR=str(temporary))
    steps = (
        [python, "-I", "-m", "ensurepip", "--default-pip"],
        [python, "-I", "-m", "pip", *PIP, "-r", str(asked)],
    )
    for step in steps:
        # pip is told everything by PIP_*; -I would hide those too, hence only for ensurepip.
        command = step if "ensurepip" in step else [python, *step[2:]]
        beside = temporary if spec.requirements else spec.model
        ended = subprocess.run(command, cwd=beside, check=False, stdin=subprocess.DEVNULL)
        if ended.returncode:
            return ended.returncode
    shutil.rmtree(temporary)
    (folder / COMPLETE).touch()
    return 0
