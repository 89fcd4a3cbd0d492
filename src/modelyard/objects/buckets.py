"""Buckets: created, looked at, listed, deleted."""

from modelyard.call import Change, Document, OpenCall, open_ended
from modelyard.contract.page_tokens import Question
from modelyard.errors import Conflict, ValidationException
from modelyard.objects import headers, names, refusals, rows
from modelyard.objects.shelf import Left, Shelf, owner
from modelyard.storage import resource_policies, stored_objects
from modelyard.storage.transaction import Transaction

BUCKETS_MAX = 10_000  # ListBuckets, MaxBuckets
_FIRST_REGION = "us-east-1"
_EUROPE = "EU"  # an old name of eu-west-1


class Buckets(Shelf):
    @open_ended
    async def create_bucket(self, call: OpenCall, request: Document) -> Document:
        name = request["Bucket"]
        names.check_bucket(name)
        headers.check(request)
        region = _region(call, request.get("CreateBucketConfiguration", {}))

        async def work(tx: Transaction) -> Document:
            document = rows.encode({}).decode()
            await tx.run(
                "INSERT INTO bucket (name, account, region, created_us, document)"
                " VALUES (?, ?, ?, ?, ?)",
                name,
                call.account,
                region,
                call.now_us,
                document,
            )
            await call.audit.record(tx, [Change(rows.arn(name), after={"Region": region})])
            return {"Location": f"/{name}"}

        try:
            return await self.database.write(work)
        except Conflict:
            await self.database.read(lambda tx: _check_taken(tx, call, name))
            return {"Location": f"/{name}"}

    @open_ended
    async def head_bucket(self, call: OpenCall, request: Document) -> Document:
        found = await self.database.read(lambda tx: rows.bucket(tx, call, request))
        return {"BucketRegion": found.region}

    @open_ended
    async def get_bucket_location(self, call: OpenCall, request: Document) -> Document:
        found = await self.database.read(lambda tx: rows.bucket(tx, call, request))
        return {} if found.region == _FIRST_REGION else {"LocationConstraint": found.region}

    @open_ended
    async def get_bucket_versioning(self, call: OpenCall, request: Document) -> Document:
        """A bucket that never had versioning answers with neither status nor MFA."""
        await self.database.read(lambda tx: rows.bucket(tx, call, request))
        return {}

    @open_ended
    async def delete_bucket(self, call: OpenCall, request: Document) -> Document:
        """Unfinished multipart uploads do not keep a bucket; they go with it."""
        name = request["Bucket"]

        async def work(tx: Transaction) -> Left:
            bucket = await rows.locked_bucket(tx, call, request)
            if await tx.one("SELECT 1 FROM object WHERE bucket = ? LIMIT 1", name):
                raise refusals.BucketNotEmpty(
                    "The bucket you tried to delete is not empty", BucketName=name
                )
            uploads = "SELECT upload_id FROM multipart_upload WHERE bucket = ?"
            parts = await tx.all(
                f"DELETE FROM multipart_part WHERE upload_id IN ({uploads}) RETURNING blob", name
            )
            await tx.run("DELETE FROM multipart_upload WHERE bucket = ?", name)
            await tx.run("DELETE FROM bucket WHERE name = ?", name)
            await resource_policies.drop(tx, rows.arn(name))
            before = {"Region": bucket.region, "CreationDate": bucket.created_us}
            await call.audit.record(tx, [Change(rows.arn(name), before=before)])
            return Left({}, [part[0] for part in parts])

        return await self.write(work)

    @open_ended
    async def list_buckets(self, call: OpenCall, request: Document) -> Document:
        prefix = request.get("Prefix", "")
        limit = request.get("MaxBuckets", BUCKETS_MAX)
        if not 1 <= limit <= BUCKETS_MAX:
            raise refusals.InvalidArgument(
                f"Argument max-buckets must be an integer between 1 and {BUCKETS_MAX}."
            )
        question = Question(call.account, "", call.operation, {"Prefix": prefix})
        token = request.get("ContinuationToken")
        try:
            after = call.page_tokens.open(question, token)[0] if token else ""
        except ValidationException:
            raise refusals.InvalidArgument(
                "The continuation token provided is incorrect", ArgumentName="continuation-token"
            ) from None

        async def work(tx: Transaction) -> list[rows.Bucket]:
            found = await tx.all(
                "SELECT name, account, region, created_us FROM bucket"
                " WHERE account = ? AND name > ? AND name >= ? AND name < ?"
                " ORDER BY name LIMIT ?",
                call.account,
                after,
                prefix,
                prefix + "\U0010ffff",
                limit + 1,
            )
            return [rows.Bucket(*row) for row in found]

        found = await self.database.scan(work)
        answer: Document = {
            "Buckets": [
                {"Name": b.name, "CreationDate": b.created_us, "BucketRegion": b.region}
                for b in found[:limit]
            ],
            "Owner": owner(call.account),
        }
        if prefix:
            answer["Prefix"] = prefix
        if len(found) > limit:
            answer["ContinuationToken"] = call.page_tokens.seal(question, [found[limit - 1].name])
        return answer


async def _check_taken(tx: Transaction, call: OpenCall, name: str) -> None:
    """Somebody has the name. In us-east-1, and there alone, creating one's own again succeeds."""
    account = await stored_objects.owner(tx, name)
    if account != call.account:
        raise refusals.BucketAlreadyExists(
            "The requested bucket name is not available. The bucket namespace is shared by all "
            "users of the system. Please select a different name and try again.",
            BucketName=name,
        )
    if call.region != _FIRST_REGION:
        raise refusals.BucketAlreadyOwnedByYou(
            "Your previous request to create the named bucket succeeded and you already own it.",
            BucketName=name,
        )


def _region(call: OpenCall, configuration: Document) -> str:
    """Where the bucket lies: us-east-1 makes buckets anywhere, another region only its own."""
    if configuration.keys() - {"LocationConstraint"}:
        raise refusals.NotImplementedHere("Only LocationConstraint is implemented.")
    constraint = configuration.get("LocationConstraint")
    region = "eu-west-1" if constraint == _EUROPE else constraint
    if call.region == _FIRST_REGION:
        if region == _FIRST_REGION:
            raise refusals.InvalidLocationConstraint(
                "The specified location-constraint is not valid", LocationConstraint=constraint
            )
        return region or _FIRST_REGION
    if region != call.region:
        raise refusals.IllegalLocationConstraint(
            f"The {constraint or 'unspecified'} location constraint is incompatible for the "
            "region specific endpoint this request was sent to."
        )
    return call.region
