"""What a resource's policy says beyond deciding: to whom it shows the resource. Pure.

Registry and the S3 door take these as functions, for they store policies and do not read them.
"""

import re

from modelyard.access.identities.refusals import MalformedPolicyDocument
from modelyard.access.policy import documents
from modelyard.access.policy.documents import Statement

DESCRIBE_GROUP = "sagemaker:describemodelpackagegroup"
_ACCOUNT = re.compile(r"([0-9]{12})|arn:aws[a-z-]*:iam::([0-9]{12}):root")
_EVERYBODY = "*"


def read_group_policy(text: str) -> frozenset[str]:
    """The accounts that discover the group: whole accounts, which may describe it by that name.

    AWS shares a group as a resource share, which knows accounts and no roles in them, and takes a
    policy for one only if it names its actions one by one.
    Raises: MalformedPolicyDocument.
    """
    statements = documents.read_resource(text, ("sagemaker",))
    return frozenset(
        account
        for statement in statements
        if _names_describing(statement)
        for word in statement.principals.get("AWS", ())
        for account in _account(word)
    )


def read_bucket_policy(text: str, bucket: str) -> bool:
    """Whether the policy makes the bucket public: it lets everybody in, on no condition.

    Raises: MalformedPolicyDocument: it is no policy, or not one of this bucket.
    """
    statements = documents.read_resource(text, ("s3",))
    for statement in statements:
        for resource in statement.resources:
            if not _is_of_bucket(resource, bucket):
                raise MalformedPolicyDocument(
                    f"Policy has invalid resource (at {statement.place}.Resource)"
                )
    return any(_is_public(statement) for statement in statements)


def _names_describing(statement: Statement) -> bool:
    actions = {action.lower() for action in statement.actions}
    return (
        statement.allows
        and not (statement.not_actions or statement.not_principals or statement.not_resources)
        and DESCRIBE_GROUP in actions
    )


def _account(word: str) -> list[str]:
    match = _ACCOUNT.fullmatch(word)
    return [] if match is None else [match[1] or match[2]]


def _is_of_bucket(resource: str, bucket: str) -> bool:
    arn = f"arn:aws:s3:::{bucket}"
    return resource == arn or resource.startswith((f"{arn}/", f"{arn}*"))


def _is_public(statement: Statement) -> bool:
    everybody = _EVERYBODY in statement.principals.get("AWS", ())
    return statement.allows and not statement.conditions and (everybody or statement.not_principals)
