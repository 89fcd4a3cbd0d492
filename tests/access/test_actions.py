"""What requests are judged on."""

import re
from typing import Any

import pytest

from modelyard.access.policy import actions
from tests.access.asking import (
    ACCOUNT,
    ASKER,
    OTHER,
    SAGEMAKER,
    THEIRS,
    first,
    judged,
)

# --- model packages


def test_a_new_version_is_judged_on_the_versions_of_its_group() -> None:
    by_name = judged("sagemaker", "CreateModelPackage", ModelPackageGroupName="churn")
    by_arn = judged(
        "sagemaker",
        "CreateModelPackage",
        ModelPackageGroupName=f"{SAGEMAKER}model-package-group/churn",
    )

    assert by_name == by_arn
    assert by_name == [("sagemaker:CreateModelPackage", f"{SAGEMAKER}model-package/churn/*")]


def test_a_package_is_judged_by_the_same_arn_however_it_is_named() -> None:
    written = ("churn/7", f"{SAGEMAKER}model-package/churn/7")
    found = {
        judged("sagemaker", "DescribeModelPackage", ModelPackageName=text)[0] for text in written
    }

    assert found == {("sagemaker:DescribeModelPackage", written[1])}


def test_an_unversioned_package_is_judged_by_its_name() -> None:
    assert judged("sagemaker", "CreateModelPackage", ModelPackageName="solo") == [
        ("sagemaker:CreateModelPackage", f"{SAGEMAKER}model-package/solo")
    ]


def test_a_package_of_another_account_or_region_is_judged_there() -> None:
    theirs = f"{THEIRS}model-package/churn/1"
    elsewhere = f"arn:aws:sagemaker:us-west-2:{ACCOUNT}:model-package/churn/1"

    check = first("sagemaker", "UpdateModelPackage", ModelPackageArn=theirs)
    assert (check.resource, check.resource_account) == (theirs, OTHER)
    assert first("sagemaker", "UpdateModelPackage", ModelPackageArn=elsewhere).resource == elsewhere
    listing = first(
        "sagemaker",
        "ListModelPackages",
        ModelPackageGroupName=f"{THEIRS}model-package-group/churn",
    )
    assert (listing.resource, listing.resource_account) == (
        f"{THEIRS}model-package/churn/*",
        OTHER,
    )


def test_a_decision_carries_what_is_decided() -> None:
    check = first(
        "sagemaker",
        "UpdateModelPackage",
        ModelPackageArn="churn/1",
        ModelApprovalStatus="Approved",
        ModelLifeCycle={"Stage": "Production", "StageStatus": "Approved"},
        CustomerMetadataProperties={"Owner": "ann", "Risk": "low"},
        CustomerMetadataPropertiesToRemove=["Draft", "Old"],
    )

    assert dict(check.context) == {
        "sagemaker:modelapprovalstatus": ("Approved",),
        "sagemaker:modellifecycle:stage": ("Production",),
        "sagemaker:modellifecycle:stagestatus": ("Approved",),
        "sagemaker:customermetadataproperties/owner": ("ann",),
        "sagemaker:customermetadataproperties/risk": ("low",),
        "sagemaker:customermetadatapropertiestoremove": ("Draft", "Old"),
    }
    assert check.looked_up == {
        "aws:resourcetag/",
        "sagemaker:resourcetag/",
        "sagemaker:currentcustomermetadataproperties/",
        "sagemaker:currentmodellifecyclestage",
        "sagemaker:currentmodellifecyclestagestatus",
    }


def test_a_key_that_the_request_does_not_give_is_not_carried() -> None:
    check = first(
        "sagemaker", "UpdateModelPackage", ModelPackageArn="churn/1", ApprovalDescription="x"
    )

    assert not check.context


def test_neither_of_two_names_that_differ_in_case_only_hides_the_other() -> None:
    check = first(
        "sagemaker",
        "CreateModelPackageGroup",
        ModelPackageGroupName="churn",
        Tags=[{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}],
    )

    assert check.context["aws:requesttag/team"] == ("\0",)  # what no tag and no policy says
    assert check.context["aws:tagkeys"] == ("Team", "team")


def test_only_what_a_policy_mentions_is_looked_up() -> None:
    check = first("sagemaker", "DescribeModelPackage", ModelPackageName="churn/1")
    mentioned = {
        "aws:resourcetag/team",
        "sagemaker:currentmodellifecyclestage",
        "aws:username",
        "aws:requesttag/team",
    }

    assert actions.to_look_up(check, mentioned) == {
        "aws:resourcetag/team",
        "sagemaker:currentmodellifecyclestage",
    }
    assert not actions.to_look_up(first("sagemaker", "ListModels"), mentioned)


def test_tags_at_creation_need_leave_to_add_tags() -> None:
    tags = [{"Key": "team", "Value": "a"}]
    checks = actions.checks(
        "sagemaker",
        "CreateModelPackageGroup",
        {"ModelPackageGroupName": "churn", "Tags": tags},
        ASKER,
    )

    group = f"{SAGEMAKER}model-package-group/churn"
    assert [(check.action, check.resource) for check in checks] == [
        ("sagemaker:CreateModelPackageGroup", group),
        ("sagemaker:AddTags", group),
    ]
    assert dict(checks[1].context) == {
        "aws:requesttag/team": ("a",),
        "aws:tagkeys": ("team",),
        "sagemaker:taggingaction": ("CreateModelPackageGroup",),
    }
    assert (
        len(judged("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="g", Tags=[])) == 1
    )


@pytest.mark.parametrize(
    ("source", "action"),
    [
        (f"{THEIRS}model-package/churn/1", "sagemaker:DescribeModelPackage"),
        (f"{SAGEMAKER}model-package/fraud/2", "sagemaker:DescribeModelPackage"),
        (f"{SAGEMAKER}model/fraud", "sagemaker:DescribeModel"),
    ],
)
def test_a_copy_needs_leave_to_read_its_source(source: str, action: str) -> None:
    found = judged(
        "sagemaker", "CreateModelPackage", ModelPackageGroupName="churn", SourceUri=source
    )

    assert found[1:] == [(action, source)]


@pytest.mark.parametrize("source", ["s3://bucket/model.tar.gz", "https://git/x", "", "arn:aws:x"])
def test_a_source_that_is_no_package_or_model_needs_no_more(source: str) -> None:
    found = judged(
        "sagemaker", "CreateModelPackage", ModelPackageGroupName="churn", SourceUri=source
    )

    assert len(found) == 1


def test_several_packages_are_judged_one_by_one_in_their_order() -> None:
    wanted = [f"{SAGEMAKER}model-package/churn/1", "nonsense/x", f"{THEIRS}model-package/f/2"]

    assert actions.singly("sagemaker", "BatchDescribeModelPackage")
    assert [
        resource
        for _, resource in judged(
            "sagemaker", "BatchDescribeModelPackage", ModelPackageArnList=wanted
        )
    ] == [wanted[0], f"{SAGEMAKER}model-package/*", wanted[2]]


# --- what lists show


def test_a_list_of_one_group_is_judged_on_it() -> None:
    assert judged("sagemaker", "ListModelPackages", ModelPackageGroupName="churn") == [
        ("sagemaker:ListModelPackages", f"{SAGEMAKER}model-package/churn/*")
    ]
    assert actions.listed("sagemaker", "ListModelPackages", {}) == "sagemaker:DescribeModelPackage"


@pytest.mark.parametrize("resource", ["ModelPackage", "ModelPackageGroup"])
def test_a_search_shows_what_may_be_described(resource: str) -> None:
    request = {"Resource": resource, "VisibilityConditions": [{"Key": "Tags.team", "Value": "a"}]}
    (check,) = actions.checks("sagemaker", "Search", request, ASKER)

    assert (check.action, check.resource) == ("sagemaker:Search", "*")
    assert dict(check.context) == {"sagemaker:searchvisibilitycondition/tags.team": ("a",)}
    assert actions.listed("sagemaker", "Search", request) == f"sagemaker:Describe{resource}"


def test_what_lists_nothing_is_not_filtered() -> None:
    assert actions.listed("sagemaker", "DescribeModel") is None
    assert actions.listed("sagemaker", "NoSuchOperation") is None
    assert actions.listed("nosuchservice", "ListThings") is None


# --- hosting


def test_a_model_needs_leave_to_pass_its_role() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/service-role/serving"
    checks = actions.checks(
        "sagemaker",
        "CreateModel",
        {"ModelName": "m", "ExecutionRoleArn": role, "VpcConfig": {"Subnets": ["s-1", "s-2"]}},
        ASKER,
    )

    assert [(check.action, check.resource) for check in checks] == [
        ("sagemaker:CreateModel", f"{SAGEMAKER}model/m"),
        ("iam:PassRole", role),
    ]
    assert dict(checks[0].context) == {
        "sagemaker:networkisolation": ("false",),
        "sagemaker:vpcsubnets": ("s-1", "s-2"),
    }
    assert dict(checks[1].context) == {
        "iam:passedtoservice": ("sagemaker.amazonaws.com",),
        "iam:associatedresourcearn": (f"{SAGEMAKER}model/m",),
    }


def test_what_is_no_role_s_arn_is_passed_as_all_roles() -> None:
    found = judged(
        "sagemaker", "CreateModel", ModelName="m", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:rolex"
    )

    assert found[1] == ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/*")


def test_only_another_account_s_package_is_judged_beside_the_model() -> None:
    theirs = f"{THEIRS}model-package/churn/1"
    containers = [{"ModelPackageName": "own/1"}, {"ModelPackageName": theirs}, {"Image": "i"}]

    found = judged("sagemaker", "CreateModel", ModelName="m", Containers=containers)
    assert found[1:] == [("sagemaker:CreateModel", theirs)]
    single = judged(
        "sagemaker", "CreateModel", ModelName="m", PrimaryContainer={"ModelPackageName": theirs}
    )
    assert single[1:] == [("sagemaker:CreateModel", theirs)]


def test_an_endpoint_configuration_carries_its_variants() -> None:
    check = first(
        "sagemaker",
        "CreateEndpointConfig",
        EndpointConfigName="c",
        EnableNetworkIsolation=True,
        KmsKeyId="key",
        ProductionVariants=[
            {"ModelName": "m", "InstanceType": "ml.m5.large"},
            {"ModelName": "n", "ServerlessConfig": {"MaxConcurrency": 5, "MemorySizeInMB": 1024}},
        ],
        ShadowProductionVariants=[{"ModelName": "o", "InstanceType": "ml.c5.large"}],
    )

    assert dict(check.context) == {
        "sagemaker:instancetypes": ("ml.m5.large", "ml.c5.large"),
        "sagemaker:modelarn": tuple(f"{SAGEMAKER}model/{name}" for name in "mno"),
        "sagemaker:networkisolation": ("true",),
        "sagemaker:serverlessmaxconcurrency": ("5",),
        "sagemaker:serverlessmemorysize": ("1024",),
        "sagemaker:volumekmskeyarn": ("key",),
    }


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_an_endpoint_is_judged_with_its_configuration(operation: str) -> None:
    assert judged("sagemaker", operation, EndpointName="e", EndpointConfigName="c") == [
        (f"sagemaker:{operation}", f"{SAGEMAKER}endpoint/e"),
        (f"sagemaker:{operation}", f"{SAGEMAKER}endpoint-config/c"),
    ]


def test_an_invocation_is_sagemaker_s_action_on_the_endpoint() -> None:
    check = first("sagemaker-runtime", "InvokeEndpoint", EndpointName="e", TargetModel="a.tar.gz")

    assert (check.action, check.resource) == ("sagemaker:InvokeEndpoint", f"{SAGEMAKER}endpoint/e")
    assert dict(check.context) == {"sagemaker:targetmodel": ("a.tar.gz",)}


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        ("RollbackEndpoint", {"EndpointName": "e"}, ("UpdateEndpoint", "endpoint/e")),
        ("ListEndpointDeployments", {"EndpointName": "e"}, ("DescribeEndpoint", "endpoint/e")),
        (
            "ListEndpointDeployments",
            {"EndpointArn": f"{SAGEMAKER}endpoint/e"},
            ("DescribeEndpoint", "endpoint/e"),
        ),
        (
            "ListModelPackageDecisions",
            {"ModelPackageName": "churn/1"},
            ("DescribeModelPackage", "model-package/churn/1"),
        ),
    ],
)
def test_our_own_operations_are_judged_as_aws_s(
    operation: str, request_: dict[str, Any], expected: tuple[str, str]
) -> None:
    action, resource = expected

    assert judged("modelyard", operation, **request_) == [
        (f"sagemaker:{action}", f"{SAGEMAKER}{resource}")
    ]


# --- the platform team's policy


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) is not None


def test_the_platform_team_s_policy_covers_its_project_and_no_other() -> None:
    resources = [
        f"{SAGEMAKER}model-package-group/rc-fraud",
        f"{SAGEMAKER}model-package/rc-fraud/*",
    ]

    def allowed(operation: str, **request: Any) -> bool:
        return all(
            any(_matches(pattern, resource) for pattern in resources)
            for _, resource in judged("sagemaker", operation, **request)
        )

    for name, mine in (("rc-fraud", True), ("rc-fraud-2", False), ("rc", False)):
        package = f"{SAGEMAKER}model-package/{name}/1"
        assert allowed("CreateModelPackageGroup", ModelPackageGroupName=name) is mine
        assert allowed("DescribeModelPackageGroup", ModelPackageGroupName=name) is mine
        assert allowed("CreateModelPackage", ModelPackageGroupName=name) is mine
        assert allowed("ListModelPackages", ModelPackageGroupName=name) is mine
        assert allowed("DescribeModelPackage", ModelPackageName=package) is mine
        assert allowed("UpdateModelPackage", ModelPackageArn=package) is mine
    assert not allowed("ListModelPackageGroups")
    assert actions.listed("sagemaker", "ListModelPackageGroups") == (
        "sagemaker:DescribeModelPackageGroup"
    )
