"""Inline and managed policies as an unmodified boto3 uses them, on each database."""

import json
from typing import Any

import pytest

from tests.access.iam_words import ACCOUNT, ALLOW_ALL, pages, policy, refused, trust

S3_FULL = "arn:aws:iam::aws:policy/AmazonS3FullAccess"


def made(iam: Any, kind: str, name: str = "owner", **more: Any) -> dict[str, str]:
    """A new user, group or role, as the member that names it."""
    if kind == "role":
        more["AssumeRolePolicyDocument"] = trust()
    whom = {f"{kind.capitalize()}Name": name}
    getattr(iam, f"create_{kind}")(**whom, **more)
    return whom


@pytest.mark.parametrize(("kind", "chars"), [("user", 2048), ("group", 5120), ("role", 10_240)])
def test_inline_policies_come_and_go(iam: Any, kind: str, chars: int) -> None:
    whom = made(iam, kind)
    put, get = getattr(iam, f"put_{kind}_policy"), getattr(iam, f"get_{kind}_policy")
    delete = getattr(iam, f"delete_{kind}_policy")
    for name in ("c", "a", "b"):
        put(**whom, PolicyName=name, PolicyDocument=policy("s3:GetObject"))
    put(**whom, PolicyName="b", PolicyDocument=json.dumps(ALLOW_ALL))

    got = get(**whom, PolicyName="b")
    assert got["PolicyDocument"] == ALLOW_ALL
    assert got.items() >= {**whom, "PolicyName": "b"}.items()
    assert pages(iam, f"list_{kind}_policies", "PolicyNames", **whom) == [["a", "b"], ["c"]]
    large = json.dumps({**ALLOW_ALL, "Id": "x" * chars})
    assert refused(put, **whom, PolicyName="d", PolicyDocument=large) == (
        "LimitExceeded",
        f"Maximum policy size of {chars} bytes exceeded for {kind} owner",
    )
    spaced = json.dumps(ALLOW_ALL, indent=4) + "\n" * chars
    put(**whom, PolicyName="b", PolicyDocument=spaced)
    malformed = refused(put, **whom, PolicyName="d", PolicyDocument='{"Statement": []}')
    assert malformed[0] == "MalformedPolicyDocument"

    delete(**whom, PolicyName="b")
    gone = ("NoSuchEntity", f"The {kind} policy with name b cannot be found.")
    assert refused(get, **whom, PolicyName="b") == gone
    assert refused(delete, **whom, PolicyName="b") == gone
    missing = {next(iter(whom)): "nobody"}
    assert refused(put, **missing, PolicyName="p", PolicyDocument=policy()) == (
        "NoSuchEntity",
        f"The {kind} with name nobody cannot be found.",
    )


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_managed_policies_are_attached_ten_at_most(iam: Any, kind: str) -> None:
    whom = made(iam, kind)
    attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
    arns = [
        iam.create_policy(PolicyName=f"p{number}", Path="/team/", PolicyDocument=policy())[
            "Policy"
        ]["Arn"]
        for number in range(10)
    ]
    for arn in [*arns[:9], S3_FULL, S3_FULL]:
        attach(**whom, PolicyArn=arn)

    quota = f"Cannot exceed quota for PoliciesPer{kind.capitalize()}: 10"
    assert refused(attach, **whom, PolicyArn=arns[9]) == ("LimitExceeded", quota)
    listed = pages(
        iam, f"list_attached_{kind}_policies", "AttachedPolicies", PathPrefix="/team/", **whom
    )
    assert [len(page) for page in listed] == [2, 2, 2, 2, 1]
    assert [one for page in listed for one in page] == [
        {"PolicyName": f"p{number}", "PolicyArn": arns[number]} for number in range(9)
    ]
    detach(**whom, PolicyArn=arns[0])
    assert refused(detach, **whom, PolicyArn=arns[0]) == (
        "NoSuchEntity",
        f"Policy {arns[0]} was not found.",
    )
    for absent in (arns[0] + "x", "arn:aws:iam::aws:policy/NoSuchPolicy"):
        assert refused(attach, **whom, PolicyArn=absent) == (
            "NoSuchEntity",
            f"Policy {absent} does not exist or is not attachable.",
        )
    assert refused(attach, **whom, PolicyArn="arn:aws:s3:::bucket/key")[0] == "InvalidInput"


def test_a_managed_policy_lives(iam: Any) -> None:
    tags = [{"Key": "k", "Value": "v"}]
    made = iam.create_policy(
        PolicyName="p", Path="/a/b/", PolicyDocument=policy(), Description="For tests", Tags=tags
    )["Policy"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:policy/a/b/p"
    assert made["PolicyId"].startswith("ANPA")
    assert "Description" not in made

    got = iam.get_policy(PolicyArn=made["Arn"])["Policy"]

    assert got == {**made, "Description": "For tests"}
    expected = {"AttachmentCount": 0, "DefaultVersionId": "v1", "IsAttachable": True}
    assert got.items() >= {**expected, "Tags": tags}.items()
    iam.delete_policy(PolicyArn=made["Arn"])
    assert refused(iam.get_policy, PolicyArn=made["Arn"]) == (
        "NoSuchEntity",
        f"Policy {made['Arn']} was not found.",
    )
    large = json.dumps({**ALLOW_ALL, "Id": "x" * 6144})
    for text, code in ((large, "LimitExceeded"), ("{", "MalformedPolicyDocument")):
        assert refused(iam.create_policy, PolicyName="q", PolicyDocument=text)[0] == code


def test_versions_are_five_at_most_and_never_numbered_twice(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy())["Policy"]["Arn"]
    made = [
        iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=policy(f"s3:Get{number}"), SetAsDefault=number == 3
        )["PolicyVersion"]
        for number in (2, 3, 4, 5)
    ]
    assert [(one["VersionId"], one["IsDefaultVersion"]) for one in made] == [
        ("v2", False),
        ("v3", True),
        ("v4", False),
        ("v5", False),
    ]

    code, sentence = refused(
        iam.create_policy_version, PolicyArn=arn, PolicyDocument=policy(), SetAsDefault=True
    )
    assert (code, sentence[:43]) == ("LimitExceeded", "A managed policy can have up to 5 versions.")
    listed = pages(iam, "list_policy_versions", "Versions", PolicyArn=arn)
    assert [[one["VersionId"] for one in page] for page in listed] == [
        ["v5", "v4"],
        ["v3", "v2"],
        ["v1"],
    ]
    got = iam.get_policy_version(PolicyArn=arn, VersionId="v3")["PolicyVersion"]
    assert got["Document"] == json.loads(policy("s3:Get3"))
    assert got["IsDefaultVersion"]
    conflict = ("DeleteConflict", "Cannot delete the default version of a policy.")
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v3") == conflict

    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    again = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy())["PolicyVersion"]

    assert again["VersionId"] == "v6"
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    for ask in (iam.get_policy_version, iam.delete_policy_version, iam.set_default_policy_version):
        assert refused(ask, PolicyArn=arn, VersionId="v5") == (
            "NoSuchEntity",
            f"Policy {arn} version v5 does not exist or is not attachable.",
        )
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    for version in ("v2", "v3", "v4", "v6"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)


def test_who_uses_a_policy_is_known_and_keeps_it(iam: Any) -> None:
    arn = iam.create_policy(PolicyName="p", PolicyDocument=policy())["Policy"]["Arn"]
    made(iam, "user", "u", Path="/x/", PermissionsBoundary=arn)
    made(iam, "role", "r", PermissionsBoundary=arn)
    for kind, name in (("user", "v"), ("user", "w"), ("group", "g"), ("role", "s")):
        whom = made(iam, kind, name)
        getattr(iam, f"attach_{kind}_policy")(**whom, PolicyArn=arn)

    def entities(**request: Any) -> dict[str, list[str]]:
        paginator = iam.get_paginator("list_entities_for_policy")
        found: dict[str, list[str]] = {"User": [], "Group": [], "Role": []}
        for page in paginator.paginate(PolicyArn=arn, PaginationConfig={"PageSize": 2}, **request):
            for kind, names in found.items():
                names += [one[f"{kind}Name"] for one in page[f"Policy{kind}s"]]
        return found

    assert entities() == {"User": ["u", "v", "w"], "Group": ["g"], "Role": ["r", "s"]}
    assert entities(EntityFilter="Role") == {"User": [], "Group": [], "Role": ["r", "s"]}
    assert entities(PathPrefix="/x/") == {"User": ["u"], "Group": [], "Role": []}
    boundary = {"User": ["u"], "Group": [], "Role": ["r"]}
    assert entities(PolicyUsageFilter="PermissionsBoundary") == boundary
    attached = {"User": ["v", "w"], "Group": ["g"], "Role": ["s"]}
    assert entities(PolicyUsageFilter="PermissionsPolicy") == attached
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (got["AttachmentCount"], got["PermissionsBoundaryUsageCount"]) == (4, 2)
    conflict = ("DeleteConflict", "Cannot delete a policy attached to entities.")
    assert refused(iam.delete_policy, PolicyArn=arn) == conflict


@pytest.mark.parametrize("kind", ["user", "role"])
def test_a_boundary_is_put_shown_and_taken_away(iam: Any, kind: str) -> None:
    whom = made(iam, kind)
    arn = iam.create_policy(PolicyName="b", PolicyDocument=policy())["Policy"]["Arn"]
    put = getattr(iam, f"put_{kind}_permissions_boundary")
    delete = getattr(iam, f"delete_{kind}_permissions_boundary")
    get = getattr(iam, f"get_{kind}")

    put(**whom, PermissionsBoundary=S3_FULL)
    put(**whom, PermissionsBoundary=arn)

    assert get(**whom)[kind.capitalize()]["PermissionsBoundary"] == {
        "PermissionsBoundaryType": "Policy",
        "PermissionsBoundaryArn": arn,
    }
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    assert refused(put, **whom, PermissionsBoundary=arn + "x")[0] == "NoSuchEntity"
    assert refused(put, **whom, PermissionsBoundary="x" * 20)[0] == "InvalidInput"
    delete(**whom)
    assert "PermissionsBoundary" not in get(**whom)[kind.capitalize()]
    assert refused(delete, **whom)[0] == "NoSuchEntity"
    iam.delete_policy(PolicyArn=arn)


def test_policies_are_listed_by_scope_path_and_use(iam: Any) -> None:
    arns = [
        iam.create_policy(PolicyName=name, Path=path, PolicyDocument=policy())["Policy"]["Arn"]
        for name, path in (("b", "/x/"), ("a", "/x/"), ("c", "/"))
    ]
    whom = made(iam, "user", PermissionsBoundary=arns[2])
    iam.attach_user_policy(**whom, PolicyArn=arns[0])
    iam.attach_user_policy(**whom, PolicyArn=S3_FULL)

    def names(**request: Any) -> list[str]:
        listed = pages(iam, "list_policies", "Policies", **request)
        return [one["PolicyName"] for page in listed for one in page]

    aws = {
        "AdministratorAccess",
        "AmazonS3FullAccess",
        "AmazonS3ReadOnlyAccess",
        "AmazonSageMakerFullAccess",
        "IAMFullAccess",
        "ReadOnlyAccess",
    }
    assert set(names(Scope="AWS")) == aws
    assert set(names()) == aws | {"a", "b", "c"}
    assert names(Scope="Local") == ["a", "b", "c"]
    assert names(Scope="Local", PathPrefix="/x/") == ["a", "b"]
    assert names(OnlyAttached=True) == ["b", "AmazonS3FullAccess"]
    assert names(PolicyUsageFilter="PermissionsBoundary") == ["c"]


def test_awss_own_policies_are_read_and_not_changed(iam: Any) -> None:
    got = iam.get_policy(PolicyArn=S3_FULL)["Policy"]
    assert (got["PolicyName"], got["DefaultVersionId"], got["Path"]) == (
        "AmazonS3FullAccess",
        "v1",
        "/",
    )
    version = iam.get_policy_version(PolicyArn=S3_FULL, VersionId="v1")["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Effect"] == "Allow"
    assert [
        one["VersionId"] for one in iam.list_policy_versions(PolicyArn=S3_FULL)["Versions"]
    ] == ["v1"]
    for ask, more in (
        (iam.delete_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": policy()}),
        (iam.tag_policy, {"Tags": [{"Key": "k", "Value": "v"}]}),
    ):
        assert refused(ask, PolicyArn=S3_FULL, **more)[0] == "AccessDenied"


def test_a_role_is_described_and_bounded_from_the_start(iam: Any) -> None:
    whom = made(iam, "role", PermissionsBoundary=S3_FULL, Description="first")

    described = iam.update_role_description(**whom, Description="second")["Role"]

    assert described["Description"] == "second"
    assert described["PermissionsBoundary"]["PermissionsBoundaryArn"] == S3_FULL
    assert "PermissionsBoundary" not in iam.list_roles()["Roles"][0]
    absent = f"arn:aws:iam::{ACCOUNT}:policy/absent"
    for kind in ("user", "role"):
        more = {"AssumeRolePolicyDocument": trust()} if kind == "role" else {}
        create, name = getattr(iam, f"create_{kind}"), {f"{kind.capitalize()}Name": "new"}
        refusal = refused(create, **name, **more, PermissionsBoundary=absent)
        assert refusal[0] == "NoSuchEntity"


def test_the_longest_names_and_paths_are_paged_over(iam: Any) -> None:
    path = "/" + "p" * 510 + "/"
    whom = made(iam, "user")
    names = [letter * 128 for letter in "abcd"]
    for name in names[:3]:
        arn = iam.create_policy(PolicyName=name, Path=path, PolicyDocument=policy())["Policy"][
            "Arn"
        ]
        iam.attach_user_policy(**whom, PolicyArn=arn)
        iam.put_user_policy(**whom, PolicyName=name, PolicyDocument=policy())
        iam.create_group(GroupName=name, Path=path)
    iam.tag_user(
        **whom, Tags=[{"Key": letter * 128, "Value": "\u6f22" * 256} for letter in "漢語字"]
    )

    for operation, member, more in (
        ("list_policies", "Policies", {"Scope": "Local"}),
        ("list_attached_user_policies", "AttachedPolicies", whom),
        ("list_user_policies", "PolicyNames", whom),
        ("list_groups", "Groups", {}),
        ("list_user_tags", "Tags", whom),
    ):
        listed = pages(iam, operation, member, **more)
        assert [len(page) for page in listed] == [2, 1], operation
    details = iam.get_paginator("get_account_authorization_details").paginate(
        PaginationConfig={"PageSize": 1}
    )
    assert sum(len(page["Policies"]) for page in details) == 3
