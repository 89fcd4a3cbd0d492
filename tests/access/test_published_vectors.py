"""AWS's published Signature Version 4 test suite: accepted as it is, refused when altered.

`data/aws4_testsuite.json` holds its 34 cases, with their source and licence. Eight of them are not
accepted as they are, on purpose: their signature is right, and the request is refused beside it.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from modelyard.access.keys.credentials import KeyHolder
from modelyard.access.signing import authenticate, sigv4
from modelyard.call import Principal
from modelyard.contract.http import HttpRequest
from modelyard.errors import Doubt, NotAuthenticated

Change = Callable[[HttpRequest], HttpRequest]

SUITE = json.loads((Path(__file__).parent / "data/aws4_testsuite.json").read_text())
CASES: Mapping[str, dict[str, str]] = {case["name"]: case for case in SUITE["cases"]}
SIGNED_AT_US = 1_440_938_160_000_000  # 2015-08-30 12:36:00 UTC, in every case
HOLDER = KeyHolder(
    Principal("123456789012", "arn:aws:iam::123456789012:user/example", "AIDA", "AKIDEXAMPLE"),
    SUITE["secret_access_key"],
)

_ONE_PATH = "the same signature covers other spellings of the path, which lead elsewhere"
_ONE_PARAMETER = "the same signature covers the parameters in another order: which one counts?"
# Why the verifier refuses a request whose signature is right.
REFUSED = {
    "get-vanilla-query-order-key": _ONE_PARAMETER,
    "get-vanilla-query-order-value": _ONE_PARAMETER,
    "normalize-path/get-relative": _ONE_PATH,
    "normalize-path/get-relative-relative": _ONE_PATH,
    "normalize-path/get-slash": _ONE_PATH,
    "normalize-path/get-slash-dot-slash": _ONE_PATH,
    "normalize-path/get-slash-pointless-dot": _ONE_PATH,
    "normalize-path/get-slashes": _ONE_PATH,
}
ACCEPTED = sorted(CASES.keys() - REFUSED.keys())
# Its client adds the token after signing: see `readme.txt` of the suite.
TOKEN_AFTER = "post-sts-token/post-sts-header-after"
TOKEN_BEFORE = "post-sts-token/post-sts-header-before"
TOKEN = "x-amz-security-token"


def received(case: Mapping[str, str]) -> HttpRequest:
    """The case's request as a server receives it, with the case's Authorization header.

    A header sent twice is joined by commas and a folded one by spaces, as HTTP says; bytes that
    HTTP does not allow in a query string are percent-encoded, as clients send them.
    """
    head, _, body = case["req"].partition("\n\n")
    line, *rest = re.sub(r"\n +", " ", head).split("\n")
    method, target = line.removesuffix(" HTTP/1.1").split(" ", 1)
    path, _, query = target.partition("?")
    headers = {"authorization": case["authz"]}
    for text in rest:
        name, _, value = text.partition(":")
        name = name.lower()
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    token = re.search(f"^{TOKEN}:(.+)$", case["creq"], re.MULTILINE)
    if token is not None:  # one case leaves it to the signer to put it into the request
        headers[TOKEN] = token[1]
    safe = "=&%+/:-._~"
    return HttpRequest(
        method, path.encode(), quote(query, safe=safe).encode(), headers, body.encode()
    )


def _sha256(http: HttpRequest) -> str:
    return hashlib.sha256(http.body or b"").hexdigest()


def prove(http: HttpRequest) -> authenticate.Caller:
    """The whole way of a request, as the server goes it."""
    signed = authenticate.claim(http)
    return authenticate.precheck(signed, http, HOLDER, SIGNED_AT_US).finish(_sha256(http))


def prove_signature(http: HttpRequest) -> sigv4.SignedRequest:
    """The signature alone, without the rule that a request must read one way."""
    signed = sigv4.parse(http)
    assert signed is not None
    sigv4.verify(signed, http, HOLDER.secret, _sha256(http), SIGNED_AT_US)
    return signed


def doubt(ask: Callable[[HttpRequest], Any], http: HttpRequest) -> Doubt:
    with pytest.raises(NotAuthenticated) as refused:
        ask(http)
    return refused.value.doubt


def test_the_whole_suite_is_here() -> None:
    assert len(CASES) == 34
    assert len(ACCEPTED) == 34 - len(REFUSED)
    assert "Apache License 2.0" in SUITE["licence"]


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_published_request_is_accepted(name: str) -> None:
    caller = prove(received(CASES[name]))

    assert caller.principal == HOLDER.principal
    assert (caller.region, caller.service) == ("us-east-1", "service")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_published_request_that_reads_two_ways_is_refused_though_its_signature_is_right(
    name: str,
) -> None:
    http = received(CASES[name])

    prove_signature(http)

    assert doubt(prove, http) is Doubt.MALFORMED


def test_a_session_token_that_is_added_after_signing_is_refused() -> None:
    """Anybody on the way could put in another."""
    token = received(CASES[TOKEN_BEFORE]).headers[TOKEN]

    added = _header(TOKEN, token)(received(CASES[TOKEN_AFTER]))

    assert doubt(prove, added) is Doubt.MALFORMED


@pytest.mark.parametrize("name", sorted(CASES))
def test_canonical_request_and_string_to_sign_are_the_published_ones(name: str) -> None:
    case = CASES[name]
    http = received(case)
    signed = prove_signature(http)

    canonical = sigv4._canonical(signed, http, _sha256(http))

    assert canonical.decode("latin-1") == case["creq"]
    digest = hashlib.sha256(canonical).hexdigest()
    assert case["sts"].split("\n") == [
        "AWS4-HMAC-SHA256",
        signed.timestamp,
        str(signed.scope),
        digest,
    ]


def _without(http: HttpRequest, *names: str) -> HttpRequest:
    return replace(http, headers={k: v for k, v in http.headers.items() if k not in names})


def _header(name: str, value: str) -> Change:
    return lambda http: replace(http, headers={**http.headers, name: value})


def _credential(part: str, other: str) -> Change:
    def change(http: HttpRequest) -> HttpRequest:
        text = http.headers["authorization"]
        assert part in text
        return _header("authorization", text.replace(part, other))(http)

    return change


def _each_signed_header(http: HttpRequest) -> list[HttpRequest]:
    listed = re.search("SignedHeaders=([^,]+)", http.headers["authorization"])
    assert listed is not None
    return [
        _header(name, http.headers[name] + "1")(http)
        for name in listed[1].split(";")
        if name != "x-amz-date"
    ]


ALTERED: Mapping[str, Callable[[HttpRequest], list[HttpRequest]]] = {
    "method": lambda http: [
        replace(http, method=method)
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD")
        if method != http.method
    ],
    "path": lambda http: [
        replace(http, raw_path=http.raw_path + b"x"),
        replace(http, raw_path=b"/x" + http.raw_path),
    ],
    "query": lambda http: [
        replace(http, query=http.query + b"&x=y" if http.query else b"x=y"),
        *([replace(http, query=b""), replace(http, query=http.query + b"x")] if http.query else []),
    ],
    "header": lambda http: [
        *_each_signed_header(http),
        _header("x-amz-target", "SageMaker.DeleteModelPackage")(http),
        _without(http, "host"),
    ],
    "body": lambda http: [
        replace(http, body=(http.body or b"") + b"x"),
        *([replace(http, body=b"")] if http.body else []),
    ],
    "date": lambda http: [
        _header("x-amz-date", "20150830T123601Z")(http),
        _header("x-amz-date", "20150831T123600Z")(http),
        _without(http, "x-amz-date"),
    ],
    "scope": lambda http: [
        _credential("/20150830/", "/20150829/")(http),
        _credential("/us-east-1/", "/us-east-2/")(http),
        _credential("/service/", "/sagemaker/")(http),
        _credential("/aws4_request", "/aws5_request")(http),
    ],
}


@pytest.mark.parametrize("part", ALTERED)
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_published_request_is_refused_when_altered(name: str, part: str) -> None:
    http = received(CASES[name])
    prove_signature(http)

    for altered in ALTERED[part](http):
        assert altered != http
        assert doubt(prove_signature, altered) in (Doubt.BAD_SIGNATURE, Doubt.MALFORMED)
        assert doubt(prove, altered) in (Doubt.BAD_SIGNATURE, Doubt.MALFORMED)


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_published_request_is_refused_at_another_time(minutes: int) -> None:
    http = received(CASES["get-vanilla"])
    signed = authenticate.claim(http)

    with pytest.raises(NotAuthenticated) as refused:
        authenticate.precheck(signed, http, HOLDER, SIGNED_AT_US + minutes * 60_000_000)

    assert refused.value.doubt is Doubt.SKEWED
