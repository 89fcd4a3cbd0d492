"""What every client's story is told with: two real boosters, their archives and their answers.

Trained here, once a run; the scripts of the clients get the files and print what they were
answered, and the tests compare that with the numbers computed here from the same boosters.
"""

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from sklearn.datasets import load_breast_cancer

from tests.server_process import REGION, ServerProcess, program

SCRIPTS = Path(__file__).parent / "scripts"
SCRIPT_SECONDS_MAX = 840  # less than pytest's limit, which would not show what it said
ROWS = 25
# As `sagemaker.image_uris.retrieve("xgboost", "us-east-1", "1.7-1")` writes it.
XGBOOST_IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@dataclass(frozen=True, slots=True)
class Boosters:
    """Two versions of a model: archives in S3's form, and what they answer to `rows`."""

    archives: tuple[Path, Path]
    rows: str  # text/csv, 30 features a line
    answers: tuple[list[float], list[float]]


def train(folder: Path) -> Boosters:
    """Train two boosters that differ visibly, and pack each as SageMaker's training does."""
    features, labels = load_breast_cancer(return_X_y=True)
    rows = "\n".join(",".join(f"{value:.8g}" for value in row) for row in features[:ROWS])
    # The server reads the text, so the expected numbers come from the text as well.
    asked = xgboost.DMatrix(np.loadtxt(io.StringIO(rows), delimiter=",", dtype=np.float32))
    archives, answers = [], []
    for version, (depth, rounds) in enumerate([(2, 5), (4, 40)], 1):
        booster = xgboost.train(
            {"objective": "binary:logistic", "max_depth": depth, "nthread": 1},
            xgboost.DMatrix(features, label=labels),
            num_boost_round=rounds,
        )
        archives.append(_pack(booster, folder / f"model-v{version}.tar.gz"))
        answers.append([float(value) for value in booster.predict(asked)])
    return Boosters((archives[0], archives[1]), rows, (answers[0], answers[1]))


def tell(
    script: str,
    python: Path,
    server: ServerProcess,
    boosters: Boosters,
    environment: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Run a client's script in its own environment; what it printed on its last line.

    The script reads its inputs as JSON on standard input. It may say anything before that line.
    Its shell has the server's address and key only, or what `environment` adds to them.
    """
    inputs = {
        "region": REGION,
        "archives": [str(path) for path in boosters.archives],
        "rows": boosters.rows,
        "image": XGBOOST_IMAGE,
        **more,
    }
    ran = subprocess.run(
        [python, SCRIPTS / script],
        input=json.dumps(inputs),
        env={**server.env(), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=SCRIPT_SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == 0, f"{script} failed:\n{ran.stdout[-4000:]}\n{ran.stderr[-8000:]}"
    answer: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return answer


def shell(server: ServerProcess) -> dict[str, str]:
    """What `modelyard env` exports for that server."""
    ran = subprocess.run(
        [program(), "env", "--data", server.data, "--json"],
        env={**server.env(), **server.keys()},
        capture_output=True,
        text=True,
        check=True,
    )
    exported: dict[str, str] = json.loads(ran.stdout)
    return exported


def _pack(booster: xgboost.Booster, path: Path) -> Path:
    body = bytes(booster.save_raw("ubj"))
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return path
