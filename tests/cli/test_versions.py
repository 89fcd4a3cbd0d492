"""`modelyard metrics` and `modelyard diff`, as a person and as a script reads them."""

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.clients.story import XGBOOST_IMAGE, Boosters
from tests.loud_skip import require
from tests.server_process import ServerProcess, free_port_pair

Shell = dict[str, str]


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, boosters: Boosters
) -> Iterator[ServerProcess]:
    """A server with three versions, the first two with real models."""
    server = ServerProcess(tmp_path_factory.mktemp("versions"))
    server.start()
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    s3.create_bucket(Bucket="churn")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    for number, accuracy in enumerate(("0.75", "0.9", "0.875"), 1):
        archive = boosters.archives[min(number, 2) - 1]
        s3.upload_file(str(archive), "churn", f"{number}.tar.gz")
        sagemaker.create_model_package(
            ModelPackageGroupName="churn",
            ModelApprovalStatus="Approved" if number != 2 else "Rejected",
            InferenceSpecification={
                "Containers": [
                    {"Image": XGBOOST_IMAGE, "ModelDataUrl": f"s3://churn/{min(number, 2)}.tar.gz"}
                ],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
            CustomerMetadataProperties={"accuracy": accuracy, "loss": "1", "owner": "ada"},
        )
    yield server
    assert server.close() == []


@pytest.fixture
def pointed(running: ServerProcess) -> Shell:
    """The AWS settings of a shell that points at the server."""
    return {
        "AWS_ENDPOINT_URL": running.url,
        "AWS_ACCESS_KEY_ID": running.access_key_id,
        "AWS_SECRET_ACCESS_KEY": running.secret_access_key,
        "AWS_REGION": "us-east-1",
        "PYTHONIOENCODING": "utf-8",
    }


def test_metrics_are_a_line_each_with_their_trend(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("metrics", "churn", **pointed)

    assert ran.returncode == 0, ran.stderr
    accuracy, loss = ran.stdout.splitlines()
    assert accuracy == (
        "accuracy  ▁█▇  last 0.875 (version 3), lowest 0.75 (version 1), highest 0.9 (version 2)"
    )
    assert loss.startswith("loss      ▅▅▅  last 1 (version 3)")


def test_a_terminal_without_blocks_gets_plain_signs(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("metrics", "churn", **{**pointed, "PYTHONIOENCODING": "ascii"})

    assert ran.stdout.splitlines()[0].startswith("accuracy  _#%  last")


def test_one_metric_is_a_line_a_version(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("metrics", "churn", "--metric", "accuracy", "--approved", **pointed)

    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["1", "0.75", "#" * 26, "Approved"],
        ["3", "0.875", "#" * 30, "Approved"],
    ]


def test_scripts_get_metrics_as_json(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("metrics", "churn", "--metric", "accuracy", "--json", **pointed)

    assert [one["Value"] for one in json.loads(ran.stdout)] == [0.75, 0.9, 0.875]


def test_a_trend_is_drawn_into_files(modelyard: Command, pointed: Shell, tmp_path: Path) -> None:
    require(find_spec("matplotlib"), "matplotlib (the extra plots)")
    files = ("--svg", tmp_path / "a.svg", "--png", tmp_path / "a.png")

    ran = modelyard("metrics", "churn", *files, **pointed, **_path())

    assert ran.returncode == 0, ran.stderr
    assert ET.parse(tmp_path / "a.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG\r\n")


def _path() -> dict[str, str]:
    return {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}


def test_without_matplotlib_it_says_what_to_install(
    modelyard: Command, pointed: Shell, tmp_path: Path
) -> None:
    absent = tmp_path / "absent"
    absent.mkdir()
    (absent / "matplotlib.py").write_text("raise ModuleNotFoundError('no matplotlib')")
    paths = os.pathsep.join([str(absent), *_path().values()])

    ran = modelyard("metrics", "churn", "--svg", "a.svg", **pointed, PYTHONPATH=paths)

    assert ran.returncode == 1
    assert "pip install 'modelyard[plots]'" in ran.stderr


def test_a_group_without_metrics_says_so(
    modelyard: Command, running: ServerProcess, pointed: Shell
) -> None:
    running.client("sagemaker").create_model_package_group(ModelPackageGroupName="empty")

    assert modelyard("metrics", "empty", **pointed).stdout == "No version has a metric.\n"


def test_what_differs_is_marked_down_to_the_files(
    modelyard: Command, pointed: Shell, boosters: Boosters
) -> None:
    ran = modelyard("diff", "churn/1", "churn/2", **pointed)

    assert ran.returncode == 1, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "churn/1 -> churn/2"
    assert "! ModelApprovalStatus: Approved -> Rejected" in lines
    assert "Metrics: 1 of 2 differ" in lines
    assert "! accuracy: 0.75 -> 0.9 (+0.15)" in lines
    file = next(line for line in lines if line.startswith("! xgboost-model: "))
    assert file.count(" bytes ") == 2
    assert not any(line.startswith("  ") for line in lines)


def test_all_shows_what_is_the_same_without_a_mark(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("diff", "churn/1", "churn/2", "churn/3", "--all", **pointed)

    assert ran.returncode == 1
    assert "  loss: 1" in ran.stdout.splitlines()
    assert "! accuracy: 0.75 | 0.9 (+0.15) | 0.875 (+0.125)" in ran.stdout.splitlines()


def test_the_same_is_the_same(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("diff", "churn/2", "churn/2", **pointed)

    assert (ran.returncode, ran.stdout) == (0, "churn/2 -> churn/2\n\nNothing differs.\n")


def test_scripts_get_the_whole_comparison(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("diff", "churn/2", "churn/3", "--json", **pointed)

    told: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == 1
    assert {item["Section"] for item in told["Items"] if not item["Same"]} == {
        "Approval",
        "Metadata",
        "Metrics",
    }


@pytest.mark.parametrize("packages", [("churn/1", "churn/9"), ("churn/1",), ()])
def test_what_cannot_be_compared_is_trouble(
    modelyard: Command, pointed: Shell, packages: tuple[str, ...]
) -> None:
    ran = modelyard("diff", *packages, **pointed)

    assert ran.returncode == 2
    assert ran.stderr


def test_a_server_that_is_away_is_trouble(modelyard: Command, pointed: Shell) -> None:
    away = f"http://127.0.0.1:{free_port_pair()}"

    ran = modelyard("diff", "churn/1", "churn/2", **{**pointed, "AWS_ENDPOINT_URL": away})

    assert ran.returncode == 2
    assert away in ran.stderr
