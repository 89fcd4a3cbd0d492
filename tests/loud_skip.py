"""Skip a test that needs what this machine lacks, loudly. In CI there is nothing to skip."""

import os

import pytest


def require(present: object, what: str) -> None:
    """Go on when `present` is true; else skip on a laptop, and fail where `CI` is set."""
    if present:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI must have {what}", pytrace=False)
    pytest.skip(f"needs {what}")
