"""Names and ARNs of lineage entities, and what tells one from another. Pure; knows no storage.

Beside `model_package_names` because policies judge what a request names, and families read it.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelyard.call import OpenCall
from modelyard.contract import arns
from modelyard.errors import ResourceNotFound

ARTIFACT = "artifact"
ACTION = "action"
CONTEXT = "context"
TRIAL_COMPONENT = "experiment-trial-component"
EXPERIMENT = "experiment"
GROUP = "sagemaker-default-lineage-group"  # the one that an account has in each region

# What AWS's LineageType calls them. An experiment is at the end of an association only.
LINEAGE_TYPES: Mapping[str, str] = {
    ARTIFACT: "Artifact",
    ACTION: "Action",
    CONTEXT: "Context",
    TRIAL_COMPONENT: "TrialComponent",
}
ENDS = frozenset({*LINEAGE_TYPES, EXPERIMENT})  # what an association may join

_HEX_DIGITS = 32  # of an artifact's ARN, as AWS's have them
_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,118}[a-zA-Z0-9])?")


def artifact_arn(
    account: str, region: str, source_uri: str, source_types: Sequence[Mapping[str, Any]] = ()
) -> str:
    """One source is one artifact: the ARN is a digest of it. The order of types says nothing."""
    types = sorted((one["SourceIdType"], one["Value"]) for one in source_types)
    told = msgspec.json.encode([source_uri, types])
    return arns.build(region, account, ARTIFACT, hashlib.sha256(told).hexdigest()[:_HEX_DIGITS])


def source(value: Any) -> tuple[str, list[Mapping[str, str]]] | None:
    """The URI and the types of an ArtifactSource; None of what the operation will refuse."""
    if type(value) is not dict or type(value.get("SourceUri")) is not str:
        return None
    types = value.get("SourceTypes") or []
    if type(types) is not list:
        return None
    for one in types:
        if type(one) is not dict or any(
            type(one.get(member)) is not str for member in ("SourceIdType", "Value")
        ):
            return None
    return value["SourceUri"], types


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


def is_name(text: str) -> bool:
    """Whether it can stand behind the kind in an ARN."""
    return _NAME.fullmatch(text) is not None


def folded(arn: str) -> str:
    """The ARN as it is kept: a name may be written in any case."""
    head, slash, name = arn.partition("/")
    return f"{head}{slash}{name.lower()}"


def find(call: OpenCall, kind: str, text: str) -> str:
    """The ARN of what a client named by name, where it may, or by ARN.

    Raises: AccessDeniedException: of another account. ResourceNotFound: it can name none here.
    """
    if not text.startswith("arn:"):
        return named_arn(call.account, call.region, kind, text)
    return reached(call, text, (kind,))


def reached(call: OpenCall, text: str, kinds: Sequence[str] | frozenset[str] = ENDS) -> str:
    """The ARN as it is kept of an entity in the caller's account and region, there or not.

    Raises: AccessDeniedException: of another account. ResourceNotFound: it can name none here.
    """
    arn = arns.parse(text)
    if arn is not None and not call.reaches(text, arn.account):
        raise call.denied(text)
    if arn is None or arn.kind not in kinds or (arn.account, arn.region) != place(call):
        raise missing(text)
    return folded(text)


def place(call: OpenCall) -> tuple[str, str]:
    return call.account, call.region


def missing(arn: str) -> ResourceNotFound:
    return ResourceNotFound(f"{arn} does not exist.")
