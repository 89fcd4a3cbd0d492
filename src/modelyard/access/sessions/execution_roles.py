"""Sessions of execution roles: what SageMaker, the service, assumes for a model's container.

The role's trust policy decides, with sagemaker.amazonaws.com as the caller. Knows no replica.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from modelyard.access.accounts import accounts
from modelyard.access.authorisation import stored_documents
from modelyard.access.identities import roles, unique_ids
from modelyard.access.identities.roles import Role
from modelyard.access.policy import documents, trust
from modelyard.access.policy.evaluation import Subject
from modelyard.access.policy.trust import Wish
from modelyard.access.sessions.session_tokens import SessionTokens, Statement
from modelyard.call import Principal, Session
from modelyard.contract import timestamps
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

SERVICE = "sagemaker.amazonaws.com"
SESSION_NAME = "SageMaker"  # as in AWS: assumed-role/ROLE/SageMaker
SESSION_SECONDS = 3600
RENEWED_SECONDS = 1800  # a session is handed out again until then; SDKs ask anew near its end
KEPT_MAX = 1024
_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOut:
    """A session that somebody got, for the audit trail."""

    account: str
    role_arn: str
    session_arn: str
    access_key_id: str
    source_arn: str  # on whose behalf
    now_us: int


# Records what is handed out; what cannot be recorded is not.
Record = Callable[[Transaction, HandedOut], Awaitable[None]]


class RoleNotUsable(Exception):
    """There are no credentials of this role; the text is a sentence for whoever asked."""


class ExecutionRoles:
    """Hands out credentials of roles that trust SageMaker."""

    def __init__(self, database: Database, sessions: SessionTokens, record: Record) -> None:
        self._database = database
        self._sessions = sessions
        self._record = record
        # By role id and on whose behalf: until when it is handed out again, and the session.
        self._kept: OrderedDict[tuple[str, str], tuple[int, Mapping[str, str]]] = OrderedDict()

    async def credentials(
        self, role_arn: str, *, account: str, source_arn: str, now_us: int
    ) -> Mapping[str, str]:
        """A session, in the members of the container credentials endpoint.

        The trust policy is asked each time. Who asks again within half an hour gets the same one,
        so that there is one record of it, however often model code asks.

        `source_arn` is on whose behalf, for trust policies that ask (aws:SourceArn).
        Raises: RoleNotUsable, Unavailable.
        """
        if not role_arn:
            raise RoleNotUsable(
                "This deployment was made before endpoints kept their execution role. Update the "
                "endpoint to give it one."
            )

        async def find(tx: Transaction) -> Role | None:
            if await accounts.is_closed(tx, account):
                return None
            return await roles.find(tx, account, role_arn.rpartition("/")[2])

        role = await self._database.read(find)
        if role is None or role.arn != role_arn:
            raise RoleNotUsable(f"There is no role {role_arn} in account {account}.")
        if not _trusts_sagemaker(role, account, source_arn, now_us):
            raise RoleNotUsable(
                f"The trust policy of role {role_arn} does not let {SERVICE} assume it."
            )
        key = (role.id, source_arn)
        until_us, kept = self._kept.get(key, (0, {}))
        if now_us < until_us:
            return kept
        given = self._sealed(role, account, now_us)
        handed_out = HandedOut(
            account=account,
            role_arn=role.arn,
            session_arn=_session_arn(role, account),
            access_key_id=given["AccessKeyId"],
            source_arn=source_arn,
            now_us=now_us,
        )
        await self._database.write(lambda tx: self._record(tx, handed_out))
        self._kept[key] = (now_us + RENEWED_SECONDS * _SECOND_US, given)
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return given

    def _sealed(self, role: Role, account: str, now_us: int) -> Mapping[str, str]:
        expires_us = now_us + SESSION_SECONDS * _SECOND_US
        statement = Statement(
            access_key_id=unique_ids.new("ASIA", 16),
            account=account,
            arn=_session_arn(role, account),
            id=f"{role.id}:{SESSION_NAME}",
            source_identity="",
            expires_us=expires_us - expires_us % _SECOND_US,
            session=Session(role_arn=role.arn, issued_us=now_us),
        )
        secret, token = self._sessions.seal(statement)
        return {
            "RoleArn": role.arn,
            "AccessKeyId": statement.access_key_id,
            "SecretAccessKey": secret,
            "Token": token,
            "Expiration": timestamps.iso_8601(statement.expires_us),
        }


def _session_arn(role: Role, account: str) -> str:
    return f"arn:aws:sts::{account}:assumed-role/{role.name}/{SESSION_NAME}"


def _trusts_sagemaker(role: Role, account: str, source_arn: str, now_us: int) -> bool:
    subject = Subject(
        Principal("", SERVICE, SERVICE, ""),
        facts={
            "aws:principalisawsservice": ("true",),
            "aws:principalservicename": (SERVICE,),
            "aws:principaltype": ("AWSService",),
        },
        names=frozenset({SERVICE}),
    )
    context = {
        "aws:currenttime": (timestamps.iso_8601(now_us),),
        "aws:epochtime": (str(now_us // _SECOND_US),),
        "aws:sourceaccount": (account,),
        "aws:sourcearn": (source_arn,),
        "sts:rolesessionname": (SESSION_NAME,),
    }
    wish = Wish(trust.ASSUME_ROLE, role.arn, context)
    policy = stored_documents.compiled(
        documents.read_trust, role.trust_policy, f"trust policy of {role.arn}"
    )
    return trust.decide(subject, wish, policy).allowed
