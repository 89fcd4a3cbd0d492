"""Put, get, head and delete, as S3 answers them."""

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from modelyard.errors import Refusal
from modelyard.objects import refusals
from modelyard.objects.blobs import BLOCK_BYTES, BlobFolder
from modelyard.objects.door import ObjectDoor
from modelyard.storage import stored_objects
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.objects.conftest import Ask, body, files, read

BIG = os.urandom(3 * BLOCK_BYTES + 12_345)


@pytest.mark.parametrize("data", [b"", b"x", BIG[:BLOCK_BYTES], BIG], ids=["0", "1", "block", "3+"])
async def test_what_was_put_comes_back(ask: Ask, bucket: str, data: bytes) -> None:
    put = await ask("put_object", Bucket=bucket, Key="a/model.tar.gz", Body=body(data))

    got = await ask("get_object", Bucket=bucket, Key="a/model.tar.gz")

    assert await read(got) == data
    assert got["ETag"] == put["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert got["ContentLength"] == len(data)
    assert got["ContentType"] == "binary/octet-stream"


async def test_headers_and_metadata_stay_with_the_object(ask: Ask, bucket: str) -> None:
    await ask(
        "put_object",
        Bucket=bucket,
        Key="k",
        Body=body(b"x"),
        ContentType="text/csv",
        ContentEncoding="aws-chunked, gzip",
        Metadata={"Stage": "Prod"},
        Tagging="team=churn&empty=",
    )

    head = await ask("head_object", Bucket=bucket, Key="k", ResponseContentType="text/html")

    assert head["ContentEncoding"] == "gzip"
    assert head["Metadata"] == {"stage": "Prod"}
    assert head["TagCount"] == 2
    assert head["ContentType"] == "text/html"
    assert "Body" not in head


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "//", "..", "a b+c%2F", "ключ/日本", "\x01", "/"]
)
async def test_a_key_is_a_name_and_never_a_path(
    ask: Ask, bucket: str, key: str, tmp_path: Path
) -> None:
    before = outside(tmp_path)

    await ask("put_object", Bucket=bucket, Key=key, Body=body(key.encode()))

    assert await read(await ask("get_object", Bucket=bucket, Key=key)) == key.encode()
    assert outside(tmp_path) == before
    listed = await ask("list_objects_v2", Bucket=bucket)
    assert [found["Key"] for found in listed["Contents"]] == [key]


@pytest.mark.parametrize(
    ("key", "code"),
    [("a\0b", "InvalidURI"), ("\ud800", "InvalidURI"), ("k" * 1025, "KeyTooLongError")],
)
async def test_what_cannot_be_a_key_is_refused(ask: Ask, bucket: str, key: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        await ask("put_object", Bucket=bucket, Key=key, Body=body(b"x"))

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-", 10, len(BIG)),
        (f"bytes={BLOCK_BYTES - 1}-{BLOCK_BYTES}", BLOCK_BYTES - 1, BLOCK_BYTES + 1),
        ("bytes=-5", len(BIG) - 5, len(BIG)),
        ("bytes=5-99999999999", 5, len(BIG)),
    ],
)
async def test_a_range_is_a_part_of_the_object(
    ask: Ask, bucket: str, header: str, start: int, end: int
) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(BIG))

    got = await ask("get_object", Bucket=bucket, Key="k", Range=header)

    assert await read(got) == BIG[start:end]
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/{len(BIG)}"
    assert got["ContentLength"] == end - start


async def test_a_range_beyond_the_end_is_refused(ask: Ask, bucket: str) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"12345"))

    with pytest.raises(refusals.InvalidRange):
        await ask("get_object", Bucket=bucket, Key="k", Range="bytes=5-")


async def test_replacing_an_object_frees_the_old_bytes(
    ask: Ask, bucket: str, blobs: BlobFolder
) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(BIG))
    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"new"))

    assert len(files(blobs)) == 1
    assert await read(await ask("get_object", Bucket=bucket, Key="k")) == b"new"

    await ask("delete_object", Bucket=bucket, Key="k")
    assert files(blobs) == []
    with pytest.raises(refusals.NoSuchKey):
        await ask("get_object", Bucket=bucket, Key="k")


async def test_a_reader_keeps_its_bytes_while_the_object_is_replaced(ask: Ask, bucket: str) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(BIG))
    got = await ask("get_object", Bucket=bucket, Key="k")

    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"new"))

    assert await read(got) == BIG


@pytest.mark.parametrize("at", [0, BLOCK_BYTES, len(BIG) - 1, len(BIG), -1])
@pytest.mark.parametrize("header", [None, "bytes=0-", "bytes=1-"])
async def test_rotted_bytes_are_an_error_and_never_handed_out(
    ask: Ask, bucket: str, blobs: BlobFolder, at: int, header: str | None
) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(BIG))
    [path] = files(blobs)
    rotted = bytearray(path.read_bytes())
    rotted[at] ^= 1
    path.write_bytes(rotted)

    request = {"Range": header} if header else {}
    got = bytearray()

    async def get() -> None:
        async for piece in (await ask("get_object", Bucket=bucket, Key="k", **request))["Body"]:
            got.extend(piece)

    with pytest.raises(refusals.InternalError):
        await get()

    assert BIG[1 if header == "bytes=1-" else 0 :].startswith(bytes(got))


@pytest.mark.parametrize("keep", [0, 100, len(BIG) - 1, len(BIG)])
async def test_a_truncated_blob_is_an_error(
    ask: Ask, bucket: str, blobs: BlobFolder, keep: int
) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(BIG))
    [path] = files(blobs)
    os.truncate(path, keep)

    with pytest.raises(refusals.InternalError):
        await ask("get_object", Bucket=bucket, Key="k")


async def test_a_blob_in_the_place_of_another_is_an_error(
    ask: Ask, bucket: str, blobs: BlobFolder
) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"good"))
    [first] = files(blobs)
    await ask("put_object", Bucket=bucket, Key="l", Body=body(b"evil"))
    [second] = [path for path in files(blobs) if path != first]

    second.replace(first)

    with pytest.raises(refusals.InternalError):
        await ask("get_object", Bucket=bucket, Key="k")


async def test_none_match_lets_one_of_many_create(ask: Ask, bucket: str, blobs: BlobFolder) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"1"), IfNoneMatch="*")

    with pytest.raises(refusals.PreconditionFailed):
        await ask("put_object", Bucket=bucket, Key="k", Body=body(b"2"), IfNoneMatch="*")

    assert await read(await ask("get_object", Bucket=bucket, Key="k")) == b"1"
    assert len(files(blobs)) == 1


async def test_match_replaces_only_what_was_seen(ask: Ask, bucket: str) -> None:
    with pytest.raises(refusals.NoSuchKey):
        await ask("put_object", Bucket=bucket, Key="k", Body=body(b"2"), IfMatch='"x"')
    first = await ask("put_object", Bucket=bucket, Key="k", Body=body(b"1"))

    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"2"), IfMatch=first["ETag"])
    with pytest.raises(refusals.PreconditionFailed):
        await ask("put_object", Bucket=bucket, Key="k", Body=body(b"3"), IfMatch=first["ETag"])
    with pytest.raises(refusals.PreconditionFailed):
        await ask("delete_object", Bucket=bucket, Key="k", IfMatch=first["ETag"])


async def test_reads_are_conditional(ask: Ask, bucket: str) -> None:
    put = await ask("put_object", Bucket=bucket, Key="k", Body=body(b"1"))
    head = await ask("head_object", Bucket=bucket, Key="k")
    modified = head["LastModified"] // 1_000_000 * 1_000_000  # as HTTP's dates say it

    with pytest.raises(refusals.NotModified):
        await ask("get_object", Bucket=bucket, Key="k", IfNoneMatch=put["ETag"])
    with pytest.raises(refusals.NotModified):
        await ask("head_object", Bucket=bucket, Key="k", IfModifiedSince=modified)
    with pytest.raises(refusals.PreconditionFailed):
        await ask("head_object", Bucket=bucket, Key="k", IfUnmodifiedSince=modified - 1_000_000)
    with pytest.raises(refusals.PreconditionFailed):
        await ask("head_object", Bucket=bucket, Key="k", IfMatch='"other"')
    await ask("head_object", Bucket=bucket, Key="k", IfUnmodifiedSince=modified)
    await ask("head_object", Bucket=bucket, Key="k", IfModifiedSince=modified - 1_000_000)


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({"ContentMD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "BadDigest"),
        ({"ContentMD5": "short"}, "InvalidDigest"),
        ({"ChecksumCRC32": "AAAAAA=="}, "BadDigest"),
        ({"ChecksumCRC32": "AAAA"}, "InvalidRequest"),
        ({"ChecksumCRC64NVME": "AAAAAAAAAAA="}, "BadDigest"),
        ({"ChecksumCRC32": "AAAAAA==", "ChecksumSHA1": "x"}, "InvalidRequest"),
        ({"ChecksumAlgorithm": "CRC32"}, "InvalidRequest"),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "NotImplemented"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "mine"}, "NotImplemented"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"StorageClass": "GLACIER"}, "InvalidStorageClass"),
        ({"Metadata": {"k": "v" * 2048}}, "MetadataTooLarge"),
        ({"Tagging": "a=1&a=2"}, "InvalidTag"),
        ({"ExpectedBucketOwner": "000000000000"}, "AccessDenied"),
    ],
)
async def test_a_refused_put_stores_nothing(
    ask: Ask, bucket: str, blobs: BlobFolder, extra: dict[str, object], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await ask("put_object", Bucket=bucket, Key="k", Body=body(b"12345"), **extra)

    assert refused.value.code == code
    assert files(blobs) == []
    assert "Contents" not in await ask("list_objects_v2", Bucket=bucket)


async def test_bytes_that_are_not_the_signed_ones_are_refused(
    ask: Ask, bucket: str, blobs: BlobFolder
) -> None:
    upload = body(b"12345", payload_hash=hashlib.sha256(b"other").hexdigest())

    with pytest.raises(refusals.ContentSha256Mismatch):
        await ask("put_object", Bucket=bucket, Key="k", Body=upload)

    assert files(blobs) == []


@pytest.mark.parametrize("length", [4, 6])
async def test_a_body_of_another_length_is_refused(ask: Ask, bucket: str, length: int) -> None:
    upload = body(b"12345")
    upload.length = length

    with pytest.raises(refusals.IncompleteBody):
        await ask("put_object", Bucket=bucket, Key="k", Body=upload)


async def test_deleting_many_reports_each(ask: Ask, bucket: str, blobs: BlobFolder) -> None:
    for key in ("a", "b"):
        await ask("put_object", Bucket=bucket, Key=key, Body=body(b"x"))
    wanted = [{"Key": "a"}, {"Key": "gone"}, {"Key": "b", "VersionId": "7"}]

    answer = await ask("delete_objects", Bucket=bucket, Delete={"Objects": wanted})

    assert [one["Key"] for one in answer["Deleted"]] == ["a", "gone"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("b", "NoSuchVersion")]
    assert len(files(blobs)) == 1
    quiet = {"Objects": [{"Key": "b"}], "Quiet": True}
    assert await ask("delete_objects", Bucket=bucket, Delete=quiet) == {}


async def test_tags_are_read_and_replaced(ask: Ask, bucket: str) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"x"), Tagging="a=1")
    tags = [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": ""}]

    await ask("put_object_tagging", Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert await ask("get_object_tagging", Bucket=bucket, Key="k") == {"TagSet": tags}

    await ask("delete_object_tagging", Bucket=bucket, Key="k")
    assert await ask("get_object_tagging", Bucket=bucket, Key="k") == {"TagSet": []}
    assert await read(await ask("get_object", Bucket=bucket, Key="k")) == b"x"


async def test_others_see_the_stored_object(
    ask: Ask, bucket: str, database: Database, door: ObjectDoor, tmp_path: Path
) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(BIG))

    stored = await database.read(lambda tx: stored_objects.find(tx, bucket, "k"))
    assert stored is not None
    await door.fetch(stored, tmp_path / "copy")

    assert stored.sha256 == hashlib.sha256(BIG).hexdigest()
    assert (tmp_path / "copy").read_bytes() == BIG


def outside(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if "blobs" not in p.parts}


async def test_bytes_that_a_package_stands_for_are_kept(
    ask: Ask, bucket: str, blobs: BlobFolder, database: Database, door: ObjectDoor
) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(BIG))
    stored = await database.read(lambda tx: stored_objects.find(tx, bucket, "k"))
    assert stored is not None

    async def register(tx: Transaction) -> None:
        await stored_objects.hold_one(tx, bucket, "k")
        await tx.run(
            "INSERT INTO model_package_artifact"
            " (account, region, arn, position, source, url, state, blob)"
            " VALUES ('1', 'r', 'arn', 0, 'u', 'u', 'Verified', ?)",
            stored.blob,
        )

    await database.write(register)
    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"new"))
    await ask("delete_object", Bucket=bucket, Key="k")
    os.utime(blobs.path(stored.blob), (0, 0))

    assert await door.sweep() == 0
    assert [path.name for path in files(blobs)] == [stored.blob]


async def test_of_many_that_create_one_key_one_succeeds(
    ask: Ask, bucket: str, blobs: BlobFolder
) -> None:
    async def create(data: bytes) -> bytes | None:
        try:
            await ask("put_object", Bucket=bucket, Key="k", Body=body(data), IfNoneMatch="*")
        except refusals.PreconditionFailed:
            return None
        return data

    created = await asyncio.gather(*(create(b"%d" % n) for n in range(12)))

    [winner] = [data for data in created if data is not None]
    assert await read(await ask("get_object", Bucket=bucket, Key="k")) == winner
    assert len(files(blobs)) == 1


async def test_overwriting_from_many_sides_leaves_one_whole_object(
    ask: Ask, bucket: str, blobs: BlobFolder
) -> None:
    versions = [bytes([n]) * (BLOCK_BYTES + n) for n in range(8)]

    async def look() -> bytes:
        return await read(await ask("get_object", Bucket=bucket, Key="k"))

    await ask("put_object", Bucket=bucket, Key="k", Body=body(versions[0]))
    puts = (ask("put_object", Bucket=bucket, Key="k", Body=body(data)) for data in versions)
    *_, first, second = await asyncio.gather(*puts, look(), look())

    assert {first, second} <= set(versions)
    assert await look() in versions
    assert len(files(blobs)) == 1
