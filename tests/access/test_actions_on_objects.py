"""What requests of S3 are judged on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.access.policy import actions
from modelyard.errors import NotAuthenticated, Refusal
from modelyard.objects import names as object_names
from tests.access.asking import ASKER, first, judged


def test_an_object_s_owner_is_to_be_looked_up() -> None:
    check = first("s3", "GetObject", Bucket="data", Key="a/b c?.csv")

    assert (check.action, check.resource) == ("s3:GetObject", "arn:aws:s3:::data/a/b c?.csv")
    assert check.resource_account == ""
    assert check.lookup is not None
    assert check.lookup[:2] == ("bucket", "data")
    assert "s3:existingobjecttag/" in check.looked_up


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("HeadObject", "GetObject"),
        ("UploadPart", "PutObject"),
        ("CreateMultipartUpload", "PutObject"),
        ("CompleteMultipartUpload", "PutObject"),
        ("AbortMultipartUpload", "AbortMultipartUpload"),
        ("ListParts", "ListMultipartUploadParts"),
        ("DeleteObject", "DeleteObject"),
    ],
)
def test_an_object_operation_has_the_action_that_s3_asks_for(operation: str, action: str) -> None:
    assert judged("s3", operation, Bucket="b", Key="k") == [(f"s3:{action}", "arn:aws:s3:::b/k")]


def test_a_version_of_an_object_is_another_action() -> None:
    check = first("s3", "GetObject", Bucket="b", Key="k", VersionId="null")

    assert check.action == "s3:GetObjectVersion"
    assert check.context["s3:versionid"] == ("null",)


def test_an_upload_with_tags_needs_leave_to_tag() -> None:
    checks = actions.checks(
        "s3", "PutObject", {"Bucket": "b", "Key": "k", "Tagging": "team=a%20b&x="}, ASKER
    )

    assert [check.action for check in checks] == ["s3:PutObject", "s3:PutObjectTagging"]
    for check in checks:
        assert check.context["s3:requestobjecttag/team"] == ("a b",)
        assert check.context["s3:requestobjecttagkeys"] == ("team", "x")


@pytest.mark.parametrize("operation", ["CopyObject", "UploadPartCopy"])
def test_a_copy_reads_its_source(operation: str) -> None:
    assert judged("s3", operation, Bucket="b", Key="k", CopySource="/src/a%2Fb%20c")[:2] == [
        ("s3:PutObject", "arn:aws:s3:::b/k"),
        ("s3:GetObject", "arn:aws:s3:::src/a/b c"),
    ]


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("/%2Fabc?versionId=null", max_size=40))
def test_a_copy_is_judged_on_the_source_that_s3_reads(header: str) -> None:
    (_, source, *_) = actions.checks(
        "s3", "CopyObject", {"Bucket": "b", "Key": "k", "CopySource": header}, ASKER
    )
    try:
        bucket, key = object_names.copy_source(header)
    except (Refusal, NotAuthenticated):
        return

    assert source.resource == f"arn:aws:s3:::{bucket}/{key}" or "/" in bucket


def test_keys_that_go_together_are_judged_one_by_one() -> None:
    objects = [{"Key": "a"}, {"Key": "b", "VersionId": "null"}]

    assert actions.singly("s3", "DeleteObjects")
    assert judged("s3", "DeleteObjects", Bucket="b", Delete={"Objects": objects}) == [
        ("s3:DeleteObject", "arn:aws:s3:::b/a"),
        ("s3:DeleteObjectVersion", "arn:aws:s3:::b/b"),
    ]


@pytest.mark.parametrize("operation", ["ListObjects", "ListObjectsV2"])
def test_a_listing_carries_its_prefix(operation: str) -> None:
    check = first("s3", operation, Bucket="b", Prefix="team/", Delimiter="/", MaxKeys=5)

    assert (check.action, check.resource) == ("s3:ListBucket", "arn:aws:s3:::b")
    assert dict(check.context) == {
        "s3:prefix": ("team/",),
        "s3:delimiter": ("/",),
        "s3:max-keys": ("5",),
    }


def test_a_bucket_s_name_cannot_reach_into_another_bucket() -> None:
    assert judged("s3", "GetObject", Bucket="mine/theirs", Key="k") == [
        ("s3:GetObject", "arn:aws:s3:::*")
    ]
