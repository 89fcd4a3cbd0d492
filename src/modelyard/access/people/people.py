"""Everything about people who sign in, put together for one server."""

from modelyard.access.authorisation.freshness import Freshness
from modelyard.access.keys.credentials import Credentials
from modelyard.access.people import attempts, command_codes, sign_in_events, sign_in_sessions
from modelyard.access.people.commands import Commands
from modelyard.access.people.fetching import Fetcher
from modelyard.access.people.issuers import Issuers
from modelyard.access.people.login_profiles import LoginProfiles
from modelyard.access.people.openid_flow import Client, OpenIdFlow
from modelyard.access.people.openid_sign_in import OpenIdSignIn
from modelyard.access.people.password_sign_in import PasswordSignIn
from modelyard.access.people.passwords import Passwords
from modelyard.access.people.sign_in_events import Origin, Record, SignInEvent, TurnedAway
from modelyard.access.people.sign_in_sessions import SignedIn
from modelyard.access.people.web_identity import WebIdentity
from modelyard.settings import Settings
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction


class People:
    """What the edge, the console and the operations ask about people."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        keys: Credentials,
        freshness: Freshness,
        record: Record,
        turned_away: TurnedAway,
    ) -> None:
        sessions, secret = keys.sessions, keys.secret.derive("sign-in")
        self.freshness = freshness
        self._database = database
        self._record = record
        self._fetcher = Fetcher()
        issuers = Issuers(self._fetcher)
        hashing = Passwords()
        self.profiles = LoginProfiles(database, hashing)
        self.identity = WebIdentity(database, issuers, sessions)
        self.passwords = PasswordSignIn(
            database, hashing, self.profiles, record, turned_away, secret
        )
        self.commands = Commands(database, self.passwords, sessions, record)
        self.openid: OpenIdSignIn | None = None
        if settings.oidc_issuer:
            client = Client(
                issuer=settings.oidc_issuer,
                client_id=settings.oidc_client_id,
                client_secret=settings.oidc_client_secret,
                scopes=settings.oidc_scopes,
            )
            flow = OpenIdFlow(client, issuers, self._fetcher, secret)
            self.openid = OpenIdSignIn(
                database, flow, self.identity, record, settings.account, settings.oidc_role
            )

    def close(self) -> None:
        self._fetcher.close()

    async def signed_in(self, token: str, now_us: int) -> SignedIn | None:
        """Whoever holds a browser's token; that they were here is written down now and then."""
        found = await self._database.read(lambda tx: sign_in_sessions.by_token(tx, token, now_us))
        if found is not None and now_us >= found.seen_us + sign_in_sessions.SEEN_EVERY_US:
            session = found.id
            await self._database.write(lambda tx: sign_in_sessions.seen(tx, session, now_us))
        return found

    async def sign_out(self, signed_in: SignedIn, origin: Origin, now_us: int) -> None:
        event = SignInEvent(
            name=sign_in_events.LOGOUT,
            account=signed_in.who.account,
            origin=origin,
            now_us=now_us,
            arn=signed_in.principal.arn,
            principal_id=signed_in.principal.id,
            user_name=signed_in.user_name,
        )

        async def work(tx: Transaction) -> None:
            if await sign_in_sessions.end(tx, signed_in.id):
                await self._record(tx, event)

        await self._database.write(work)


async def sweep(tx: Transaction, now_us: int) -> int:
    """Forget what has ended by itself, some rows at a time; answer how many."""
    return (
        await sign_in_sessions.sweep(tx, now_us)
        + await command_codes.sweep(tx, now_us)
        + await attempts.sweep(tx, now_us)
    )
