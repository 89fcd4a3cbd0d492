"""Makes the subject of a caller: who they are to policies, and every policy that decides for them.

Reads storage, compiles what it finds, and decides nothing.
"""

import re
from collections.abc import Iterator

from modelyard.access.accounts import accounts
from modelyard.access.authorisation import stored_documents
from modelyard.access.identities import aws_managed, identity, subjects
from modelyard.access.identities.subjects import AttachedPolicy, InlinePolicy, SubjectPolicies
from modelyard.access.people import sign_in_sessions
from modelyard.access.policy import documents, principals
from modelyard.access.policy.evaluation import Policy, Subject
from modelyard.call import Principal, Session
from modelyard.contract import timestamps
from modelyard.storage.transaction import Transaction

_ROLE_ARN = re.compile(
    r"arn:aws:iam::[0-9]{12}:role/(?:[\x21-\x7e]*/)?([\w+=,.@-]{1,64})", re.ASCII
)
_Facts = dict[str, tuple[str, ...]]


async def load(tx: Transaction, principal: Principal) -> Subject | None:
    """What decides for a caller; None when the user, role or account is there no more."""
    if await accounts.is_closed(tx, principal.account):
        return None
    session = principal.session
    if session is not None and session.sign_in:
        if not await sign_in_sessions.is_open(tx, session.sign_in):
            return None
    if principal.arn == f"arn:aws:iam::{principal.account}:root":
        return _root(principal)
    if session is not None and session.role_arn:
        return await _of_role(tx, principal, session)
    return await _of_user(tx, principal)


async def of_arn(tx: Transaction, account: str, arn: str) -> Subject | None:
    """What would decide for a user, role, group's member or root of `account`, if it called.

    None: there is none such.
    """
    if arn == f"arn:aws:iam::{account}:root":
        return _root(Principal(account, arn, account, ""))
    kind, _, path = arn.split(":", 5)[-1].partition("/")  # a path may have a colon
    name = path.rpartition("/")[2]
    find = _FINDERS.get(kind)
    found = None if find is None else await find(tx, account, name)
    if found is None or found.arn != arn:
        return None
    principal = Principal(account, arn, found.id, "")
    if kind == "group":  # nobody calls as one: what is known of a caller is that of no member
        facts: _Facts = {"aws:principalaccount": (account,)}
        return _subject(principal, found, facts, frozenset())
    user = kind == "user"
    facts = _facts(principal, "User" if user else "AssumedRole", arn, _tags(found.tags))
    if user:
        facts["aws:username"] = (found.name,)
    return _subject(principal, found, facts, principals.names(principal, found.arn))


_FINDERS = {"user": subjects.of_user, "role": subjects.of_role, "group": subjects.of_group}


def _root(principal: Principal) -> Subject:
    return Subject(
        principal,
        is_root=True,
        facts=_facts(principal, "Account", principal.arn, {}),
        names=principals.names(principal),
    )


async def _of_user(tx: Transaction, principal: Principal) -> Subject | None:
    # By id: a session outlives a new name, and must not outlive a new user of the same name.
    user = await identity.by_id(tx, identity.USER, principal.account, principal.id)
    found = None if user is None else await subjects.of_user(tx, user.account, user.name)
    if found is None:
        return None
    facts = _facts(principal, "User", found.arn, _tags(found.tags))
    facts["aws:username"] = (found.name,)
    return _subject(principal, found, facts, principals.names(principal))


async def _of_role(tx: Transaction, principal: Principal, session: Session) -> Subject | None:
    match = _ROLE_ARN.fullmatch(session.role_arn)
    found = None
    if match is not None:
        found = await subjects.of_role(tx, principal.account, match[1])
    # A role that was deleted and made again is another one.
    if found is None or found.id != principal.id.partition(":")[0]:
        return None
    tags = _tags(found.tags) | _tags(session.tags)
    facts = _facts(principal, "AssumedRole", found.arn, tags)
    if session.provider:
        facts["aws:federatedprovider"] = (session.provider,)
    narrowed = await _session_policies(tx, principal.account, session)
    names = principals.names(principal, found.arn)
    return _subject(principal, found, facts, names, narrowed)


def _subject(
    principal: Principal,
    found: SubjectPolicies,
    facts: _Facts,
    names: frozenset[str],
    session: tuple[Policy, ...] | None = None,
) -> Subject:
    owner = found.arn.split(":", 5)[-1]
    policies = [
        *_compiled(owner, found.inline, found.attached),
        *(
            policy
            for group in found.groups
            for policy in _compiled(f"group/{group.name}", group.inline, group.attached)
        ),
    ]
    boundary = found.boundary
    return Subject(
        principal,
        identity=tuple(policies),
        boundary=None if boundary is None else _managed(boundary, "permissions boundary"),
        session=session,
        facts=facts,
        names=names,
    )


def _compiled(
    owner: str, inline: tuple[InlinePolicy, ...], attached: tuple[AttachedPolicy, ...]
) -> Iterator[Policy]:
    for one in inline:
        yield _read(one.text, f"inline policy {one.name} of {owner}")
    for policy in attached:
        yield _managed(policy, "managed policy", f" of {owner}")


def _managed(policy: AttachedPolicy, kind: str, of: str = "") -> Policy:
    source = f"{kind} {policy.arn} {policy.version}{of}"
    return _read(policy.text, source)


def _read(text: str, source: str) -> Policy:
    return stored_documents.compiled(documents.read_identity, text, source)


async def _session_policies(
    tx: Transaction, account: str, session: Session
) -> tuple[Policy, ...] | None:
    if not session.is_narrowed:
        return None
    inline = [_read(text, "session policy") for text in session.policies]
    managed = [await _managed_session_policy(tx, account, arn) for arn in session.policy_arns]
    # One that was deleted since allows nothing.
    return (*inline, *(policy for policy in managed if policy is not None))


async def _managed_session_policy(tx: Transaction, account: str, arn: str) -> Policy | None:
    if (aws := aws_managed.all_by_arn().get(arn)) is not None:
        text = aws.text
    else:
        row = await tx.one(
            "SELECT v.text FROM managed_policy p JOIN managed_policy_version v"
            " ON v.account = p.account AND v.arn = p.arn AND v.number = p.default_version"
            " WHERE p.account = ? AND p.arn = ?",
            account,
            arn,
        )
        if row is None:
            return None
        text = str(row[0])
    return _read(text, f"session policy {arn}")


def _facts(principal: Principal, kind: str, arn: str, tags: dict[str, str]) -> _Facts:
    """The keys that AWS knows of every caller; `arn` is the role's for a session."""
    facts: _Facts = {
        "aws:principaltype": (kind,),
        "aws:principalarn": (arn,),
        "aws:principalaccount": (principal.account,),
        "aws:userid": (principal.id,),
        "aws:viaawsservice": ("false",),
        "aws:principalisawsservice": ("false",),
    }
    facts |= {f"aws:principaltag/{key}": (value,) for key, value in tags.items()}
    if principal.source_identity:
        facts["aws:sourceidentity"] = (principal.source_identity,)
    if principal.session is not None:
        facts["aws:tokenissuetime"] = (timestamps.iso_8601(principal.session.issued_us),)
        facts["aws:multifactorauthpresent"] = ("false",)
    return facts


def _tags(tags: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {key.lower(): value for key, value in tags}
