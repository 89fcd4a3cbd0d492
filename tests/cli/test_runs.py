"""modelyard runs: side by side, and as curves."""

import importlib.util
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Command
from tests.loud_skip import require
from tests.server_process import ServerProcess

Shell = dict[str, str]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with three runs of one experiment; nothing in here changes it."""
    server = ServerProcess(tmp_path_factory.mktemp("runs"))
    server.start()
    furnish(server)
    yield server
    complaints = server.close()
    shutil.rmtree(server.data)
    assert complaints == []


@pytest.fixture
def pointed(furnished: ServerProcess) -> Shell:
    """The AWS settings of a shell that points at the server."""
    return {
        "AWS_ENDPOINT_URL": furnished.url,
        "AWS_ACCESS_KEY_ID": furnished.access_key_id,
        "AWS_SECRET_ACCESS_KEY": furnished.secret_access_key,
        "AWS_REGION": "us-east-1",
    }


def furnish(server: ServerProcess) -> None:
    sagemaker, metrics = server.client("sagemaker"), server.client("sagemaker-metrics")
    sagemaker.create_experiment(ExperimentName="churn")
    sagemaker.create_trial(TrialName="runs", ExperimentName="churn")
    for number in (1, 2, 3):
        name = f"churn-run-{number}"
        sagemaker.create_trial_component(
            TrialComponentName=name,
            DisplayName=f"run-{number}",
            Status={"PrimaryStatus": "Completed"},
            Parameters={
                "booster": {"StringValue": "gbtree"},
                "rate": {"NumberValue": number / 10},
            },
        )
        sagemaker.associate_trial_component(TrialComponentName=name, TrialName="runs")
        if number < 3:
            data = [
                {"MetricName": metric, "Timestamp": time.time(), "Step": step, "Value": value}
                for step in range(3)
                for metric, value in (("loss", 1 / (step + number)), ("accuracy", 0.9))
            ]
            metrics.batch_put_metrics(TrialComponentName=name, MetricData=data)


def test_runs_stand_side_by_side_and_what_differs_is_marked(
    modelyard: Command, pointed: Shell
) -> None:
    ran = modelyard("runs", "compare", "churn/Run-1", "churn-run-2", **pointed)

    assert ran.returncode == 0, ran.stderr
    assert [line.split() for line in ran.stdout.splitlines() if line] == [
        ["run-1", "run-2"],
        ["Parameters"],
        ["!", "rate", "0.1", "0.2"],
        ["Metrics"],
        ["!", "loss", "-", "Last", "0.333333", "0.25"],
        ["!", "loss", "-", "Max", "1", "0.5"],
        ["!", "loss", "-", "Min", "0.333333", "0.25"],
    ]


def test_an_experiment_stands_for_its_runs(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("runs", "compare", "churn", "--all", **pointed)

    lines = [line.split() for line in ran.stdout.splitlines()]
    assert lines[0] == ["run-1", "run-2", "run-3"]
    assert ["booster", "gbtree", "gbtree", "gbtree"] in lines
    assert ["!", "accuracy", "-", "Max", "0.9", "0.9", "-"] in lines


def test_a_script_gets_the_comparison_as_json(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("runs", "compare", "churn", "--json", **pointed)

    answer = json.loads(ran.stdout)
    assert [one["DisplayName"] for one in answer["TrialComponents"]] == ["run-1", "run-2", "run-3"]
    (rate,) = [item for item in answer["Items"] if item["Name"] == "rate"]
    assert [one["Number"] for one in rate["Values"]] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (["churn/run-1"], "2 to 100 runs are compared; these are 1."),
        (["churn/run-1", "churn/run-9"], "churn-run-9' does not exist."),
        (["churn-run-1", "nothing"], "nothing' does not exist."),
    ],
)
def test_what_cannot_be_compared_is_told(
    modelyard: Command, pointed: Shell, runs: list[str], words: str
) -> None:
    ran = modelyard("runs", "compare", *runs, **pointed)

    assert ran.returncode == 1
    assert words in ran.stderr


def texts(svg: Path) -> Iterator[str]:
    """What a picture says: matplotlib draws letters, and keeps each text as a comment."""
    builder = ElementTree.TreeBuilder(insert_comments=True)
    parser = ElementTree.XMLParser(target=builder)
    for element in ElementTree.parse(svg, parser).iter():
        if element.tag is ElementTree.Comment:
            yield str(element.text).strip()


def test_curves_are_drawn_as_svg_and_png(
    modelyard: Command, pointed: Shell, tmp_path: Path
) -> None:
    require(importlib.util.find_spec("matplotlib"), "matplotlib (modelyard[plots])")
    svg, png = tmp_path / "loss.svg", tmp_path / "both.PNG"

    drawn = modelyard("runs", "plot", "churn", "--metric", "loss", "-o", svg, **pointed)
    both: Any = ["--metric", "loss", "--metric", "accuracy"]
    second = modelyard("runs", "plot", "churn/run-1", *both, "-o", png, **pointed)

    assert drawn.stdout == f"{svg}: 2 curves\n", drawn.stderr
    said = list(texts(svg))
    assert {"loss", "step", "run-1", "run-2"} <= set(said)
    assert "run-3" not in said
    assert second.returncode == 0, second.stderr
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["churn", "--metric", "nothing", "-o", "a.svg"], 1, "None of these runs has the metric"),
        (["churn/run-9", "--metric", "loss", "-o", "a.svg"], 1, "does not exist"),
        (["churn", "--metric", "loss", "-o", "a.jpg"], 2, "a.jpg is neither .svg nor .png"),
        (["churn", "-o", "a.svg"], 2, "Missing option '--metric'"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    modelyard: Command,
    pointed: Shell,
    tmp_path: Path,
    arguments: list[str],
    status: int,
    words: str,
) -> None:
    ran = modelyard("runs", "plot", *arguments, **pointed)

    assert ran.returncode == status
    assert words in ran.stderr
    assert list(tmp_path.glob("a.*")) == []
