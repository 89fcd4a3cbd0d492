"""Who is calling: from a signed request to a principal, in steps around the body.

`claim` and `precheck` refuse all that can be refused before a byte of the body is read, so that a
stranger cannot make the server read one; between them somebody looks up whose key it is.
`Pending.finish` proves the signature. Knows no operation.
"""

from dataclasses import dataclass, field

from modelyard.access.keys.credentials import KeyHolder
from modelyard.access.signing import sigv4
from modelyard.access.signing.chunk_signatures import ChunkSignatures
from modelyard.call import Principal
from modelyard.contract.http import HttpRequest
from modelyard.errors import Doubt, NotAuthenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A proved caller. `service` is the signing name of the scope ("s3", "sagemaker", ...).

    For S3 the body may still be unread: whoever streams it compares `expected_sha256`, or proves
    each chunk with `chunks`. `payload` is the word that was signed. `host_signed` is False for
    Signature Version 2: the bucket is then to be taken from the path, never from the host.
    """

    principal: Principal
    region: str
    service: str
    payload: str
    expected_sha256: str | None
    chunks: ChunkSignatures | None
    host_signed: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """A request by a known key, in its time and scope; its signature is not proved yet."""

    signed: sigv4.SignedRequest
    _http: HttpRequest = field(repr=False)
    _holder: KeyHolder = field(repr=False)
    _now_us: int

    @property
    def service(self) -> str:
        """The service the request claims to be signed for."""
        return self.signed.scope.service

    @property
    def needs_body(self) -> bool:
        """Whether the signature covers the digest of a body that is still to be read."""
        return self.signed.payload == "" or self.service != "s3"

    def finish(self, body_sha256: str | None, default_region: str = "us-east-1") -> Caller:
        """Prove the signature. `body_sha256` is hexadecimal, or None if `needs_body` is False.

        `default_region` is where a Version 2 request goes, which names none.
        Raises: NotAuthenticated.
        """
        signed = self.signed
        if body_sha256 is None and self.needs_body:
            raise ValueError("the digest of the body is needed to verify this request")
        sigv4.verify(signed, self._http, self._holder.secret, body_sha256, self._now_us)
        return Caller(
            principal=self._holder.principal,
            region=signed.scope.region or default_region,
            service=signed.scope.service,
            payload=signed.payload,
            expected_sha256=signed.expected_sha256,
            chunks=sigv4.chunk_signatures(signed, self._holder.secret),
            host_signed=signed.form is not sigv4.Form.QUERY_V2,
        )


def claim(http: HttpRequest) -> sigv4.SignedRequest:
    """Which key the request says signed it, before anything is proved.

    Raises: NotAuthenticated: no credentials, unreadable ones, or a request that reads two ways.
    """
    signed = sigv4.parse(http)
    if signed is None:
        raise NotAuthenticated(Doubt.MISSING, "Missing Authentication Token")
    if not sigv4.reads_one_way(http, signed.scope.service):
        raise NotAuthenticated(
            Doubt.MALFORMED,
            "A path that is not in its normal form, or a parameter given twice, is refused: "
            "its signature would cover more than one request.",
        )
    return signed


def precheck(
    signed: sigv4.SignedRequest, http: HttpRequest, holder: KeyHolder, now_us: int
) -> Pending:
    """All that can be known of a known key's request without its body.

    Raises: NotAuthenticated: a wrong time or scope.
    """
    sigv4.check_time(signed, now_us)
    return Pending(signed, http, holder, now_us)
