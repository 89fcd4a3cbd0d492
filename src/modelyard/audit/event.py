"""A record in CloudTrail's own form, which people and their tools know. Pure."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from modelyard.audit.chain import Chained
from modelyard.audit.records import Record
from modelyard.call import Document
from modelyard.contract import model
from modelyard.contract.shapes import Shape

EVENT_VERSION = "1.11"

# ARN service and kind -> CloudTrail's ResourceType
_TYPES = {
    ("sagemaker", "model-package-group"): "AWS::SageMaker::ModelPackageGroup",
    ("sagemaker", "model-package"): "AWS::SageMaker::ModelPackage",
    ("sagemaker", "model"): "AWS::SageMaker::Model",
    ("sagemaker", "endpoint-config"): "AWS::SageMaker::EndpointConfig",
    ("sagemaker", "endpoint"): "AWS::SageMaker::Endpoint",
    ("iam", "user"): "AWS::IAM::User",
    ("iam", "group"): "AWS::IAM::Group",
    ("iam", "role"): "AWS::IAM::Role",
    ("iam", "policy"): "AWS::IAM::Policy",
    ("iam", "oidc-provider"): "AWS::IAM::OIDCProvider",
}
BUCKET, OBJECT = "AWS::S3::Bucket", "AWS::S3::Object"
TYPES = {name: place for place, name in _TYPES.items()}
# What CloudTrail says of calls that come from no address: here of model code, by its door.
NO_ADDRESS = "AWS Internal"
_SERVICE = ".amazonaws.com"  # ends the name of a service that acts by itself
_MODELS = {"sagemaker": ("sagemaker", "sagemaker-runtime")}  # signing name -> models


def resource_type(arn: str) -> str:
    """CloudTrail's word for the kind of a resource; "" where there is none."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return ""
    if parts[2] == "s3":
        return OBJECT if "/" in parts[5] else BUCKET
    return _TYPES.get((parts[2], parts[5].partition("/")[0]), "")


def event(chained: Chained) -> Document:
    """The content of CloudTrailEvent. What was before and after is in additionalEventData."""
    record, document = chained.record, chained.record.opened()
    source = f"{record.service}.amazonaws.com"
    parameters = _lowered(record, "input", document.get("Parameters"))
    found: Document = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": identity(record, document),
        "eventTime": _iso(record.at_us),
        "eventSource": source,
        "eventName": record.operation,
        "awsRegion": record.region,
        "sourceIPAddress": document["SourceIp"] or NO_ADDRESS,
        "userAgent": document["UserAgent"],
    }
    error_code = record.error_code or _failure(document)
    if error_code:
        found |= {"errorCode": error_code, "errorMessage": document.get("Message", "")}
    found |= {
        "requestParameters": parameters,
        "responseElements": _lowered(record, "output", document.get("Answer")),
        "additionalEventData": _additional(chained, document, parameters),
        "requestID": record.id,
        "eventID": record.id,
        "readOnly": bool(record.read_only),
        "resources": [
            {"ARN": arn, "accountId": account_of(arn) or record.account, "type": resource_type(arn)}
            for arn in document.get("Resources", [])
        ],
        "eventType": "AwsConsoleSignIn" if record.service == "signin" else "AwsApiCall",
        "managementEvent": record.service != "s3",
        "recipientAccountId": record.account,
        "eventCategory": "Data" if record.service == "s3" else "Management",
    }
    return found


def _failure(document: Document) -> str:
    """CreateAccount answers a failure as a status, and succeeds as a call."""
    answer = document.get("Answer") or {}
    status = answer.get("CreateAccountStatus")
    return str(status.get("FailureReason", "")) if isinstance(status, dict) else ""


def encoded(chained: Chained) -> str:
    return msgspec.json.encode(event(chained)).decode()


def identity(record: Record, document: Document) -> Document:
    """userIdentity: the root, a user, or a session of a role."""
    resource = record.principal.split(":", 5)[-1]
    found: Document = {
        "type": "IAMUser",
        "principalId": document["PrincipalId"],
        "arn": record.principal,
        "accountId": record.account,
        "accessKeyId": record.access_key_id,
    }
    if record.principal.endswith(_SERVICE):
        return {"type": "AWSService", "invokedBy": record.principal, "arn": record.principal}
    if resource == "root":
        return {**found, "type": "Root"}
    if resource.startswith("user/"):
        return {**found, "userName": record.user_name}
    issuer = document.get("SessionIssuer", "")
    context: Document = {}
    if issuer:
        context["sessionIssuer"] = {
            "type": "Role",
            "principalId": document["PrincipalId"].partition(":")[0],
            "arn": issuer,
            "accountId": record.account,
            "userName": issuer.rsplit("/", 1)[-1],
        }
    if document.get("SourceIdentity"):
        context["sourceIdentity"] = document["SourceIdentity"]
    kind = "AssumedRole" if issuer else "Unknown"
    return {**found, "type": kind, **({"sessionContext": context} if context else {})}


def account_of(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def _additional(chained: Chained, document: Document, parameters: Any) -> Document:
    """What changed. Of what was made, what was asked for is all there is to tell."""
    record = chained.record
    changes = [
        {"resource": c["Resource"], "before": _timed(c["Before"]), "after": _timed(c["After"])}
        for c in document.get("Changes", [])
    ]
    made = not changes and not record.error_code and not record.read_only
    if made and record.resource:
        changes = [{"resource": record.resource, "before": None, "after": parameters}]
    found: Document = {"changes": changes} if changes else {}
    if chained.sequence:
        found |= {"sequence": chained.sequence, "hash": chained.hash}
    return found


def _timed(members: Any) -> Any:
    """Members with their times as CloudTrail writes them; stored they are microseconds."""
    if not isinstance(members, dict):
        return members
    return {
        name: _iso(value) if name.endswith(("Time", "Date")) and type(value) is int else value
        for name, value in members.items()
    }


def _lowered(record: Record, side: str, value: Any) -> Any:
    """A document with its members spelled as CloudTrail spells them: modelPackageGroupName."""
    for name in _MODELS.get(record.service, (record.service,)):
        operation = _operation(name, record.operation)
        if operation is not None:
            return _spelled(operation.input if side == "input" else operation.output, value)
    return value


def _operation(service: str, name: str) -> model.Operation | None:
    try:
        return model.load(service).operations.get(name)
    except LookupError:  # signin is no service of the models
        return None


def _spelled(shape: Shape | None, value: Any) -> Any:
    if shape is None:
        return value
    if shape.type == "structure" and isinstance(value, dict):
        return {
            name[:1].lower() + name[1:]: _spelled(shape.members.get(name), member)
            for name, member in value.items()
        }
    if shape.type == "list" and isinstance(value, list):
        return [_spelled(shape.member, one) for one in value]
    return value


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
