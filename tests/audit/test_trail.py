"""What leaves a record and what does not, and what a record says of who was denied."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelyard import errors, sign_in_records
from modelyard.access.people import sign_in_events
from modelyard.access.people.sign_in_events import CONSOLE_LOGIN, SignInEvent
from modelyard.audit import event
from modelyard.audit.chain import Chained
from modelyard.call import Principal
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.audit.in_process import ACCOUNT, ADA, EVE, OTHER_ACCOUNT, REGION, Yard, document
from tests.audit_entries import TRAIL

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": EVE.arn}, "Action": "sts:AssumeRole"}
        ],
    }
)


@pytest.fixture
async def yard(database: Database, tmp_path: Path) -> AsyncIterator[Yard]:
    made = Yard(database, tmp_path)
    yield made
    made.blobs.close()


async def drop_the_trail(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run("DROP TABLE audit_record")

    await database.write(work)


async def test_a_denied_role_is_recorded_with_who_asked_and_why_not(yard: Yard) -> None:
    await yard("iam", "CreateRole", RoleName="deployer", AssumeRolePolicyDocument=TRUST)
    arn = f"arn:aws:iam::{ACCOUNT}:role/deployer"

    with pytest.raises(errors.AccessDeniedException) as refused:
        await yard("sts", "AssumeRole", RoleArn=arn, RoleSessionName="mine")

    record = await yard.last_record()
    assert record is not None
    assert (record.operation, record.error_code) == ("AssumeRole", "AccessDenied")
    assert record.resource == arn
    assert (record.principal, record.access_key_id) == (ADA.arn, ADA.access_key_id)
    assert document(record)["Message"] == refused.value.message
    assert document(record)["Parameters"]["RoleSessionName"] == "mine"


async def test_a_denied_read_is_recorded_and_a_granted_one_is_not(yard: Yard) -> None:
    await yard("s3", "CreateBucket", Bucket="models")
    await yard("s3", "PutObject", Bucket="models", Key="k", Body=b"x")
    await yard("s3", "GetObject", Bucket="models", Key="k")
    assert await yard.last_record() is None
    yard.principal = EVE

    with pytest.raises(
        errors.Refusal, match=r"User: .* is not authorized to perform: s3:GetObject"
    ):
        await yard("s3", "GetObject", Bucket="models", Key="k")

    record = await yard.last_record()
    assert record is not None
    assert (record.account, record.principal) == (OTHER_ACCOUNT, EVE.arn)
    assert (record.error_code, record.read_only) == ("AccessDenied", 1)
    assert record.resource == "arn:aws:s3:::models/k"


async def test_a_call_that_is_refused_as_wrong_changes_nothing_and_is_not_recorded(
    yard: Yard,
) -> None:
    await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="churn")
    count = len(await yard.records())

    for request in ({"ModelPackageGroupName": "churn"}, {"ModelPackageGroupName": "-"}):
        with pytest.raises(errors.ValidationException):
            await yard("sagemaker", "CreateModelPackageGroup", **request)

    assert len(await yard.records()) == count


async def test_a_repeated_call_changes_nothing_and_is_not_recorded_again(yard: Yard) -> None:
    await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="churn")
    request = {
        "ModelPackageGroupName": "churn",
        "ClientToken": "0123456789" * 3,
        "InferenceSpecification": {
            "Containers": [{"Image": "image:1"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    }

    answers = [await yard("sagemaker", "CreateModelPackage", **request) for _ in range(3)]

    assert answers[1:] == answers[:1] * 2
    assert len(await yard.records("CreateModelPackage")) == 1


async def test_a_call_that_finds_nothing_to_do_is_not_recorded(yard: Yard) -> None:
    await yard("s3", "CreateBucket", Bucket="models")
    await yard("s3", "CreateBucket", Bucket="models")
    assert await yard.last_record() is None

    await yard("s3", "DeleteObject", Bucket="models", Key="never-was")

    assert await yard.last_record() is None


async def test_what_cannot_be_recorded_does_not_happen(yard: Yard) -> None:
    await yard("s3", "CreateBucket", Bucket="models")
    await yard("s3", "PutObject", Bucket="models", Key="k", Body=b"first")
    await drop_the_trail(yard.database)

    calls = [
        ("sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": "churn"}),
        ("s3", "CreateBucket", {"Bucket": "others"}),
        ("s3", "PutObject", {"Bucket": "models", "Key": "k", "Body": b"second"}),
        ("s3", "DeleteObject", {"Bucket": "models", "Key": "k"}),
        ("sts", "GetSessionToken", {}),
    ]
    for service, operation, request in calls:
        with pytest.raises(Exception, match="audit_record"):
            await yard(service, operation, **request)

    groups = await yard("sagemaker", "ListModelPackageGroups")
    assert groups["ModelPackageGroupSummaryList"] == []
    buckets = await yard("s3", "ListBuckets")
    assert [one["Name"] for one in buckets["Buckets"]] == ["models"]
    assert (await yard("s3", "GetObject", Bucket="models", Key="k"))["Body"] == b"first"


async def test_a_denial_that_cannot_be_recorded_is_no_permission(yard: Yard) -> None:
    await drop_the_trail(yard.database)

    with pytest.raises(Exception, match="audit_record"):
        await yard(
            "sts",
            "AssumeRole",
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/none",
            RoleSessionName="mine",
        )


async def test_a_session_is_recorded_with_its_role_and_its_source_identity(yard: Yard) -> None:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/nightly"
    yard.principal = Principal(ACCOUNT, arn, "AROADEPLOYER:nightly", "ASIAX", "ada")
    await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="churn")
    answer = await yard("cloudtrail", "LookupEvents")

    event = json.loads(answer["Events"][0]["CloudTrailEvent"])
    who = event["userIdentity"]
    assert answer["Events"][0]["Username"] == "nightly"
    assert who["type"] == "AssumedRole"
    issuer = who["sessionContext"]["sessionIssuer"]
    assert issuer["arn"] == f"arn:aws:iam::{ACCOUNT}:role/deployer"
    assert (issuer["principalId"], issuer["userName"]) == ("AROADEPLOYER", "deployer")
    assert who["sessionContext"]["sourceIdentity"] == "ada"


async def test_a_failed_sign_in_is_recorded(yard: Yard) -> None:
    async def work(tx: Transaction) -> None:
        event = SignInEvent(
            name=CONSOLE_LOGIN,
            account=ACCOUNT,
            origin=sign_in_events.Origin(
                source_ip="192.0.2.9", user_agent="Mozilla/5.0", request_id="of-a-stranger"
            ),
            now_us=1_790_000_000_000_000,
            user_name="ada",
            error="The name or the password is wrong.",
        )
        await sign_in_records.recording(TRAIL, REGION)(tx, event)

    await yard.database.write(work)

    attribute = {"AttributeKey": "EventName", "AttributeValue": "ConsoleLogin"}
    (listed,) = (await yard("cloudtrail", "LookupEvents", LookupAttributes=[attribute]))["Events"]
    event = json.loads(listed["CloudTrailEvent"])
    assert listed["Username"] == event["userIdentity"]["userName"] == "ada"
    assert event["eventType"] == "AwsConsoleSignIn"
    assert event["errorMessage"] == "The name or the password is wrong."
    assert event["sourceIPAddress"] == "192.0.2.9"


async def test_a_record_that_would_be_huge_is_cut_with_digests(yard: Yard) -> None:
    await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="churn")
    metadata = {f"k{n}": "v" * 200 for n in range(50)}
    card = {"ModelCardContent": json.dumps({"note": "x" * 90_000}), "ModelCardStatus": "Draft"}
    specification = {
        "Containers": [{"Image": "image:1"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    answer = await yard(
        "sagemaker",
        "CreateModelPackage",
        ModelPackageGroupName="churn",
        InferenceSpecification=specification,
        CustomerMetadataProperties=metadata,
        ModelCard=card,
    )

    record = await yard.last_record()

    assert record is not None and record.resource == answer["ModelPackageArn"]
    assert len(record.document) < 32_000
    assert "sha256" in document(record)["Parameters"]["ModelCard"]["ModelCardContent"]


async def test_what_changed_is_told_with_its_times_as_people_read_them(yard: Yard) -> None:
    await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="churn")
    made = await yard("sagemaker", "CreateModelPackage", ModelPackageGroupName="churn")
    arn = made["ModelPackageArn"]
    await yard(
        "sagemaker", "UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved"
    )
    record = await yard.last_record()
    assert record is not None

    [change] = event.event(Chained(0, "", record))["additionalEventData"]["changes"]

    assert change["after"]["ModelApprovalStatus"] == "Approved"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:]{8}Z", change["after"]["LastModifiedTime"])
