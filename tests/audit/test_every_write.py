"""Every operation that changes something leaves one record with its resource, before and after.

An operation that is offered and not in the story below fails the test.
"""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelyard import offered
from modelyard.access.accounts.organizations import Organizations
from modelyard.access.identities.access_keys import AccessKeys
from modelyard.access.people.login_profiles import LoginProfiles
from modelyard.access.people.web_identity import WebIdentity
from modelyard.access.sessions.sts import SecurityTokenService
from modelyard.call import Mode
from modelyard.experiments.metrics import Metrics
from modelyard.hosting.invocations import InvocationDoor
from modelyard.objects.door import ObjectDoor
from modelyard.registry.model_package_comparison import Comparisons
from modelyard.storage.database import Database
from tests.audit.in_process import ACCOUNT, ADA, REGION, Yard, document

ROLE = f"arn:aws:iam::{ACCOUNT}:role/hosting"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        ],
    }
)
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
)
TAGS = [{"Key": "team", "Value": "churn"}]
MANAGED = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
# Operations of the S3 door that leave everything as it is.
_S3_READS = re.compile(r"Get|Head|List")
# These change what is there; what they tell has a state before, and one after unless it is gone.
_CHANGES = re.compile(
    r"Update|Put(?!Object$)|Add(?!Association$)|Delete|Attach|Detach|Remove|Set|Rollback|Tag|Untag"
    r"|Change|Close"
)


def writes() -> set[tuple[str, str]]:
    """Every offered operation that changes something."""
    table = offered.table(
        ObjectDoor,
        InvocationDoor,
        SecurityTokenService,
        AccessKeys,
        Organizations,
        LoginProfiles,
        WebIdentity,
        Comparisons,
        Metrics,
    )
    found = {
        (service, name)
        for service, operations in table.items()
        for name, one in operations.items()
        if one.mode is Mode.WRITE
    }
    found.add(("sagemaker-metrics", "BatchPutMetrics"))
    found |= {("s3", name) for name in table["s3"] if not _S3_READS.match(name)}
    return found | {("iam", name) for name, one in table["iam"].items() if one.mode is Mode.OPEN}


@pytest.fixture
async def yard(database: Database, tmp_path: Path) -> AsyncIterator[Yard]:
    made = Yard(database, tmp_path)
    yield made
    made.blobs.close()


class Story:
    """Calls one operation after the other, and notes what each left in the trail."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.told: set[tuple[str, str]] = set()

    async def __call__(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        before = len(await self.yard.records())
        answer = await self.yard(service, operation, **request)
        if (service, operation) not in writes():
            return answer
        record = await self.yard.last_record()
        assert record is not None, f"{service} {operation} left no record"
        assert len(await self.yard.records()) == before + 1
        _check(operation, request, record, document(record))
        self.told.add((service, operation))
        return answer


def _check(operation: str, asked: Any, record: Any, told: dict[str, Any]) -> None:
    assert record.user_name == "ada"
    assert record.access_key_id == ADA.access_key_id
    assert (record.account, record.region, record.error_code) == (ACCOUNT, REGION, "")
    assert record.operation == operation
    assert record.resource.startswith("arn:aws:"), operation
    assert told["Resources"][0] == record.resource
    assert (told["SourceIp"], told["UserAgent"]) == ("192.0.2.7", "aws-cli/2")
    assert told["Parameters"] or not asked, operation
    if _CHANGES.match(operation):
        assert told["Changes"], operation
        for change in told["Changes"]:
            assert change["Before"] is not None, operation
            gone = operation.startswith("Delete") and change["After"] is None
            assert gone or change["Before"] != change["After"], operation


async def test_every_write_leaves_a_record_of_what_it_changed(yard: Yard) -> None:
    story = Story(yard)
    await _objects(story)
    package = await _registry(story)
    await _hosting(story, package)
    await _lineage(story)
    await _experiments(story)
    await _identities(story)
    await _people(story)
    await _policies(story)
    await _providers(story)
    await _account(story)
    await _ends(story, package)

    assert writes() - story.told == set()


async def _objects(s: Story) -> None:
    place = {"Bucket": "models", "Key": "a/model.tar.gz"}
    await s("s3", "CreateBucket", Bucket="models")
    await s("s3", "PutObject", **place, Body=b"weights")
    await s("s3", "CopyObject", Bucket="models", Key="copy", CopySource="models/a/model.tar.gz")
    tags = {"TagSet": [{"Key": "team", "Value": "churn"}]}
    await s("s3", "PutObjectTagging", **place, Tagging=tags)
    await s("s3", "DeleteObjectTagging", **place)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ACCOUNT},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::models/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await s("s3", "PutBucketPolicy", Bucket="models", Policy=policy)
    await s("s3", "DeleteBucketPolicy", Bucket="models")
    begun = await s("s3", "CreateMultipartUpload", Bucket="models", Key="parts")
    upload = {"Bucket": "models", "Key": "parts", "UploadId": begun["UploadId"]}
    part = await s("s3", "UploadPart", **upload, PartNumber=1, Body=b"first")
    await s("s3", "UploadPartCopy", **upload, PartNumber=2, CopySource="models/copy")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    await s("s3", "CompleteMultipartUpload", **upload, MultipartUpload=parts)
    other = await s("s3", "CreateMultipartUpload", Bucket="models", Key="never")
    await s("s3", "AbortMultipartUpload", Bucket="models", Key="never", UploadId=other["UploadId"])
    await s("s3", "DeleteObject", Bucket="models", Key="copy")
    await s("s3", "DeleteObjects", Bucket="models", Delete={"Objects": [{"Key": "parts"}]})
    await s("s3", "CreateBucket", Bucket="empty-one")
    await s("s3", "DeleteBucket", Bucket="empty-one")


async def _registry(s: Story) -> str:
    group = await s("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="churn")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://models/a/model.tar.gz"}
    package: str = (
        await s(
            "sagemaker",
            "CreateModelPackage",
            ModelPackageGroupName="churn",
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
    )["ModelPackageArn"]
    await s(
        "sagemaker",
        "UpdateModelPackage",
        ModelPackageArn=package,
        ModelApprovalStatus="Approved",
        ApprovalDescription="looks right",
    )
    arn = group["ModelPackageGroupArn"]
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": ACCOUNT},
                    "Action": "sagemaker:DescribeModelPackageGroup",
                    "Resource": arn,
                }
            ],
        }
    )
    group = {"ModelPackageGroupName": "churn"}
    await s("sagemaker", "PutModelPackageGroupPolicy", **group, ResourcePolicy=policy)
    await s("sagemaker", "DeleteModelPackageGroupPolicy", **group)
    tags = [{"Key": "team", "Value": "churn"}]
    await s("sagemaker", "AddTags", ResourceArn=arn, Tags=tags)
    await s("sagemaker", "DeleteTags", ResourceArn=arn, TagKeys=["team"])
    return package


async def _hosting(s: Story, package: str) -> None:
    for number, name in enumerate(("one", "two"), 1):
        await s(
            "sagemaker",
            "CreateModel",
            ModelName=name,
            PrimaryContainer={"ModelPackageName": package, "Environment": {"N": str(number)}},
            ExecutionRoleArn=ROLE,
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        await s(
            "sagemaker",
            "CreateEndpointConfig",
            EndpointConfigName=name,
            ProductionVariants=[variant],
        )
    await s("sagemaker", "CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    await s.yard.come_true("live")
    await s("sagemaker", "UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
    await s.yard.come_true("live")
    await s(
        "sagemaker",
        "UpdateEndpointWeightsAndCapacities",
        EndpointName="live",
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
    )
    await s.yard.come_true("live")
    await s("modelyard", "RollbackEndpoint", EndpointName="live")
    await s.yard.come_true("live")


async def _lineage(s: Story) -> None:
    source = {"SourceUri": "s3://bucket/rows.csv"}
    made = await s("sagemaker", "CreateArtifact", Source=source, ArtifactType="DataSet")
    artifact = {"ArtifactArn": made["ArtifactArn"]}
    made = await s("sagemaker", "CreateAction", ActionName="a", Source=source, ActionType="Run")
    await s("sagemaker", "CreateContext", ContextName="c", Source=source, ContextType="Run")
    ends = {"SourceArn": artifact["ArtifactArn"], "DestinationArn": made["ActionArn"]}
    await s("sagemaker", "AddAssociation", **ends)
    await s("sagemaker", "UpdateArtifact", **artifact, ArtifactName="rows")
    await s("sagemaker", "UpdateAction", ActionName="a", Description="x")
    await s("sagemaker", "UpdateContext", ContextName="c", Description="x")
    await s("sagemaker", "DeleteAssociation", **ends)
    await s("sagemaker", "DeleteArtifact", **artifact)
    await s("sagemaker", "DeleteAction", ActionName="a")
    await s("sagemaker", "DeleteContext", ContextName="c")


async def _experiments(s: Story) -> None:
    experiment, trial, run = (
        {f"{word}Name": "run"} for word in ("Experiment", "Trial", "TrialComponent")
    )
    await s("sagemaker", "CreateExperiment", **experiment)
    await s("sagemaker", "CreateTrial", **trial, **experiment)
    await s("sagemaker", "CreateTrialComponent", **run)
    await s("sagemaker", "AssociateTrialComponent", **trial, **run)
    point = {"MetricName": "loss", "Timestamp": s.yard.now_us, "Value": 0.5}
    await s("sagemaker-metrics", "BatchPutMetrics", **run, MetricData=[point])
    for word, named in (("Experiment", experiment), ("Trial", trial), ("TrialComponent", run)):
        await s("sagemaker", f"Update{word}", **named, DisplayName="better")
    await s("sagemaker", "DisassociateTrialComponent", **trial, **run)
    for word, named in (("Trial", trial), ("TrialComponent", run), ("Experiment", experiment)):
        await s("sagemaker", f"Delete{word}", **named)


async def _identities(s: Story) -> None:
    role = {"RoleName": "reviewer"}
    await s("iam", "CreateRole", **role, AssumeRolePolicyDocument=TRUST)
    await s("iam", "UpdateRole", **role, Description="reviews", MaxSessionDuration=7200)
    trust = TRUST.replace("sts:AssumeRole", "sts:*")
    await s("iam", "UpdateAssumeRolePolicy", **role, PolicyDocument=trust)
    await s("iam", "PutRolePolicy", **role, PolicyName="reads", PolicyDocument=POLICY)
    await s("iam", "AttachRolePolicy", **role, PolicyArn=MANAGED)
    await s("iam", "UpdateRoleDescription", **role, Description="reviews all")
    await s("iam", "PutRolePermissionsBoundary", **role, PermissionsBoundary=MANAGED)
    await s("iam", "DeleteRolePermissionsBoundary", **role)
    await s("iam", "TagRole", **role, Tags=TAGS)
    await s("iam", "UntagRole", **role, TagKeys=["team"])
    arn = f"arn:aws:iam::{ACCOUNT}:role/reviewer"
    await s("sts", "AssumeRole", RoleArn=arn, RoleSessionName="a-session")
    await s("sts", "GetSessionToken", DurationSeconds=3600)
    await s("iam", "DetachRolePolicy", **role, PolicyArn=MANAGED)
    await s("iam", "DeleteRolePolicy", **role, PolicyName="reads")
    await s("iam", "DeleteRole", **role)


async def _people(s: Story) -> None:
    user, group = {"UserName": "bo"}, {"GroupName": "team"}
    await s("iam", "CreateUser", UserName="bob")
    await s("iam", "UpdateUser", UserName="bob", NewUserName="bo")
    await s("iam", "CreateGroup", GroupName="teams")
    await s("iam", "UpdateGroup", GroupName="teams", NewGroupName="team")
    await s("iam", "AddUserToGroup", **user, **group)
    await s("iam", "RemoveUserFromGroup", **user, **group)
    for title, named in (("User", user), ("Group", group)):
        policy = {**named, "PolicyName": "reads"}
        await s("iam", f"Put{title}Policy", **policy, PolicyDocument=POLICY)
        await s("iam", f"Delete{title}Policy", **policy)
        await s("iam", f"Attach{title}Policy", **named, PolicyArn=MANAGED)
        await s("iam", f"Detach{title}Policy", **named, PolicyArn=MANAGED)
    await s("iam", "PutUserPermissionsBoundary", **user, PermissionsBoundary=MANAGED)
    await s("iam", "DeleteUserPermissionsBoundary", **user)
    await s("iam", "TagUser", **user, Tags=TAGS)
    await s("iam", "UntagUser", **user, TagKeys=["team"])
    made = await s("iam", "CreateAccessKey", **user)
    key = {**user, "AccessKeyId": made["AccessKey"]["AccessKeyId"]}
    await s("iam", "UpdateAccessKey", **key, Status="Inactive")
    await s("iam", "DeleteAccessKey", **key)
    await _passwords(s)
    await s("iam", "DeleteGroup", **group)
    await s("iam", "DeleteUser", **user)


async def _passwords(s: Story) -> None:
    user = {"UserName": "bo"}
    await s("iam", "CreateLoginProfile", **user, Password="First-Pass-1")
    await s("iam", "UpdateLoginProfile", **user, Password="Second-Pass-2")
    await s("iam", "DeleteLoginProfile", **user)
    made = await s("iam", "CreateUser", UserName="ada", Path="/team/")
    await s("iam", "CreateLoginProfile", UserName="ada", Password="First-Pass-1")
    s.yard.principal = replace(ADA, id=made["User"]["UserId"])
    change = {"OldPassword": "First-Pass-1", "NewPassword": "Second-Pass-2"}
    await s("iam", "ChangePassword", **change)
    s.yard.principal = ADA
    kept = json.dumps([one.document for one in await s.yard.records()])
    assert "Pass-" not in kept, "a password is in the trail"
    await s("iam", "UpdateAccountPasswordPolicy", MinimumPasswordLength=12)
    record = await s.yard.last_record()
    assert record is not None
    assert document(record)["Changes"][0]["After"]["MinimumPasswordLength"] == 12
    await s("iam", "DeleteAccountPasswordPolicy")


async def _policies(s: Story) -> None:
    made = await s("iam", "CreatePolicy", PolicyName="mine", PolicyDocument=POLICY)
    policy = {"PolicyArn": made["Policy"]["Arn"]}
    wider = POLICY.replace("s3:*", "*")
    await s("iam", "CreatePolicyVersion", **policy, PolicyDocument=wider)
    await s("iam", "SetDefaultPolicyVersion", **policy, VersionId="v2")
    await s("iam", "DeletePolicyVersion", **policy, VersionId="v1")
    await s("iam", "TagPolicy", **policy, Tags=TAGS)
    await s("iam", "UntagPolicy", **policy, TagKeys=["team"])
    await s("iam", "DeletePolicy", **policy)


async def _providers(s: Story) -> None:
    url = "https://login.example.com"
    made = await s("iam", "CreateOpenIDConnectProvider", Url=url, ClientIDList=["one"])
    provider = {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}
    await s("iam", "AddClientIDToOpenIDConnectProvider", **provider, ClientID="two")
    await s("iam", "RemoveClientIDFromOpenIDConnectProvider", **provider, ClientID="two")
    thumbprints = {"ThumbprintList": ["ab" * 20]}
    await s("iam", "UpdateOpenIDConnectProviderThumbprint", **provider, **thumbprints)
    await s("iam", "TagOpenIDConnectProvider", **provider, Tags=TAGS)
    await s("iam", "UntagOpenIDConnectProvider", **provider, TagKeys=["team"])
    await s("iam", "DeleteOpenIDConnectProvider", **provider)


async def _account(s: Story) -> None:
    await s("iam", "CreateAccountAlias", AccountAlias="the-yard")
    await s("iam", "DeleteAccountAlias", AccountAlias="the-yard")
    made = await s("organizations", "CreateAccount", Email="a@example.com", AccountName="a")
    account = made["CreateAccountStatus"]["AccountId"]
    await s("organizations", "CloseAccount", AccountId=account)


async def _ends(s: Story, package: str) -> None:
    await s("sagemaker", "DeleteEndpoint", EndpointName="live")
    await s("sagemaker", "DeleteEndpointConfig", EndpointConfigName="two")
    await s("sagemaker", "DeleteModel", ModelName="two")
    await s("sagemaker", "DeleteModelPackage", ModelPackageName=package)
    await s("sagemaker", "DeleteModelPackageGroup", ModelPackageGroupName="churn")


async def test_a_call_that_is_about_several_resources_is_found_by_each(yard: Yard) -> None:
    keys = [f"key-{number:04}" for number in range(250)]
    await yard("s3", "CreateBucket", Bucket="models")
    for key in keys:
        await yard("s3", "PutObject", Bucket="models", Key=key, Body=b"x")
    some = [{"Key": key} for key in keys]
    await yard("s3", "DeleteObjects", Bucket="models", Delete={"Objects": some})

    request = yard.last_request
    for key in (keys[0], keys[101], keys[-1]):
        attribute = {"AttributeKey": "ResourceName", "AttributeValue": f"arn:aws:s3:::models/{key}"}
        answer = await yard("cloudtrail", "LookupEvents", LookupAttributes=[attribute])
        assert answer["Events"][0]["EventId"] == request
        assert [one["EventName"] for one in answer["Events"]] == ["DeleteObjects", "PutObject"]
