"""The managed policies of AWS's that people attach, with documents of ours: data in aws_managed/.

They have AWS's names and ARNs, and grant on this server what those grant on AWS. Nobody can change
them.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

PREFIX = "arn:aws:iam::aws:policy/"
_FOLDER = Path(__file__).parent / "aws_managed"


class AwsManaged(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One of them; it has one version."""

    policy_name: str
    path: str
    policy_id: str
    description: str
    created_us: int
    document: Any

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::aws:policy{self.path}{self.policy_name}"

    @property
    def text(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self.document), indent=4).decode()


@cache
def all_by_arn() -> Mapping[str, AwsManaged]:
    """Every one, in the order of their ARNs."""
    read = [
        msgspec.json.decode(path.read_bytes(), type=AwsManaged) for path in _FOLDER.glob("*.json")
    ]
    return {policy.arn: policy for policy in sorted(read, key=lambda policy: policy.arn)}
