"""IAM's and STS's own refusals, in AWS's codes."""

from modelyard.errors import Refusal


class NoSuchEntity(Refusal):
    code = "NoSuchEntity"
    status = 404


class EntityAlreadyExists(Refusal):
    code = "EntityAlreadyExists"
    status = 409


class DeleteConflict(Refusal):
    code = "DeleteConflict"
    status = 409


class LimitExceeded(Refusal):
    code = "LimitExceeded"
    status = 409


class InvalidInput(Refusal):
    code = "InvalidInput"


class MalformedPolicyDocument(Refusal):
    code = "MalformedPolicyDocument"


class PackedPolicyTooLarge(Refusal):
    code = "PackedPolicyTooLarge"


class PolicyNotAttachable(Refusal):
    code = "PolicyNotAttachable"
