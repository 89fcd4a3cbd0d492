"""PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus.

A policy is kept as it was given, with the ids of whom it names. Its bucket's account
alone may look at it and change it.
"""

from modelyard import policy_principals
from modelyard.call import Change, Document, OpenCall, open_ended
from modelyard.errors import Refusal
from modelyard.objects import refusals, rows
from modelyard.objects.shelf import Shelf
from modelyard.storage import resource_policies
from modelyard.storage.transaction import Transaction

POLICY_BYTES_MAX = 20 * 1024  # S3's quota
_NOT_JSON = "Policies must be valid JSON and the first byte must be '{'"


class BucketPolicies(Shelf):
    @open_ended
    async def put_bucket_policy(self, call: OpenCall, request: Document) -> Document:
        """Raises: MalformedPolicy, NoSuchBucket, AccessDenied."""
        text = request["Policy"]
        self._check(text, request["Bucket"])

        async def work(tx: Transaction) -> Document:
            bucket = await rows.own_bucket(tx, call, request, lock=True)
            arn = rows.arn(bucket.name)
            before = await resource_policies.find(tx, arn)
            principals = await _principals(tx, bucket.account, text)
            await resource_policies.put(tx, bucket.account, "", arn, text, principals)
            await call.audit.record(tx, [Change(arn, {"Policy": before}, {"Policy": text})])
            return {}

        return await self.database.write(work)

    @open_ended
    async def get_bucket_policy(self, call: OpenCall, request: Document) -> Document:
        text, _ = await self._policy(call, request)
        return {"Policy": text}

    @open_ended
    async def get_bucket_policy_status(self, call: OpenCall, request: Document) -> Document:
        _, text = await self._policy(call, request)
        return {"PolicyStatus": {"IsPublic": self.read_policy(text, request["Bucket"])}}

    @open_ended
    async def delete_bucket_policy(self, call: OpenCall, request: Document) -> Document:
        """Deleting one that is not there is no error, as on S3."""

        async def work(tx: Transaction) -> Document:
            bucket = await rows.own_bucket(tx, call, request, lock=True)
            arn = rows.arn(bucket.name)
            before = await resource_policies.find(tx, arn)
            if await resource_policies.drop(tx, arn):
                await call.audit.record(tx, [Change(arn, before={"Policy": before})])
            return {}

        return await self.database.write(work)

    async def _policy(self, call: OpenCall, request: Document) -> tuple[str, str]:
        """As it is shown, and as it was put."""

        async def work(tx: Transaction) -> tuple[str, str] | None:
            bucket = await rows.own_bucket(tx, call, request)
            found = await resource_policies.with_principals(tx, rows.arn(bucket.name))
            if found is None:
                return None
            return await policy_principals.shown(tx, bucket.account, *found), found[0]

        found = await self.database.read(work)
        if found is None:
            raise refusals.NoSuchBucketPolicy(
                "The bucket policy does not exist", BucketName=request["Bucket"]
            )
        return found

    def _check(self, text: str, bucket: str) -> None:
        """Raises: MalformedPolicy, in S3's words where it has some."""
        if len(text.encode()) > POLICY_BYTES_MAX:
            raise refusals.MalformedPolicy(
                f"Policies must not exceed {POLICY_BYTES_MAX} bytes; this one has"
                f" {len(text.encode())}."
            )
        if not text.startswith("{"):
            raise refusals.MalformedPolicy(_NOT_JSON)
        try:
            self.read_policy(text, bucket)
        except Refusal as malformed:
            is_no_json = malformed.message.startswith("This policy contains invalid Json")
            words = _NOT_JSON if is_no_json else malformed.message
            raise refusals.MalformedPolicy(words) from None


async def _principals(tx: Transaction, account: str, text: str) -> dict[str, str]:
    """Raises: MalformedPolicy: it names who is not there."""
    try:
        return await policy_principals.ids(tx, account, text)
    except policy_principals.NotThere as missing:
        raise refusals.MalformedPolicy(f'Invalid principal in policy: "AWS":"{missing}"') from None
