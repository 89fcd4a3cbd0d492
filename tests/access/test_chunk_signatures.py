"""Chunk-signed bodies, by the examples of the S3 reference: 66,560 bytes of "a"."""

import hashlib

import pytest

from modelyard.access.signing.chunk_signatures import ChunkSignatures
from modelyard.access.signing.sigv4 import Scope, signing_key
from modelyard.errors import Doubt, NotAuthenticated

SCOPE = Scope("20130524", "us-east-1", "s3")
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CHUNKS = [b"a" * 65536, b"a" * 1024, b""]
SIGNATURES = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
]
SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
TRAILER_SEED = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
TRAILER_SIGNATURES = [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
]
TRAILER = b"x-amz-checksum-crc32c:sOO8/Q==\n"
TRAILER_SIGNATURE = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"


def verifier(seed: str = SEED, *, trailer: bool = False) -> ChunkSignatures:
    return ChunkSignatures(
        seed=seed,
        timestamp="20130524T000000Z",
        scope=str(SCOPE),
        key=signing_key(SECRET, SCOPE),
        trailer=trailer,
    )


def prove(signatures: ChunkSignatures, signed: list[str], chunks: list[bytes] = CHUNKS) -> None:
    for signature, chunk in zip(signed, chunks, strict=True):
        signatures.chunk(signature, hashlib.sha256(chunk).hexdigest(), last=not chunk)


def test_every_chunk_and_the_end_are_proved() -> None:
    signatures = verifier()
    prove(signatures, SIGNATURES)
    signatures.finish()


def test_a_signed_trailer_is_proved() -> None:
    signatures = verifier(TRAILER_SEED, trailer=True)
    prove(signatures, TRAILER_SIGNATURES)
    signatures.trailer(TRAILER_SIGNATURE, TRAILER)
    signatures.finish()


@pytest.mark.parametrize("place", range(3))
def test_a_changed_chunk_is_refused(place: int) -> None:
    chunks = list(CHUNKS)
    chunks[place] = b"b" + chunks[place][1:]
    with pytest.raises(NotAuthenticated) as refused:
        prove(verifier(), SIGNATURES, chunks)
    assert refused.value.doubt is Doubt.BAD_SIGNATURE


def test_chunks_out_of_order_are_refused() -> None:
    with pytest.raises(NotAuthenticated):
        prove(verifier(), [SIGNATURES[1]], [CHUNKS[1]])


def test_a_body_cut_between_chunks_is_refused() -> None:
    signatures = verifier()
    prove(signatures, SIGNATURES[:2], CHUNKS[:2])
    with pytest.raises(NotAuthenticated):
        signatures.finish()


def test_nothing_may_follow_the_last_chunk() -> None:
    signatures = verifier()
    prove(signatures, SIGNATURES)
    with pytest.raises(NotAuthenticated):
        signatures.chunk(SIGNATURES[2], hashlib.sha256(b"").hexdigest(), last=True)


@pytest.mark.parametrize("trailer", [TRAILER.replace(b"O8", b"O9"), b"", TRAILER * 2])
def test_a_changed_trailer_is_refused(trailer: bytes) -> None:
    signatures = verifier(TRAILER_SEED, trailer=True)
    prove(signatures, TRAILER_SIGNATURES)
    with pytest.raises(NotAuthenticated):
        signatures.trailer(TRAILER_SIGNATURE, trailer)


def test_a_trailer_that_was_announced_must_come() -> None:
    signatures = verifier(TRAILER_SEED, trailer=True)
    prove(signatures, TRAILER_SIGNATURES)
    with pytest.raises(NotAuthenticated):
        signatures.finish()


@pytest.mark.parametrize("signature", ["", "0" * 64, "\udcff", SIGNATURES[0].upper()])
def test_a_made_up_signature_is_refused(signature: str) -> None:
    with pytest.raises(NotAuthenticated):
        prove(verifier(), [signature], CHUNKS[:1])
