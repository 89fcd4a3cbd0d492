"""The task of the README, told by each client exactly as it is printed there."""

import re

import pytest

from tests.clients.story import Boosters
from tests.docs import blocks
from tests.docs.blocks import Block
from tests.docs.conftest import Run

BLOCKS = blocks.of("README.md")


def test_the_task_is_told_four_ways() -> None:
    assert [block.who for block in BLOCKS] == ["boto3", "awscli", "sagemaker2", "sagemaker3"]


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.who)
def test_the_readme_works_as_printed(block: Block, read_along: Run, boosters: Boosters) -> None:
    printed = read_along(block)

    rows = len(boosters.answers[0])
    numbers = [float(text) for text in re.findall(r"\d\.\d+(?:e-?\d+)?", printed)][-rows:]
    assert numbers == pytest.approx(boosters.answers[0], abs=1e-6)
