"""Answers of S3 that botocore's model does not describe."""

import pytest

from modelyard.contract import model, rest_xml

S3 = model.load("s3").operations


@pytest.mark.parametrize(("region", "text"), [(None, ""), ("eu-west-1", "eu-west-1")])
def test_a_location_is_the_root_element_itself(region: str | None, text: str) -> None:
    result = {} if region is None else {"LocationConstraint": region}

    answer = rest_xml.encode(S3["GetBucketLocation"], result, "r")

    assert isinstance(answer.body, bytes)
    assert answer.body.decode().endswith(f">{text}</LocationConstraint>")


def test_a_range_is_partial_content() -> None:
    result = {"Body": b"ab", "ContentRange": "bytes 0-1/9", "ContentLength": 2}

    answer = rest_xml.encode(S3["GetObject"], result, "r")

    assert answer.status == 206
    assert (b"content-length", b"2") in answer.headers


def test_a_stream_is_passed_on_untouched() -> None:
    async def chunks():  # type: ignore[no-untyped-def]
        yield b"a"

    stream = chunks()

    assert rest_xml.encode(S3["GetObject"], {"Body": stream}, "r").body is stream


@pytest.mark.parametrize(
    ("operation", "root"),
    [
        ("ListObjectsV2", "ListBucketResult"),
        ("ListBuckets", "ListAllMyBucketsResult"),
        ("CreateMultipartUpload", "InitiateMultipartUploadResult"),
        ("DeleteObjects", "DeleteResult"),
        ("CopyObject", "CopyObjectResult"),
    ],
)
def test_root_elements_have_s3s_names(operation: str, root: str) -> None:
    result = {"CopyObjectResult": {"ETag": "a"}} if operation == "CopyObject" else {}

    answer = rest_xml.encode(S3[operation], result, "r")

    assert isinstance(answer.body, bytes)
    assert f"<{root} xmlns=" in answer.body.decode()


def test_characters_xml_cannot_say_do_not_break_a_listing() -> None:
    result = {"Contents": [{"Key": "a\x01\r<&>b"}]}

    answer = rest_xml.encode(S3["ListObjectsV2"], result, "r")

    assert isinstance(answer.body, bytes)
    assert "a\ufffd&#13;&lt;&amp;&gt;b" in answer.body.decode()
