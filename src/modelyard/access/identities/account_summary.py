"""GetAccountSummary: how many identities and policies there are, and how many there may be."""

from modelyard import call as calls
from modelyard.access.identities import (
    access_keys,
    attachments,
    groups,
    inline_policies,
    managed_policies,
    policy_versions,
    roles,
)
from modelyard.access.identities.identity import GROUP, ROLE, USER
from modelyard.call import Call, Document

_COUNTED = {
    "Users": "iam_user",
    "Groups": "iam_group",
    "Roles": "role",
    "Policies": "managed_policy",
    "PolicyVersionsInUse": "managed_policy_version",
}
_QUOTAS = {
    "UsersQuota": USER.per_account_max,
    "GroupsQuota": GROUP.per_account_max,
    "RolesQuota": ROLE.per_account_max,
    "PoliciesQuota": managed_policies.POLICIES_MAX,
    "UserPolicySizeQuota": inline_policies.CHARS_MAX[USER],
    "GroupPolicySizeQuota": inline_policies.CHARS_MAX[GROUP],
    "RolePolicySizeQuota": inline_policies.CHARS_MAX[ROLE],
    "PolicySizeQuota": managed_policies.POLICY_CHARS_MAX,
    "AssumeRolePolicySizeQuota": roles.TRUST_POLICY_CHARS_MAX,
    "GroupsPerUserQuota": groups.GROUPS_PER_USER_MAX,
    "AccessKeysPerUserQuota": access_keys.KEYS_PER_USER_MAX,
    "AttachedPoliciesPerUserQuota": attachments.ATTACHED_MAX,
    "AttachedPoliciesPerGroupQuota": attachments.ATTACHED_MAX,
    "AttachedPoliciesPerRoleQuota": attachments.ATTACHED_MAX,
    "VersionsPerPolicyQuota": policy_versions.VERSIONS_MAX,
    # The administrator's own key is always there; nobody signs in as the account itself.
    "AccountAccessKeysPresent": 1,
    "AccountPasswordPresent": 0,
    "AccountMFAEnabled": 0,
    "MFADevices": 0,
    "MFADevicesInUse": 0,
}


@calls.scan
async def get_account_summary(call: Call, request: Document) -> Document:
    """Quotas of what this server does not have are left out."""
    summary = dict(_QUOTAS)
    for name, table in _COUNTED.items():
        row = await call.tx.one(f"SELECT COUNT(*) FROM {table} WHERE account = ?", call.account)
        summary[name] = int(row[0]) if row is not None else 0
    return {"SummaryMap": summary}
