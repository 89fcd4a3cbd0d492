"""ARNs of lineage entities, and what tells one from another. Pure; knows no storage."""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from modelyard.contract import arns

ARTIFACT = "artifact"
ACTION = "action"
CONTEXT = "context"
TRIAL_COMPONENT = "experiment-trial-component"
EXPERIMENT = "experiment"
GROUP = "sagemaker-default-lineage-group"  # the one that an account has in each region

_HEX_DIGITS = 32  # of an artifact's ARN, as AWS's have them


def artifact_arn(
    account: str, region: str, source_uri: str, source_types: Sequence[dict[str, Any]] = ()
) -> str:
    """One source is one artifact: the ARN is a digest of it. The order of types says nothing."""
    types = sorted((one["SourceIdType"], one["Value"]) for one in source_types)
    told = msgspec.json.encode([source_uri, types])
    return arns.build(region, account, ARTIFACT, hashlib.sha256(told).hexdigest()[:_HEX_DIGITS])


def named_arn(account: str, region: str, kind: str, name: str) -> str:
    """The ARN of an action or context. Names differ in more than the case of their letters."""
    return arns.build(region, account, kind, name.lower())


def group_arn(account: str, region: str) -> str:
    return arns.build(region, account, "lineage-group", GROUP)


def source_key(source_uri: str) -> str:
    """What a source is looked up by."""
    return hashlib.sha256(source_uri.encode()).hexdigest()


def kind(arn: str) -> str:
    """What stands before the name in an ARN of a lineage entity or of one of experiments."""
    return arn.split(":", 5)[5].partition("/")[0]
