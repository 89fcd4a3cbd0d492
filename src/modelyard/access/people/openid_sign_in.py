"""Opening a session for a person whom the provider sent back."""

from modelyard.access.identities.roles import Role
from modelyard.access.people import sign_in_events, sign_in_sessions
from modelyard.access.people.openid_flow import FlowFailed, OpenIdFlow
from modelyard.access.people.sign_in_events import Origin, Record, SignInEvent
from modelyard.access.people.sign_in_sessions import Who
from modelyard.access.people.web_identity import NoRole, Proved, WebIdentity
from modelyard.errors import Refusal
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

_SECOND_US = 1_000_000


class OpenIdSignIn:
    """The sign-in of one account through one provider."""

    def __init__(
        self,
        database: Database,
        flow: OpenIdFlow,
        identity: WebIdentity,
        record: Record,
        account: str,
        role_default: str,
    ) -> None:
        self._database = database
        self._flow = flow
        self._identity = identity
        self._record = record
        self._account = account
        self._role_default = role_default

    async def begin(
        self, redirect_uri: str, role: str, next_path: str, now_us: int
    ) -> tuple[str, str]:
        """Where to send the browser, and the cookie it keeps. Raises: FlowFailed."""
        return await self._flow.begin(redirect_uri, role, next_path, now_us)

    async def finish(
        self, cookie: str, answer: dict[str, str], origin: Origin, now_us: int
    ) -> tuple[str, str]:
        """The token for the browser's cookie, and the path it wanted to go to.

        Raises: FlowFailed, after the failure was recorded.
        """
        try:
            returned = await self._flow.finish(cookie, answer, now_us)
            proved = await self._identity.proved(
                self._account, returned.token, now_us, returned.nonce
            )
            wanted = returned.begun.role or self._role_default
            role = await self._database.scan(lambda tx: self._identity.role_for(tx, proved, wanted))
            token = await self._database.write(
                lambda tx: self._open(tx, proved, role, origin, now_us)
            )
        except NoRole:
            await self._fail("No role of the account accepts this person", origin, now_us)
            raise FlowFailed("no role of the account accepts you") from None
        except Refusal as problem:
            await self._fail(problem.message, origin, now_us)
            raise FlowFailed("the provider's answer could not be proved") from problem
        except FlowFailed as problem:
            await self._fail(str(problem), origin, now_us)
            raise
        return token, returned.begun.next

    async def _open(
        self, tx: Transaction, proved: Proved, role: Role, origin: Origin, now_us: int
    ) -> str:
        name = proved.session_name()
        who = Who(
            account=self._account,
            role_id=role.id,
            provider=proved.provider.name,
            session_name=name,
        )
        event = SignInEvent(
            name=sign_in_events.CONSOLE_LOGIN,
            account=self._account,
            origin=origin,
            now_us=now_us,
            arn=f"arn:aws:sts::{self._account}:assumed-role/{role.name}/{name}",
            principal_id=f"{role.id}:{name}",
            details={"provider": proved.provider.arn, "subject": proved.token.subject},
        )
        await self._record(tx, event)
        lasts_us = role.session_seconds_max * _SECOND_US
        return await sign_in_sessions.open_browser(tx, who, now_us, lasts_us=lasts_us)

    async def _fail(self, error: str, origin: Origin, now_us: int) -> None:
        event = SignInEvent(
            name=sign_in_events.CONSOLE_LOGIN,
            account=self._account,
            origin=origin,
            now_us=now_us,
            error=error,
        )
        await self._database.write(lambda tx: self._record(tx, event))
