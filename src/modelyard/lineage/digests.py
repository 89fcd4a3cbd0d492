"""Artifacts tied by their bytes: a copy of a file is the same as what it was copied from.

AWS knows artifacts by their URI only. Here one whose bytes an older artifact has is joined to that
one by SameAs, so that what the older one came of is among its ancestors, and it among the
descendants of that.
"""

from modelyard.call import Call
from modelyard.contract import s3_locations
from modelyard.lineage import store
from modelyard.storage import stored_objects
from modelyard.storage.transaction import Transaction

SAME_AS = "SameAs"


async def at(call: Call, uri: str) -> str:
    """The SHA-256 of the bytes at `uri`; "" where this server has none that the caller may read."""
    location = s3_locations.parse(uri)
    if location is None:
        return ""
    owner = await stored_objects.owner(call.tx, location.bucket)
    if owner is None:
        return ""
    arn = f"arn:aws:s3:::{location.bucket}/{location.key}"
    if owner != call.account and not await call.may(call.tx, "s3:GetObject", arn):
        return ""
    stored = await stored_objects.find(call.tx, location.bucket, location.key)
    return "" if stored is None else stored.sha256


async def tie(
    tx: Transaction, account: str, region: str, arn: str, digest: str, now_us: int
) -> None:
    """Join an artifact whose bytes have this digest to the oldest other one that has them."""
    oldest = await tx.one(
        "SELECT arn FROM lineage_entity WHERE account = ? AND region = ? AND digest = ?"
        " AND digest <> '' ORDER BY created_us, arn LIMIT 1",
        *(account, region, digest),
    )
    if oldest is not None and oldest[0] != arn:
        await store.associate(tx, account, region, oldest[0], arn, SAME_AS, now_us=now_us)
