"""Multipart uploads, from the first part to the whole object, and copies."""

import asyncio
import base64
import hashlib
import os
import zlib
from typing import Any

import pytest

from modelyard.errors import Refusal
from modelyard.objects import refusals
from modelyard.objects.blobs import BlobFolder
from modelyard.objects.uploads import PART_BYTES_MIN
from tests.objects.conftest import Ask, body, files, read

FIRST, LAST = os.urandom(PART_BYTES_MIN + 7), os.urandom(1234)


async def begin(ask: Ask, bucket: str, **more: Any) -> str:
    answer = await ask("create_multipart_upload", Bucket=bucket, Key="k", **more)
    return str(answer["UploadId"])


async def send(ask: Ask, bucket: str, upload: str, number: int, data: bytes) -> dict[str, Any]:
    part = {"UploadId": upload, "PartNumber": number, "Body": body(data)}
    answer = await ask("upload_part", Bucket=bucket, Key="k", **part)
    return {"PartNumber": number, "ETag": answer["ETag"]}


async def finish(
    ask: Ask, bucket: str, upload: str, parts: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    listed = {"Parts": parts}
    return await ask(
        "complete_multipart_upload",
        Bucket=bucket,
        Key="k",
        UploadId=upload,
        MultipartUpload=listed,
        **more,
    )


async def test_parts_become_one_object(ask: Ask, bucket: str, blobs: BlobFolder) -> None:
    upload = await begin(ask, bucket, ContentType="text/csv", Metadata={"a": "b"}, Tagging="t=1")
    await send(ask, bucket, upload, 7, b"replaced")
    parts = [await send(ask, bucket, upload, n, d) for n, d in ((2, FIRST), (7, LAST))]

    done = await finish(ask, bucket, upload, parts)

    digests = hashlib.md5(FIRST).digest() + hashlib.md5(LAST).digest()
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-2"'
    got = await ask("get_object", Bucket=bucket, Key="k")
    assert await read(got) == FIRST + LAST
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("text/csv", {"a": "b"}, 1)
    second = await ask("get_object", Bucket=bucket, Key="k", PartNumber=2)
    assert await read(second) == LAST
    assert second["PartsCount"] == 2
    assert len(files(blobs)) == 1


async def test_completing_again_answers_the_same(ask: Ask, bucket: str) -> None:
    upload = await begin(ask, bucket)
    parts = [await send(ask, bucket, upload, 1, LAST)]

    first, second = await asyncio.gather(
        finish(ask, bucket, upload, parts), finish(ask, bucket, upload, parts)
    )

    assert first == second == await finish(ask, bucket, upload, parts)
    await ask("delete_object", Bucket=bucket, Key="k")
    with pytest.raises(refusals.NoSuchUpload):
        await finish(ask, bucket, upload, parts)


async def test_wrong_lists_of_parts_are_refused_and_the_upload_stays(ask: Ask, bucket: str) -> None:
    upload = await begin(ask, bucket)
    small = [await send(ask, bucket, upload, n, LAST) for n in (1, 2)]
    wrong: list[tuple[list[dict[str, Any]], str]] = [
        (small, "EntityTooSmall"),
        ([], "MalformedXML"),
        (small[::-1], "InvalidPartOrder"),
        ([small[0], small[0]], "InvalidPartOrder"),
        ([{"PartNumber": 9, "ETag": '"x"'}], "InvalidPart"),
        ([{"PartNumber": 1, "ETag": '"x"'}], "InvalidPart"),
        ([{**small[0], "ChecksumCRC64NVME": "AAAAAAAAAAA="}], "InvalidPart"),
    ]
    for parts, code in wrong:
        with pytest.raises(Refusal) as refused:
            await finish(ask, bucket, upload, parts)
        assert refused.value.code == code

    with pytest.raises(refusals.InvalidRequest):
        await finish(ask, bucket, upload, small[:1], MpuObjectSize=1)
    await finish(ask, bucket, upload, small[:1], MpuObjectSize=len(LAST))


@pytest.mark.parametrize("number", [0, 10_001])
async def test_part_numbers_have_bounds(ask: Ask, bucket: str, number: int) -> None:
    upload = await begin(ask, bucket)

    with pytest.raises(refusals.InvalidArgument):
        await send(ask, bucket, upload, number, LAST)


async def test_an_aborted_upload_leaves_nothing(ask: Ask, bucket: str, blobs: BlobFolder) -> None:
    upload = await begin(ask, bucket)
    await send(ask, bucket, upload, 1, FIRST)

    await ask("abort_multipart_upload", Bucket=bucket, Key="k", UploadId=upload)

    assert files(blobs) == []
    with pytest.raises(refusals.NoSuchUpload):
        await send(ask, bucket, upload, 1, FIRST)
    assert files(blobs) == []


async def test_a_bucket_with_unfinished_uploads_can_go(
    ask: Ask, bucket: str, blobs: BlobFolder
) -> None:
    upload = await begin(ask, bucket)
    await send(ask, bucket, upload, 1, FIRST)

    await ask("delete_bucket", Bucket=bucket)

    assert files(blobs) == []


async def test_checksums_of_parts_make_the_checksum_of_the_whole(ask: Ask, bucket: str) -> None:
    expected = {
        "FULL_OBJECT": base64.b64encode(zlib.crc32(FIRST + LAST).to_bytes(4, "big")).decode(),
        "COMPOSITE": base64.b64encode(
            zlib.crc32(
                zlib.crc32(FIRST).to_bytes(4, "big") + zlib.crc32(LAST).to_bytes(4, "big")
            ).to_bytes(4, "big")
        ).decode()
        + "-2",
    }
    for kind, value in expected.items():
        upload = await begin(ask, bucket, ChecksumAlgorithm="CRC32", ChecksumType=kind)
        parts = [await send(ask, bucket, upload, n, d) for n, d in ((1, FIRST), (2, LAST))]

        with pytest.raises(refusals.BadDigest):
            await finish(ask, bucket, upload, parts, ChecksumCRC32="AAAAAA==")
        done = await finish(ask, bucket, upload, parts, ChecksumCRC32=value)

        assert (done["ChecksumCRC32"], done["ChecksumType"]) == (value, kind)
        head = await ask("head_object", Bucket=bucket, Key="k", ChecksumMode="ENABLED")
        assert head["ChecksumCRC32"] == value


@pytest.mark.parametrize(
    "asked",
    [
        {"ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"},
        {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"},
        {"ChecksumAlgorithm": "CRC7"},
    ],
)
async def test_impossible_checksums_are_refused(
    ask: Ask, bucket: str, asked: dict[str, str]
) -> None:
    with pytest.raises(refusals.InvalidRequest):
        await begin(ask, bucket, **asked)


async def test_uploads_and_parts_are_listed_in_pages(ask: Ask, bucket: str) -> None:
    made = []
    for key in ("a/1", "a/2", "b", "b", "c/1"):
        begun = await ask("create_multipart_upload", Bucket=bucket, Key=key)
        made.append((key, begun["UploadId"]))
    seen, prefixes, request = [], [], {"Delimiter": "/"}
    for _ in range(10):
        page = await ask("list_multipart_uploads", Bucket=bucket, MaxUploads=1, **request)
        seen += [(one["Key"], one["UploadId"]) for one in page.get("Uploads", [])]
        prefixes += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
        if not page["IsTruncated"]:
            break
        request |= {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }
    assert seen == made[2:4]
    assert prefixes == ["a/", "c/"]
    under = await ask("list_multipart_uploads", Bucket=bucket, Prefix="a/")
    assert [one["Key"] for one in under["Uploads"]] == ["a/1", "a/2"]

    upload = await begin(ask, bucket)
    for number in (1, 2, 3):
        await send(ask, bucket, upload, number, LAST)
    page = await ask("list_parts", Bucket=bucket, Key="k", UploadId=upload, MaxParts=2)
    assert [part["PartNumber"] for part in page["Parts"]] == [1, 2]
    assert page["IsTruncated"]
    rest = await ask("list_parts", Bucket=bucket, Key="k", UploadId=upload, PartNumberMarker=2)
    assert [part["Size"] for part in rest["Parts"]] == [len(LAST)]


async def test_a_copy_has_bytes_headers_and_tags_of_its_own(
    ask: Ask, bucket: str, blobs: BlobFolder
) -> None:
    put = {"Body": body(FIRST), "ContentType": "text/csv", "Metadata": {"a": "1"}, "Tagging": "t=1"}
    await ask("put_object", Bucket=bucket, Key="a b/ü", **put)

    copied = await ask("copy_object", Bucket=bucket, Key="l", CopySource=f"{bucket}/a%20b/%C3%BC")
    await ask("delete_object", Bucket=bucket, Key="a b/ü")

    got = await ask("get_object", Bucket=bucket, Key="l")
    assert await read(got) == FIRST
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(FIRST).hexdigest()}"'
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("text/csv", {"a": "1"}, 1)
    assert len(files(blobs)) == 1


async def test_a_copy_onto_itself_must_change_something(ask: Ask, bucket: str) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(LAST), Metadata={"a": "1"})
    source = f"/{bucket}/k"

    with pytest.raises(refusals.InvalidRequest):
        await ask("copy_object", Bucket=bucket, Key="k", CopySource=source)
    replaced = {"MetadataDirective": "REPLACE", "Metadata": {"b": "2"}}
    await ask("copy_object", Bucket=bucket, Key="k", CopySource=source, **replaced)

    got = await ask("get_object", Bucket=bucket, Key="k")
    assert (await read(got), got["Metadata"]) == (LAST, {"b": "2"})


async def test_a_copy_of_parts_is_one_piece(ask: Ask, bucket: str) -> None:
    upload = await begin(ask, bucket)
    parts = [await send(ask, bucket, upload, n, d) for n, d in ((1, FIRST), (2, LAST))]
    await finish(ask, bucket, upload, parts)

    copied = await ask("copy_object", Bucket=bucket, Key="l", CopySource=f"{bucket}/k")

    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(FIRST + LAST).hexdigest()}"'
    assert await read(await ask("get_object", Bucket=bucket, Key="l")) == FIRST + LAST


async def test_copying_needs_source_and_conditions(ask: Ask, bucket: str) -> None:
    put = await ask("put_object", Bucket=bucket, Key="k", Body=body(LAST))
    refused: list[tuple[dict[str, Any], type[Refusal]]] = [
        ({"CopySource": f"{bucket}/none"}, refusals.NoSuchKey),
        ({"CopySource": "no-such-bucket/k"}, refusals.NoSuchBucket),
        ({"CopySource": "nothing"}, refusals.InvalidArgument),
        ({"CopySource": f"{bucket}/k?versionId=3"}, refusals.NoSuchVersion),
        ({"CopySourceIfMatch": '"x"'}, refusals.PreconditionFailed),
        ({"CopySourceIfNoneMatch": put["ETag"]}, refusals.PreconditionFailed),
    ]
    for change, refusal in refused:
        request = {"Bucket": bucket, "Key": "l", "CopySource": f"{bucket}/k"} | change
        with pytest.raises(refusal):
            await ask("copy_object", **request)


async def test_parts_may_be_copied_from_ranges(ask: Ask, bucket: str) -> None:
    await ask("put_object", Bucket=bucket, Key="source", Body=body(FIRST + LAST))
    upload = await begin(ask, bucket)
    parts = []
    cut = PART_BYTES_MIN + 1
    for number, (start, end) in enumerate([(0, cut), (cut, len(FIRST + LAST))], 1):
        copied = await ask(
            "upload_part_copy",
            Bucket=bucket,
            Key="k",
            UploadId=upload,
            PartNumber=number,
            CopySource=f"{bucket}/source",
            CopySourceRange=f"bytes={start}-{end - 1}",
        )
        parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})

    await finish(ask, bucket, upload, parts)

    assert await read(await ask("get_object", Bucket=bucket, Key="k")) == FIRST + LAST
