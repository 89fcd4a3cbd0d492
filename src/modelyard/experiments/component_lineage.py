"""Associations of lineage that end at a trial component or an experiment.

The table is of the family `lineage`; this is the one module of experiments that touches it.
"""

from modelyard.call import Call


async def drop(call: Call, arn: str) -> None:
    """Remove those of an entity that is going away, as SDKs delete it without looking for them."""
    for end in ("source_arn", "destination_arn"):
        await call.tx.run(
            f"DELETE FROM lineage_association WHERE account = ? AND region = ? AND {end} = ?",
            *(call.account, call.region, arn),
        )
