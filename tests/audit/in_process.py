"""Every offered operation behind the one door, in this process."""

import copy
import itertools
import time
from pathlib import Path
from typing import Any

import msgspec

from modelyard import dispatch, offered
from modelyard.access.accounts.organizations import Organizations
from modelyard.access.identities.access_keys import AccessKeys
from modelyard.access.keys.key_cipher import KeyCipher
from modelyard.access.people.login_profiles import LoginProfiles
from modelyard.access.people.passwords import Passwords
from modelyard.access.people.web_identity import WebIdentity
from modelyard.access.policy import sharing
from modelyard.access.sessions.session_tokens import SessionTokens
from modelyard.access.sessions.sts import SecurityTokenService
from modelyard.audit import heads
from modelyard.audit.records import Record
from modelyard.audit.trail import Origin, Trail
from modelyard.call import Document, Principal
from modelyard.contract.page_tokens import PageTokens
from modelyard.experiments.metric_events import DataEvents
from modelyard.experiments.metric_writer import MetricWriter
from modelyard.experiments.metrics import Metrics
from modelyard.hosting import wishes
from modelyard.hosting.invocations import InvocationDoor
from modelyard.hosting.routing import RoutingTable
from modelyard.objects.blobs import BlobFolder
from modelyard.objects.door import ObjectDoor
from modelyard.registry.model_package_comparison import Comparisons
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests import administrators
from tests.audit_entries import SEAL_KEY
from tests.objects.conftest import body

ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"
REGION = "us-east-1"
ADA = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/team/ada", "AIDAADA", "AKIAADA")
EVE = Principal(OTHER_ACCOUNT, f"arn:aws:iam::{OTHER_ACCOUNT}:user/eve", "AIDAEVE", "AKIAEVE")
ORIGIN = Origin("192.0.2.7", "aws-cli/2")


class Yard:
    """`await yard("sagemaker", "CreateModel", ...)`; every call has a request id of its own."""

    def __init__(self, opened: Database, folder: Path) -> None:
        self.database = opened
        self.blobs = BlobFolder(folder / "blobs")
        self.objects = ObjectDoor(opened, self.blobs, sharing.read_bucket_policy)
        self.principal = ADA
        self.last_request = ""
        self.now_us = time.time_ns() // 1000
        self._numbers = itertools.count(1)
        self.trail = Trail(SEAL_KEY)
        self.data_events = DataEvents(opened)
        self.dispatch = dispatch.Dispatch(
            opened,
            PageTokens(b"secret of a test"),
            offered.table(
                self.objects,
                InvocationDoor(RoutingTable()),
                SecurityTokenService(SessionTokens(b"sessions of a test")),
                AccessKeys(KeyCipher(bytes(32))),
                Organizations(ACCOUNT),
                LoginProfiles(opened, Passwords()),
                WebIdentity,
                Comparisons,
                Metrics(MetricWriter(opened), self.data_events),
            ),
            self.trail,
            administrators.authoriser(opened),
        )

    async def __call__(self, service: str, operation: str, **request: Any) -> Document:
        self.now_us += 1000
        self.last_request = f"request-{next(self._numbers):06}"
        payload = request.pop("Body", None)
        copied = copy.deepcopy(request)
        if payload is not None:
            copied["Body"] = body(payload)
        asked = dispatch.Asked(self.principal, REGION, self.last_request, self.now_us, ORIGIN)
        return await self.dispatch.invoke(asked, service, operation, copied)

    async def records(self, operation: str | None = None) -> list[Record]:
        found = await self.database.read(lambda tx: heads.waiting(tx, 10_000))
        return [one for _, one in found if one is not None and operation in (None, one.operation)]

    async def last_record(self) -> Record | None:
        """The record of the call before, if it left one."""
        return next((r for r in await self.records() if r.id == self.last_request), None)

    async def come_true(self, endpoint: str) -> None:
        """What the controller records when a deployment is up."""
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{endpoint}"

        async def work(tx: Transaction) -> None:
            wish = await wishes.of(tx, arn)
            assert wish is not None and wish.coming is not None
            self.now_us += 1000
            await wishes.succeeded(tx, wish, wish.coming.number, self.now_us)

        await self.database.write(work)


def document(record: Record) -> Document:
    found: Document = msgspec.json.decode(record.document)
    return found
