"""The server's own certificate authority, for the hosts that clients hard-code.

It is made at first use in DATA/ca and can vouch for AWS's names only (name constraints): a client
that trusts it trusts it with nothing else. cryptography is imported when it is needed: it costs
more than the rest of a start.
"""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from modelyard.access.keys import private_files

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")
FOLDER = "ca"
_KEY_FILE = "authority.pem"  # key and certificate, mode 0600
_COMMON_NAME = "Modelyard local authority"
_AUTHORITY_DAYS = 3650
_LEAF_DAYS = 90
_LEAVES_MAX = 256  # contexts kept; one a host and month
_ONE_DAY = timedelta(days=1)


class _Issuer(NamedTuple):
    key: "EllipticCurvePrivateKey"
    certificate: "x509.Certificate"


class Authority:
    """Certificates for hosts below DOMAINS, signed by the key in one data folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER
        self._context = lru_cache(maxsize=_LEAVES_MAX)(self._new_context)
        self._issuer = lru_cache(maxsize=1)(self._load)

    def certificate(self) -> bytes:
        """The authority's certificate as PEM, for clients to trust."""
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._issuer().certificate.public_bytes(Encoding.PEM)

    def context(self, host: str) -> ssl.SSLContext:
        """A server-side context that shows a certificate for `host`, a name below DOMAINS."""
        # A month in the key renews a leaf long before its 90 days are over.
        return self._context(host, datetime.now(UTC).strftime("%Y%m"))

    def _load(self) -> _Issuer:
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

        path = self._folder / _KEY_FILE
        try:
            pem = private_files.read(path)
        except FileNotFoundError:
            private_files.create(path, _new_authority())
            pem = private_files.read(path)
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise private_files.UnsafeFile(f"{path} holds another kind of key. Delete it.")
        return _Issuer(key, x509.load_pem_x509_certificate(pem))

    def _new_context(self, host: str, month: str) -> ssl.SSLContext:
        pem = _new_leaf(self._issuer(), host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        # OpenSSL reads keys from files only; this one is ours alone, and gone at once.
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def _new_authority() -> bytes:
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName(domain) for domain in DOMAINS],
        excluded_subtrees=[
            x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")),
            x509.IPAddress(ipaddress.ip_network("::/0")),
        ],
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(key, days=_AUTHORITY_DAYS)
        .subject_name(name)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(key, certificate)


def _new_leaf(issuer: _Issuer, host: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = ec.generate_private_key(ec.SECP256R1())
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    certificate = (
        _builder(key, days=_LEAF_DAYS)
        .subject_name(x509.Name([]))
        .issuer_name(issuer.certificate.subject)
        # Without a subject the alternative name is critical (RFC 5280, 4.2.1.6).
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value),
            critical=False,
        )
        .sign(issuer.key, hashes.SHA256())
    )
    return _pem(key, certificate)


def _builder(key: "EllipticCurvePrivateKey", days: int) -> "x509.CertificateBuilder":
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _ONE_DAY)  # clients' clocks differ
        .not_valid_after(now + days * _ONE_DAY)
    )


def _key_usage(*, signs_certificates: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: "EllipticCurvePrivateKey", certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + certificate.public_bytes(Encoding.PEM)
