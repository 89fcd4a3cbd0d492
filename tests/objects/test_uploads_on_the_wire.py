"""Bodies as they travel: lengths, digests, aws-chunked framing, checksums."""

import base64
import hashlib
import hmac
import zlib
from collections.abc import Iterable
from contextlib import suppress

import pytest
from awscrt import checksums as crt
from hypothesis import given
from hypothesis import strategies as st

from modelyard.access.signing.chunk_signatures import ChunkSignatures
from modelyard.errors import NotAuthenticated, Refusal
from modelyard.objects import checksums, refusals, upload
from modelyard.objects.chunked import ChunkedDecoder
from tests.objects.conftest import pieces

TRAILER = "x-amz-checksum-crc32"


def chunked(chunks: Iterable[bytes], trailer: str = "") -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed + b"0\r\n" + trailer.encode() + b"\r\n"


def decode(raw: bytes, length: int, names: Iterable[str] = (), step: int = 7) -> bytes:
    decoder = ChunkedDecoder(length, frozenset(names), None)
    out = b""
    for start in range(0, len(raw), step):
        out += b"".join(decoder.feed(raw[start : start + step]))
    decoder.finish()
    return out


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    step=st.integers(1, 60),
    trailer=st.booleans(),
)
def test_any_split_of_the_wire_gives_the_payload(
    chunks: list[bytes], step: int, trailer: bool
) -> None:
    payload = b"".join(chunks)
    raw = chunked(chunks, f"{TRAILER}:AAAAAA==\r\n" if trailer else "")

    assert decode(raw, len(payload), [TRAILER] if trailer else [], step) == payload


@given(raw=st.binary(max_size=200), step=st.integers(1, 60))
def test_no_body_breaks_the_decoder(raw: bytes, step: int) -> None:
    with suppress(Refusal):
        assert len(decode(raw, 10, [], step)) == 10


@given(cut=st.integers(0, 60))
def test_a_truncated_body_is_incomplete(cut: int) -> None:
    raw = chunked([b"hello", b"world"], f"{TRAILER}: AAAAAA==\r\n")
    if cut >= len(raw):
        return

    with pytest.raises(refusals.IncompleteBody):
        decode(raw[:cut], 10, [TRAILER])


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),  # shorter than announced
        (b"b\r\nhello world\r\n0\r\n\r\n", "IncompleteBody"),  # longer
        (b"a\r\n0123456789XX\r\n0\r\n\r\n", "IncompleteBody"),  # longer than its header
        (b"a\n0123456789\n0\n\n", "IncompleteBody"),  # bare LF
        (b"-a\r\n0123456789\r\n0\r\n\r\n", "IncompleteBody"),
        (b"0xa\r\n0123456789\r\n0\r\n\r\n", "IncompleteBody"),
        (b"f" * 5000, "IncompleteBody"),
        (b"ffffffffffffffff\r\n", "IncompleteBody"),
        (b"a\r\n0123456789\r\n0\r\n\r\nmore", "IncompleteBody"),
        (b"a\r\n0123456789\r\n0\r\nother: 1\r\n\r\n", "MalformedTrailerError"),
        (b"a\r\n0123456789\r\n0\r\n: 1\r\n\r\n", "MalformedTrailerError"),
    ],
)
def test_wrong_framing_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        decode(raw, 10)

    assert refused.value.code == code


def test_an_announced_trailer_must_come_once() -> None:
    line = f"{TRAILER}:AAAAAA==\r\n"
    for trailer in ("", line + line):
        with pytest.raises(refusals.MalformedTrailer):
            decode(chunked([b"x"], trailer), 1, [TRAILER])


SCOPE = {"timestamp": "20261121T000000Z", "scope": "20261121/us-east-1/s3/aws4_request"}
KEY, SEED = b"k" * 32, "5" * 64


def signed(chunks: list[bytes], trailer: bytes = b"") -> bytes:
    """The body as a client signs it, chunk after chunk."""

    def sign(text: str) -> str:
        return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()

    head, previous, out = f"{SCOPE['timestamp']}\n{SCOPE['scope']}\n", SEED, b""
    empty = hashlib.sha256(b"").hexdigest()
    for chunk in [*chunks, b""]:
        digest = hashlib.sha256(chunk).hexdigest()
        previous = sign(f"AWS4-HMAC-SHA256-PAYLOAD\n{head}{previous}\n{empty}\n{digest}")
        out += b"%x;chunk-signature=%b\r\n" % (len(chunk), previous.encode())
        out += chunk + b"\r\n" if chunk else b""
    if trailer:
        digest = hashlib.sha256(trailer).hexdigest()
        signature = sign(f"AWS4-HMAC-SHA256-TRAILER\n{head}{previous}\n{digest}")
        out += trailer.replace(b"\n", b"\r\n")
        out += b"x-amz-trailer-signature:" + signature.encode() + b"\r\n"
    return out + b"\r\n"


def verify(raw: bytes, *, trailer: bool) -> bytes:
    chain = ChunkSignatures(seed=SEED, key=KEY, trailer=trailer, **SCOPE)
    decoder = ChunkedDecoder(10, frozenset([TRAILER] if trailer else []), chain)
    out = b"".join(decoder.feed(raw))
    decoder.finish()
    return out


@pytest.mark.parametrize("trailer", [b"", TRAILER.encode() + b":AAAAAA==\n"])
def test_signed_chunks_are_proved_one_by_one(trailer: bytes) -> None:
    raw = signed([b"01234", b"56789"], trailer)

    assert verify(raw, trailer=bool(trailer)) == b"0123456789"
    for wrong in (
        raw.replace(b"01234", b"01235"),
        raw.replace(b"AAAAAA", b"BAAAAA") if trailer else raw.replace(b"567", b"765"),
        signed([b"56789", b"01234"], trailer).replace(b"56789", b"_").replace(b"_", b"0abcd"),
    ):
        with pytest.raises(NotAuthenticated):
            verify(wrong, trailer=bool(trailer))


def test_an_unsigned_chunk_among_signed_ones_is_refused() -> None:
    with pytest.raises(refusals.IncompleteBody):
        verify(chunked([b"0123456789"]), trailer=False)


HEX = hashlib.sha256(b"12345").hexdigest()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MissingContentLength"),
        ({"content-length": "-1"}, "InvalidArgument"),
        ({"content-length": "٣"}, "InvalidArgument"),
        ({"content-length": str((5 << 30) + 1)}, "EntityTooLarge"),
        ({"content-length": "5", "x-amz-content-sha256": "zz"}, "InvalidArgument"),
        ({"content-length": "5", "x-amz-content-sha256": upload.UNSIGNED_TRAILER},
         "MissingContentLength"),
        ({"content-length": "5", "x-amz-checksum-crc7": "AA=="}, "InvalidRequest"),
        ({"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc7",
          "x-amz-content-sha256": upload.UNSIGNED_TRAILER}, "InvalidRequest"),
        ({"x-amz-decoded-content-length": "5", "x-amz-content-sha256": upload.SIGNED_CHUNKS},
         "InvalidRequest"),
        ({"x-amz-decoded-content-length": "5", "x-amz-trailer": ",".join(map(str, range(99))),
          "x-amz-content-sha256": upload.UNSIGNED_TRAILER}, "MalformedTrailerError"),
    ],
)  # fmt: skip
def test_headers_that_announce_nonsense_are_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(Refusal) as refused:
        upload.read(headers, pieces(b"", 1), None)

    assert refused.value.code == code


async def test_a_chunked_upload_hands_on_payload_and_trailers() -> None:
    raw = chunked([b"12345"], f"{TRAILER}: y/Q5Jg==\r\n")
    headers = {
        "x-amz-content-sha256": upload.UNSIGNED_TRAILER,
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": f" {TRAILER.upper()} ",
    }
    announced = upload.read(headers, pieces(raw, 3), None)

    assert b"".join([piece async for piece in announced.payload()]) == b"12345"
    assert announced.trailers == {TRAILER: "y/Q5Jg=="}
    assert announced.sha256 is None


@pytest.mark.parametrize("name", checksums.ALGORITHMS)
@given(data=st.binary(max_size=100), cut=st.integers(0, 100))
def test_checksums_do_not_depend_on_the_pieces(name: str, data: bytes, cut: int) -> None:
    algorithm = checksums.ALGORITHMS[name]
    whole, split = algorithm.new(), algorithm.new()
    whole.update(data)
    split.update(data[:cut])
    split.update(data[cut:])

    assert whole.digest() == split.digest()
    assert algorithm.decode(checksums.encode(whole.digest())) == whole.digest()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", hashlib.sha1(b"123456789").hexdigest()),
    ],
)
def test_the_check_values_of_the_standards_hold(name: str, expected: str) -> None:
    digest = checksums.ALGORITHMS[name].new()
    digest.update(b"123456789")

    assert digest.digest().hex() == expected


@given(parts=st.lists(st.binary(max_size=30), min_size=1, max_size=5))
@pytest.mark.parametrize("name", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_full_checksum_of_parts_is_that_of_their_bytes(name: str, parts: list[bytes]) -> None:
    algorithm = checksums.ALGORITHMS[name]

    def of(data: bytes) -> bytes:
        digest = algorithm.new()
        digest.update(data)
        return digest.digest()

    whole = checksums.full_object(algorithm, [(of(part), len(part)) for part in parts])
    assert whole == checksums.encode(of(b"".join(parts)))


def test_small_bodies_are_compared_with_their_headers() -> None:
    crc = base64.b64encode(zlib.crc32(b"x").to_bytes(4, "big")).decode()
    checksums.check_body({TRAILER: crc}, b"x", required=True)
    checksums.check_body({}, b"x", required=False)
    for headers, refusal in (
        ({TRAILER: crc}, refusals.BadDigest),
        ({"content-md5": base64.b64encode(bytes(16)).decode()}, refusals.BadDigest),
        ({"content-md5": "é"}, refusals.InvalidDigest),
        ({}, refusals.InvalidRequest),
    ):
        with pytest.raises(refusal):
            checksums.check_body(headers, b"other", required=True)
    assert crt.crc32(b"x") == zlib.crc32(b"x")
