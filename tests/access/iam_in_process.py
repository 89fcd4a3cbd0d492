"""IAM behind the one door, in this process."""

import copy
import itertools
from typing import Any

from modelyard import dispatch
from modelyard.access.identities import (
    account_aliases,
    account_details,
    account_summary,
    attachments,
    boundaries,
    groups,
    inline_policies,
    managed_policies,
    policy_versions,
    roles,
    tagging,
    users,
)
from modelyard.access.identities.access_keys import AccessKeys
from modelyard.access.keys.key_cipher import KeyCipher
from modelyard.audit.trail import Trail
from modelyard.call import Document, Principal
from modelyard.contract import answer_check, model
from modelyard.contract.page_tokens import PageTokens
from modelyard.storage.database import Database
from tests import administrators
from tests.access.iam_words import ACCOUNT

START_US = 1_790_000_000_000_000
# AWS answers "Policy", and its model says "PermissionsBoundaryPolicy".
_BOUNDARY_TYPE = "PermissionsBoundary.PermissionsBoundaryType"
PROVIDERS = (
    account_aliases,
    account_details,
    account_summary,
    attachments,
    boundaries,
    groups,
    inline_policies,
    managed_policies,
    policy_versions,
    roles,
    tagging,
    users,
)


def root(account: str = ACCOUNT) -> Principal:
    return Principal(account, f"arn:aws:iam::{account}:root", account, "AKIAROOT")


class Iam:
    """Operations by AWS's name, each answer checked against the operation's output shape."""

    def __init__(self, opened: Database) -> None:
        self.database = opened
        self.principal = root()
        self.now_us = START_US
        self._numbers = itertools.count(1)
        self._model = model.load("iam")
        keys = AccessKeys(KeyCipher(bytes(32)))
        self._dispatch = dispatch.Dispatch(
            opened,
            PageTokens(b"secret of a test"),
            {"iam": dispatch.collect(self._model, keys, *PROVIDERS)},
            Trail(b"seal of a test"),
            administrators.authoriser(opened),
        )

    async def __call__(self, operation: str, **request: Any) -> Document:
        """Ask a second after the call before."""
        self.now_us += 1_000_000
        asked = dispatch.Asked(
            principal=self.principal,
            region="us-east-1",
            request_id=f"request-{next(self._numbers)}",
            now_us=self.now_us,
        )
        answer = await self._dispatch.invoke(asked, "iam", operation, copy.deepcopy(request))
        failures = answer_check.output_failures(self._model.operations[operation], answer)
        assert [one for one in failures if _BOUNDARY_TYPE not in one] == []
        return answer

    async def policy(self, name: str, text: str, **members: Any) -> str:
        answer = await self("CreatePolicy", PolicyName=name, PolicyDocument=text, **members)
        return str(answer["Policy"]["Arn"])
