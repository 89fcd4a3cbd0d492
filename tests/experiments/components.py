"""Trial components for tests of metrics, straight into the table; and requests about them."""

import time
from typing import Any

from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.server_process import REGION

ACCOUNT = "123456789012"
START_US = 1_790_000_000_000_000


def arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:sagemaker:{REGION}:{account}:experiment-trial-component/{name}"


async def make(
    database: Database, *names: str, created_us: int = START_US, account: str = ACCOUNT
) -> None:
    async def work(tx: Transaction) -> None:
        for name in names:
            await tx.run(
                "INSERT INTO trial_component (account, region, name_key, name, arn, display_name,"
                " source_arn, source_type, status, created_us, modified_us, document)"
                " VALUES (?, ?, ?, ?, ?, ?, '', '', '', ?, ?, '{}')",
                *(account, REGION, name, name, arn(name, account), name, created_us, created_us),
            )

    await database.write(work)


def point(metric: str) -> dict[str, Any]:
    return {"MetricName": metric, "Timestamp": time.time(), "Step": 0, "Value": 0.5}


def queries(metric: str, *arns: str) -> list[dict[str, Any]]:
    """The last value of each step."""
    period = "IterationNumber"
    query = {"MetricName": metric, "MetricStat": "Last", "Period": period, "XAxisType": period}
    return [{**query, "ResourceArn": arn} for arn in arns]
