"""PutModelPackageGroupPolicy, GetModelPackageGroupPolicy, DeleteModelPackageGroupPolicy.

A group's policy shares the group and its packages with other accounts. It is kept as it was given,
with the ids of whom it names; what it says is read by a function that is handed in, and decided
elsewhere.
"""

from collections.abc import Callable

from modelyard import call as calls
from modelyard import model_package_names as names
from modelyard import policy_principals
from modelyard.call import Call, Document
from modelyard.errors import Refusal, ValidationException
from modelyard.storage import resource_policies

ReadPolicy = Callable[[str], frozenset[str]]


class ModelPackageGroupPolicies:
    """`read` answers which accounts discover a group of this policy, or refuses the policy."""

    def __init__(self, read: ReadPolicy) -> None:
        self._read = read

    @calls.write
    async def put_model_package_group_policy(self, call: Call, request: Document) -> Document:
        """Raises: ValidationException: no such group, no policy of a resource, or it names who is
        not there."""
        text = request["ResourcePolicy"]
        try:
            readers = self._read(text)
        except Refusal as malformed:
            raise _invalid(malformed.message) from None
        arn = await _held(call, request["ModelPackageGroupName"])
        before = await resource_policies.find(call.tx, arn)
        principals = await _principals(call, text)
        await resource_policies.put(
            call.tx, call.account, call.region, arn, text, principals, readers
        )
        call.changed(arn, {"ResourcePolicy": before}, {"ResourcePolicy": text})
        return {"ModelPackageGroupArn": arn}

    @calls.read
    async def get_model_package_group_policy(self, call: Call, request: Document) -> Document:
        """Raises: ValidationException: no such group, or it has no policy."""
        arn = names.group_arn(call.account, call.region, request["ModelPackageGroupName"])
        found = await resource_policies.with_principals(call.tx, arn)
        if found is None:
            sql = "SELECT 1 FROM model_package_group WHERE account = ? AND region = ? AND arn = ?"
            if not await call.tx.one(sql, call.account, call.region, arn):
                raise _missing(arn)
            raise _no_policy(arn)
        return {"ResourcePolicy": await policy_principals.shown(call.tx, call.account, *found)}

    @calls.write
    async def delete_model_package_group_policy(self, call: Call, request: Document) -> Document:
        """Raises: ValidationException: no such group, or it has no policy."""
        arn = await _held(call, request["ModelPackageGroupName"])
        before = await resource_policies.find(call.tx, arn)
        if not await resource_policies.drop(call.tx, arn):
            raise _no_policy(arn)
        call.changed(arn, before={"ResourcePolicy": before})
        return {}


async def _principals(call: Call, text: str) -> dict[str, str]:
    """Raises: ValidationException."""
    try:
        return await policy_principals.ids(call.tx, call.account, text)
    except policy_principals.NotThere as missing:
        raise _invalid(f'Invalid principal in policy: "AWS":"{missing}"') from None


async def _held(call: Call, name: str) -> str:
    """The ARN of a group, which nobody deletes before this transaction ends.

    Raises: ValidationException.
    """
    row = await call.tx.one(
        "UPDATE model_package_group SET modified_us = modified_us"
        " WHERE account = ? AND region = ? AND name = ? RETURNING arn",
        call.account,
        call.region,
        name,
    )
    if row is None:
        raise _missing(names.group_arn(call.account, call.region, name))
    return str(row[0])


def _invalid(why: str) -> ValidationException:
    return ValidationException(f"Invalid resource policy: {why}")


# The words that Terraform's provider looks for (sagemaker_model_package_group_policy).
def _missing(arn: str) -> ValidationException:
    return ValidationException(f"Cannot find Model Package Group: {arn} does not exist.")


def _no_policy(arn: str) -> ValidationException:
    return ValidationException(f"Cannot find resource policy for: {arn}")
