"""The runtime is chosen by the image's repository and tag, wherever the registry is."""

from pathlib import Path

import pytest

from modelyard.replica import runtimes
from modelyard.replica.runtimes import LoadError

HOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "image",
    [
        f"{HOST}/sagemaker-xgboost:1.7-1",
        f"{HOST}/sagemaker-xgboost:0.90-1-cpu-py3",
        f"{HOST}/sagemaker-xgboost:3.0-5",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
        "501404015308.dkr.ecr.cn-north-1.amazonaws.com.cn/xgboost:latest",
        "localhost:5000/team/sagemaker-xgboost:1.5-1",
        "sagemaker-xgboost",
        f"{HOST}/sagemaker-xgboost@sha256:{'0' * 64}",
    ],
)
def test_xgboost_images_have_a_built_in_runtime(image: str, model: Path) -> None:
    assert runtimes.choose(image, model, model / "code", {}).name == "xgboost"


@pytest.mark.parametrize(
    "image",
    [f"{HOST}/sagemaker-scikit-learn:1.2-1-cpu-py3", f"{HOST}/sagemaker-xgboost:1.7-1", "own:1"],
)
def test_a_script_in_the_archive_is_script_mode(image: str, model: Path) -> None:
    (model / "code" / "inference.py").touch()

    assert runtimes.choose(image, model, model / "code", {}).name == "script"


def test_the_program_may_have_another_name(model: Path) -> None:
    (model / "code" / "serve.py").touch()
    environment = {"SAGEMAKER_PROGRAM": "serve.py"}

    assert runtimes.choose("own:1", model, model / "code", environment).name == "script"


@pytest.mark.parametrize("program", ["missing.py", "../outside.py", "/etc/passwd"])
def test_a_program_that_is_not_in_the_code_folder_is_refused(program: str, model: Path) -> None:
    with pytest.raises(LoadError, match="SAGEMAKER_PROGRAM"):
        runtimes.choose("own:1", model, model / "code", {"SAGEMAKER_PROGRAM": program})


@pytest.mark.parametrize("image", [f"{HOST}/pytorch-inference:2.3.0-cpu-py311", "own:1", ""])
def test_an_image_without_runtime_and_script_says_so(image: str, model: Path) -> None:
    with pytest.raises(LoadError, match=r"code/inference\.py"):
        runtimes.choose(image, model, model / "code", {})


def test_a_framework_that_is_missing_is_named(model: Path) -> None:
    (model / "code" / "inference.py").touch()

    with pytest.raises(LoadError, match="mxnet"):
        runtimes.choose(f"{HOST}/mxnet-inference:1.9", model, model / "code", {})
