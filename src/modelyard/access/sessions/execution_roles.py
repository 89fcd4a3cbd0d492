"""Sessions of execution roles: what SageMaker, the service, assumes for a model's container.

The role's trust policy decides, with sagemaker.amazonaws.com as the caller. Knows no replica.
"""

from collections.abc import Mapping

from modelyard.access.accounts import accounts
from modelyard.access.identities import roles, unique_ids
from modelyard.access.identities.roles import Role
from modelyard.access.policy import documents, evaluation, trust
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
_SECOND_US = 1_000_000


class RoleNotUsable(Exception):
    """There are no credentials of this role; the text is a sentence for whoever asked."""


class ExecutionRoles:
    """Hands out credentials of roles that trust SageMaker."""

    def __init__(self, database: Database, sessions: SessionTokens) -> None:
        self._database = database
        self._sessions = sessions

    async def credentials(
        self, role_arn: str, *, account: str, source_arn: str, now_us: int
    ) -> Mapping[str, str]:
        """A new session, in the members of the container credentials endpoint.

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
        return self._sealed(role, account, now_us)

    def _sealed(self, role: Role, account: str, now_us: int) -> Mapping[str, str]:
        expires_us = now_us + SESSION_SECONDS * _SECOND_US
        statement = Statement(
            access_key_id=unique_ids.new("ASIA", 16),
            account=account,
            arn=f"arn:aws:sts::{account}:assumed-role/{role.name}/{SESSION_NAME}",
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
    policy = evaluation.compile(
        documents.read_trust(role.trust_policy), f"trust policy of {role.arn}"
    )
    return trust.decide(subject, wish, policy).allowed
