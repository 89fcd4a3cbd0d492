"""Users and groups as an unmodified boto3 uses them, on a running server and each database."""

from typing import Any

import pytest

from tests.access.iam_words import ACCOUNT, pages, policy, refused, trust


def test_a_user_lives(iam: Any) -> None:
    tags = [{"Key": "team", "Value": "churn"}, {"Key": "Cost", "Value": ""}]
    made = iam.create_user(UserName="ada", Path="/team/", Tags=tags)["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/team/ada"
    assert made["UserId"].startswith("AIDA")

    got = iam.get_user(UserName="ada")["User"]
    assert got == made
    assert (got["Path"], got["Tags"]) == ("/team/", tags)

    iam.update_user(UserName="ada", NewUserName="Ada", NewPath="/")
    moved = iam.get_user(UserName="Ada")["User"]
    assert moved["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/Ada"
    assert (moved["UserId"], moved["CreateDate"]) == (made["UserId"], made["CreateDate"])
    assert refused(iam.get_user, UserName="ada") == (
        "NoSuchEntity",
        "The user with name ada cannot be found.",
    )
    iam.delete_user(UserName="Ada")
    assert iam.list_users()["Users"] == []


def test_names_that_differ_in_case_only_are_one_name(iam: Any) -> None:
    iam.create_user(UserName="ada")
    iam.create_user(UserName="bob")
    iam.create_group(GroupName="team")
    iam.create_group(GroupName="other")
    iam.create_policy(PolicyName="p", PolicyDocument=policy())

    exists = "EntityAlreadyExists"
    assert refused(iam.create_user, UserName="ADA") == (
        exists,
        "User with name ADA already exists.",
    )
    assert refused(iam.update_user, UserName="bob", NewUserName="Ada")[0] == exists
    assert refused(iam.create_group, GroupName="Team") == (
        exists,
        "Group with name Team already exists.",
    )
    assert refused(iam.update_group, GroupName="other", NewGroupName="TEAM")[0] == exists
    assert refused(iam.create_policy, PolicyName="P", Path="/x/", PolicyDocument=policy()) == (
        exists,
        "A policy called P already exists. Duplicate names are not allowed.",
    )


def test_users_and_groups_are_listed_in_pages_below_a_path(iam: Any) -> None:
    for name in ("c", "a", "b"):
        iam.create_user(UserName=name, Path="/x/y/")
        iam.create_group(GroupName=name, Path="/x/y/")
    iam.create_user(UserName="d", Tags=[{"Key": "k", "Value": "v"}])
    iam.create_group(GroupName="d")

    users = pages(iam, "list_users", "Users", PathPrefix="/x/")
    groups = pages(iam, "list_groups", "Groups", PathPrefix="/x/")

    assert [[user["UserName"] for user in page] for page in users] == [["a", "b"], ["c"]]
    assert [[group["GroupName"] for group in page] for page in groups] == [["a", "b"], ["c"]]
    listed = iam.list_users()["Users"]
    assert [user["UserName"] for user in listed] == ["a", "b", "c", "d"]
    assert "Tags" not in listed[-1]
    assert refused(iam.list_users, Marker="bm90LW91cnM")[0] == "ValidationError"


def test_a_group_has_users_who_keep_their_place_under_another_name(iam: Any) -> None:
    group = iam.create_group(GroupName="team", Path="/p/")["Group"]
    assert group["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/p/team"
    assert group["GroupId"].startswith("AGPA")
    for name in ("a", "b", "c"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="team", UserName=name)
    iam.add_user_to_group(GroupName="team", UserName="a")
    iam.create_group(GroupName="all")
    iam.add_user_to_group(GroupName="all", UserName="c")

    iam.update_user(UserName="a", NewUserName="z")
    iam.update_group(GroupName="team", NewGroupName="crew")

    got = pages(iam, "get_group", "Users", GroupName="crew")
    assert [[user["UserName"] for user in page] for page in got] == [["b", "c"], ["z"]]
    assert iam.get_group(GroupName="crew")["Group"]["GroupId"] == group["GroupId"]
    of_c = pages(iam, "list_groups_for_user", "Groups", UserName="c")
    assert [[one["GroupName"] for one in page] for page in of_c] == [["all", "crew"]]
    iam.remove_user_from_group(GroupName="crew", UserName="z")
    assert refused(iam.remove_user_from_group, GroupName="crew", UserName="z")[0] == "NoSuchEntity"
    assert iam.list_groups_for_user(UserName="z")["Groups"] == []


def test_a_user_is_in_ten_groups_at_most(iam: Any) -> None:
    iam.create_user(UserName="ada")
    for number in range(11):
        iam.create_group(GroupName=f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="ada")

    assert refused(iam.add_user_to_group, GroupName="g10", UserName="ada") == (
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerUser: 10",
    )
    iam.add_user_to_group(GroupName="g3", UserName="ada")


def test_whatever_belongs_to_a_user_keeps_it_from_being_deleted(iam: Any) -> None:
    iam.create_user(UserName="ada")
    iam.create_group(GroupName="team")
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    key = iam.create_access_key(UserName="ada")["AccessKey"]["AccessKeyId"]
    iam.add_user_to_group(GroupName="team", UserName="ada")
    iam.attach_user_policy(UserName="ada", PolicyArn=admin)
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=policy())

    said = []
    for undo in (
        lambda: iam.delete_access_key(UserName="ada", AccessKeyId=key),
        lambda: iam.remove_user_from_group(GroupName="team", UserName="ada"),
        lambda: iam.detach_user_policy(UserName="ada", PolicyArn=admin),
        lambda: iam.delete_user_policy(UserName="ada", PolicyName="p"),
    ):
        said.append(refused(iam.delete_user, UserName="ada"))
        undo()

    iam.delete_user(UserName="ada")
    assert said == [
        ("DeleteConflict", f"Cannot delete entity, must {what} first.")
        for what in (
            "delete access keys",
            "remove users from group",
            "detach all policies",
            "delete policies",
        )
    ]


def test_whatever_belongs_to_a_group_keeps_it_from_being_deleted(iam: Any) -> None:
    iam.create_user(UserName="ada")
    iam.create_group(GroupName="team")
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    iam.add_user_to_group(GroupName="team", UserName="ada")
    iam.attach_group_policy(GroupName="team", PolicyArn=admin)
    iam.put_group_policy(GroupName="team", PolicyName="p", PolicyDocument=policy())

    for undo in (
        lambda: iam.remove_user_from_group(GroupName="team", UserName="ada"),
        lambda: iam.detach_group_policy(GroupName="team", PolicyArn=admin),
        lambda: iam.delete_group_policy(GroupName="team", PolicyName="p"),
    ):
        assert refused(iam.delete_group, GroupName="team")[0] == "DeleteConflict"
        undo()

    iam.delete_group(GroupName="team")
    assert iam.list_groups()["Groups"] == []


@pytest.mark.parametrize("kind", ["user", "role", "policy"])
def test_tags_are_put_replaced_and_taken_away(iam: Any, kind: str) -> None:
    member, name = f"{kind.capitalize()}Name", "tagged"
    if kind == "user":
        iam.create_user(UserName=name)
    elif kind == "role":
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
    else:
        member = "PolicyArn"
        name = iam.create_policy(PolicyName=name, PolicyDocument=policy())["Policy"]["Arn"]
    whom = {member: name}
    tag, untag = getattr(iam, f"tag_{kind}"), getattr(iam, f"untag_{kind}")

    tag(**whom, Tags=[{"Key": key, "Value": "1"} for key in ("a", "b", "c")])
    tag(**whom, Tags=[{"Key": "B", "Value": "2"}])
    untag(**whom, TagKeys=["C", "absent"])

    listed = pages(iam, f"list_{kind}_tags", "Tags", **whom)
    assert listed == [[{"Key": "B", "Value": "2"}, {"Key": "a", "Value": "1"}]]
    twice = [{"Key": "x", "Value": "1"}, {"Key": "X", "Value": "2"}]
    assert refused(tag, **whom, Tags=twice)[0] == "InvalidInput"
    assert refused(tag, **whom, Tags=[{"Key": "aws:x", "Value": "1"}])[0] == "InvalidInput"
    more = [{"Key": f"k{number}", "Value": ""} for number in range(49)]
    assert refused(tag, **whom, Tags=more)[0] == "LimitExceeded"
