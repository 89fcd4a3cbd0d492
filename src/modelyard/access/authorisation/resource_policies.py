"""The policy that a resource has of its own: a bucket's, a group's, a role's trust policy."""

from modelyard import resource_facts
from modelyard.access.accounts import accounts
from modelyard.access.authorisation import stored_documents
from modelyard.access.identities import roles
from modelyard.access.policy import documents, evaluation, principals
from modelyard.access.policy.evaluation import Policy
from modelyard.storage.transaction import Transaction

_S3 = "arn:aws:s3:::"
_ROLE = "arn:aws:iam::"


def holder(action: str, resource: str) -> str | None:
    """The ARN that may carry a policy about this resource."""
    if resource.startswith(_S3):
        return resource_facts.holder(resource)
    if action.lower() in evaluation.TRUSTED and resource.startswith(_ROLE):
        return resource
    if ":model-package" in resource and resource.startswith("arn:aws:sagemaker:"):
        return resource_facts.holder(resource)
    return None


async def find(tx: Transaction, held: str) -> Policy | None:
    """What `holder` named; None where there is no policy, or its account is closed."""
    if held.startswith(_ROLE):
        return await _trust_policy(tx, held)
    found = await resource_facts.resource_policy(tx, held)
    if found is None:
        return None
    reader = principals.bound(documents.read_resource, found[1])
    return stored_documents.compiled(reader, found[0], f"resource policy of {held}")


async def _trust_policy(tx: Transaction, arn: str) -> Policy | None:
    account, _, path = arn.removeprefix(_ROLE).partition(":role/")
    if await accounts.is_closed(tx, account):
        return None
    role = await roles.find(tx, account, path.rpartition("/")[2])
    if role is None or role.arn != arn:
        return None
    reader = principals.bound(documents.read_trust, role.trusted)
    return stored_documents.compiled(reader, role.trust_policy, f"trust policy of {arn}")
