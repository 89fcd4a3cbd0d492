"""GetAccountAuthorizationDetails: every user, group, role and policy of an account, in pages."""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

from modelyard import call as calls
from modelyard.access.identities import attachments, policy_uses, policy_versions, roles, tag_lists
from modelyard.access.identities import managed_policies as managed
from modelyard.access.identities.identity import GROUP, ROLE, USER, Identity, Kind
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.managed_policies import MANAGED_POLICY, ManagedPolicy
from modelyard.call import Call, Document
from modelyard.storage import records

_MEMBERS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
# What comes after a key, by that key, at most so many.
Reader = Callable[[Call, str, int], Awaitable[Sequence[tuple[str, Document]]]]


@calls.scan
async def get_account_authorization_details(call: Call, request: Document) -> Document:
    """Users by name, then groups, roles, the account's policies, and those of AWS's in use."""
    listing = Listing(call, request)
    stage, after = (0, "") if listing.after is None else listing.after
    wanted = request.get("Filter") or [word for word, _, _ in _STAGES]
    members: Document = {member: [] for member in _MEMBERS}
    room, last = listing.limit, None
    for number, (word, member, read) in enumerate(_STAGES):
        if word not in wanted or number < stage:
            continue
        found = await read(call, after if number == stage else "", room + 1)
        if len(found) > room:
            # Where this page ended; before the first of this stage if it is full already.
            last = [number, found[room - 1][0] if room else ""]
            found = found[:room]
        members[member] += [detail for _, detail in found]
        room -= len(found)
        if last is not None:
            break
    return listing.answer(members, last)


def _identities(kind: Kind) -> Reader:
    async def read(call: Call, after: str, limit: int) -> Sequence[tuple[str, Document]]:
        page = await records.page(
            call.tx,
            kind.table,
            equal={"account": call.account},
            order=("name",),
            limit=limit,
            after=[after] if after else None,
        )
        return [
            (record["name"], await _identity(call, Identity(kind, **record)))
            for record in page.records
        ]

    return read


async def _identity(call: Call, one: Identity) -> Document:
    rows = await call.tx.all(
        "SELECT name, text FROM inline_policy WHERE account = ? AND owner = ? ORDER BY name",
        call.account,
        one.id,
    )
    detail: Document = {
        **one.shown(),
        **one.shown_boundary(),
        **tag_lists.shown(one.document),
        f"{one.kind.title}PolicyList": [
            {"PolicyName": name, "PolicyDocument": quote(text, safe="")} for name, text in rows
        ],
        "AttachedManagedPolicies": [
            {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}
            for arn in await attachments.arns(call, one.id)
        ],
    }
    if one.kind is USER:
        detail["GroupList"] = await _group_names(call, one)
    if one.kind is ROLE:
        trust = await roles.shown_trust(call.tx, roles.of(one))
        detail |= {"AssumeRolePolicyDocument": trust, "InstanceProfileList": []}
    return detail


async def _group_names(call: Call, user: Identity) -> list[str]:
    rows = await call.tx.all(
        "SELECT g.name FROM iam_membership m"
        " JOIN iam_group g ON g.account = m.account AND g.id = m.group_id"
        " WHERE m.account = ? AND m.user_id = ? ORDER BY g.name",
        call.account,
        user.id,
    )
    return [str(row[0]) for row in rows]


async def _own_policies(call: Call, after: str, limit: int) -> Sequence[tuple[str, Document]]:
    page = await records.page(
        call.tx,
        MANAGED_POLICY,
        equal={"account": call.account},
        order=("name",),
        limit=limit,
        after=[after] if after else None,
    )
    return [
        (record["name"], await _policy(call, ManagedPolicy(**record))) for record in page.records
    ]


async def _awss_policies(call: Call, after: str, limit: int) -> Sequence[tuple[str, Document]]:
    used = await policy_uses.of_account(call.tx, call.account)
    wanted = [one for one in managed.all_of_aws() if one.arn in used and one.name > after]
    return [(one.name, await _policy(call, one)) for one in wanted[:limit]]


async def _policy(call: Call, policy: ManagedPolicy) -> Document:
    use = await policy_uses.of_policy(call.tx, call.account, policy.arn)
    detail = managed.shown(policy, use)
    if policy.document.get("Description"):
        detail["Description"] = policy.document["Description"]
    versions = await policy_versions.with_documents(call, policy)
    return detail | {"PolicyVersionList": versions}


_STAGES: tuple[tuple[str, str, Reader], ...] = (
    ("User", "UserDetailList", _identities(USER)),
    ("Group", "GroupDetailList", _identities(GROUP)),
    ("Role", "RoleDetailList", _identities(ROLE)),
    ("LocalManagedPolicy", "Policies", _own_policies),
    ("AWSManagedPolicy", "Policies", _awss_policies),
)
