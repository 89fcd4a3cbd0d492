"""What only storage knows of the resource that a request names: its path, its owner, itself."""

from collections.abc import Mapping

import msgspec

from modelyard import resource_facts
from modelyard.access.accounts import accounts
from modelyard.access.identities import access_keys, identity, managed_policies
from modelyard.access.people import openid_providers
from modelyard.access.policy import actions
from modelyard.access.policy.action_resources import Lookup
from modelyard.access.policy.actions import Check
from modelyard.call import Principal
from modelyard.storage.transaction import Transaction


async def resolve(tx: Transaction, check: Check, principal: Principal) -> Check:
    """The check on what is really touched. What is not there stays judged by its name."""
    account = principal.account
    lookup = check.lookup
    assert lookup is not None
    if lookup.kind == "bucket":
        owner = await resource_facts.owner(tx, f"arn:aws:s3:::{lookup.name}")
        # A bucket that is nobody's is the caller's own to ask for: they are told that it is not
        # there, as AWS tells whoever may list it.
        return msgspec.structs.replace(check, resource_account=owner or account)
    if lookup.kind == "caller":
        # By id: a session of a user may have begun before the user got another name.
        user = await identity.by_id(tx, identity.USER, account, principal.id)
        return check if user is None else actions.resolved(check, user.arn)
    arn = await _arn(tx, lookup, account)
    return check if arn is None else actions.resolved(check, arn)


async def facts(tx: Transaction, arn: str, account: str) -> Mapping[str, tuple[str, ...]]:
    """Condition keys of what is touched, in lower case; none of what is not there."""
    if arn.startswith("arn:aws:iam:"):
        return await _identity_facts(tx, arn, account)
    return await resource_facts.facts(tx, arn)


async def _identity_facts(tx: Transaction, arn: str, account: str) -> Mapping[str, tuple[str, ...]]:
    if arn.split(":")[4] != account:
        return {}
    word, _, path = arn.split(":", 5)[-1].partition("/")  # a path may have a colon
    if word == "policy":
        policy = await managed_policies.find(tx, account, arn)
        listed = [] if policy is None else policy.document.get("Tags", [])
        return _tagged({tag["Key"]: tag["Value"] for tag in listed})
    if word == "oidc-provider":
        provider = await openid_providers.of_arn(tx, account, arn)
        return {} if provider is None else _tagged(provider.tags)
    for kind in identity.KINDS:
        if kind.word != word:
            continue
        found = await identity.find(tx, kind, account, path.rpartition("/")[2])
        if found is None or found.arn != arn:
            return {}
        facts = _tagged(found.tags)
        if found.boundary:
            facts["iam:permissionsboundary"] = (found.boundary,)
        return facts
    return {}


def _tagged(tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {
        f"{prefix}:resourcetag/{key}": values
        for key, values in resource_facts.folded(tags).items()
        for prefix in ("aws", "iam")
    }


async def _arn(tx: Transaction, lookup: Lookup, account: str) -> str | None:
    for kind in identity.KINDS:
        if lookup.kind != kind.word:
            continue
        found = await identity.find(tx, kind, account, lookup.name)
        return None if found is None else found.arn
    if lookup.kind == "access-key":
        key = await access_keys.find(tx, lookup.name)
        return None if key is None or key.account != account else key.user_arn
    if lookup.kind == "account":
        found_account = await accounts.find(tx, lookup.name)
        if found_account is None:
            return None
        organization = accounts.organization_id(account)
        return f"arn:aws:organizations::{account}:account/{organization}/{lookup.name}"
    raise LookupError(f"nobody looks up {lookup.kind}")
