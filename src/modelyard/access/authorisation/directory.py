"""Who is known here, and all that decides for them, kept in memory until something changes.

Compiled once: a subject's policies, a resource's policy. Nothing here is loaded inside a write
transaction but by that transaction itself.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from modelyard.access.authorisation import resource_policies, subjects
from modelyard.access.authorisation.freshness import Freshness
from modelyard.access.identities import access_keys
from modelyard.access.identities.access_keys import StoredKey
from modelyard.access.identities.key_uses import KeyUses
from modelyard.access.keys.credentials import Credentials, KeyHolder
from modelyard.access.keys.key_cipher import KeyCipher, UnreadableSecret
from modelyard.access.policy.evaluation import Policy, Subject
from modelyard.access.sessions.session_tokens import SessionTokens
from modelyard.call import Principal
from modelyard.errors import Doubt, NotAuthenticated
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

log = logging.getLogger("modelyard.access")

KEPT_MAX = 4096  # of each kind; the least recently used goes first

T = TypeVar("T")


class Directory:
    """Keys, subjects and resource policies of one database."""

    def __init__(
        self,
        database: Database,
        credentials: Credentials,
        cipher: KeyCipher,
        freshness: Freshness,
        uses: KeyUses,
    ) -> None:
        self._database = database
        self._credentials = credentials
        self._cipher = cipher
        self.freshness = freshness
        self._uses = uses
        self._holders: _Kept[KeyHolder | None] = _Kept(freshness)
        self._subjects: _Kept[Subject | None] = _Kept(freshness)
        self._policies: _Kept[Policy | None] = _Kept(freshness)

    async def holder(self, access_key_id: str, token: str | None, now_us: int) -> KeyHolder:
        """Whose key it is.

        Raises: NotAuthenticated: unknown, inactive, or its session token is missing, foreign or
        expired. Unavailable.
        """
        keys = self._credentials
        if access_key_id == keys.root.id or SessionTokens.made(access_key_id):
            return keys.holder(access_key_id, token, now_us)
        await self.freshness.ensure()

        async def look(tx: Transaction) -> KeyHolder | None:
            return self._opened(await access_keys.find(tx, access_key_id))

        found = await self._holders.get(access_key_id, lambda: self._database.read(look))
        if found is None or token is not None:
            raise _unknown()
        return found

    def used(self, principal: Principal, now_us: int, service: str, region: str) -> None:
        """Note that a key proved a request, for GetAccessKeyLastUsed."""
        if principal.session is None:
            self._uses.note(principal.access_key_id, now_us, service, region)

    async def subject(self, principal: Principal) -> Subject:
        """What decides for a caller.

        Raises: NotAuthenticated: the user or role is gone, or its account is closed. Unavailable.
        """
        await self.freshness.ensure()

        async def look(tx: Transaction) -> Subject | None:
            return await subjects.load(tx, principal)

        key = principal.access_key_id
        found = await self._subjects.get(key, lambda: self._database.read(look))
        if found is None:
            raise _unknown()
        return found

    async def resource_policy(self, tx: Transaction, arn: str, generation: int) -> Policy | None:
        """The policy of a group or bucket, or a role's trust policy; read in `tx` unless known.

        `generation` is freshness's of before `tx` began, whose snapshot may be older than now.
        """
        return await self._policies.get(arn, lambda: resource_policies.find(tx, arn), generation)

    def _opened(self, key: StoredKey | None) -> KeyHolder | None:
        if key is None or not key.is_active:
            return None
        try:
            secret = self._cipher.open(key.account, key.id, key.sealed)
        except UnreadableSecret as problem:
            # Of another DATA/secret: nobody can sign with it here; only an operator can mend that.
            fields = {"access_key_id": key.id, "error": str(problem)}
            log.warning("access_key_unreadable", extra=fields)
            return None
        return KeyHolder(Principal(key.account, key.user_arn, key.user_id, key.id), secret)


class _Kept(Generic[T]):
    """The latest answers to one kind of question; void as soon as anything changed.

    Scans ask from their own threads.
    """

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness
        self._generation = freshness.generation
        self._answers: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()  # never held while something is loaded

    async def get(
        self, key: Hashable, load: Callable[[], Awaitable[T]], generation: int | None = None
    ) -> T:
        """`generation` is of when the snapshot began that `load` reads; None: it begins one."""
        with self._lock:
            self._forget_old()
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
            since = self._generation if generation is None else generation
        answer = await load()
        with self._lock:
            self._forget_old()
            # What was loaded while something changed may be of the state before.
            if since == self._generation:
                self._answers[key] = answer
                if len(self._answers) > KEPT_MAX:
                    self._answers.popitem(last=False)
        return answer

    def _forget_old(self) -> None:
        generation = self._freshness.generation
        if self._generation != generation:
            self._answers.clear()
            self._generation = generation


def _unknown() -> NotAuthenticated:
    return NotAuthenticated(
        Doubt.UNKNOWN_KEY, "The security token included in the request is invalid."
    )
