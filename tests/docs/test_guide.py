"""The tour, block after block, on one server."""

import pytest

from tests.clients.story import Boosters
from tests.docs import blocks
from tests.docs.conftest import Run


@pytest.mark.slow
def test_the_guide_works_as_printed(read_along: Run, boosters: Boosters) -> None:
    told = [read_along(block) for block in blocks.of("docs/guide.md")]

    who, versions, digest, refused, decisions, predictions, updated, rolled_back = told[:8]
    reached, best, ana, allowed, why, trail, rolled_over, _ = told[8:]
    assert "arn:aws:iam::123456789012:root" in who
    assert versions.split() == [
        f"arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/{number}"
        for number in (1, 2)
    ]
    assert '"Verified"' in digest
    assert "PendingManualApproval" in refused
    assert "Better on every measure" in decisions
    assert [float(line) for line in predictions.split()] == pytest.approx(
        boosters.answers[0], abs=1e-6
    )
    assert updated.strip() == "churn-2"
    assert "would roll back to deployment 1" in rolled_back
    assert "churn is InService" in rolled_back
    assert reached.startswith("['arn:aws:sagemaker:us-east-1:123456789012:context/churn")
    assert "customers-2026-10" in best
    assert "0.94" in best
    assert best.splitlines()[-1].endswith(":model-package/churn/2")
    assert ana.splitlines()[-1] == "arn:aws:iam::123456789012:user/ana"
    assert allowed.split("\n")[:3] == [
        "churn",
        "arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/3",
        "Somebody else approves.",
    ]
    assert "sagemaker:UpdateModelPackage" in why
    assert "AccessDeniedException" in trail
    assert "CreateModelPackage  arn:aws:sagemaker" in trail
    assert "CreateUser  arn:aws:iam::123456789012:user/ana" in trail
    assert "The trail is whole." in trail
    assert rolled_over.strip() == "arn:aws:iam::123456789012:user/ana"
