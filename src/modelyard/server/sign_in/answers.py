"""What goes back to a browser, with the headers that every answer of ours carries. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelyard.contract.http import Headers, HttpAnswer

Header = tuple[bytes, bytes]
_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # `no-referrer` would make browsers send `Origin: null` with our own forms.
    (b"referrer-policy", b"same-origin"),
]
_NOT_KEPT = (b"cache-control", b"no-store")


def page(
    html: str, *, status: int = 200, more: Sequence[Header] = (), posts_to: str = ""
) -> HttpAnswer:
    """`posts_to`: where a form's answer leads besides this server."""
    policy = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none';"
        f" form-action 'self' {posts_to}".rstrip()
    )
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        _NOT_KEPT,
        *_ALWAYS,
        *more,
    ]
    return HttpAnswer(status, headers, html.encode())


def style(css: bytes) -> HttpAnswer:
    headers = [
        (b"content-type", b"text/css; charset=utf-8"),
        (b"cache-control", b"max-age=300"),
        *_ALWAYS,
    ]
    return HttpAnswer(200, headers, css)


def see_other(where: str, more: Sequence[Header] = ()) -> HttpAnswer:
    headers = [(b"location", where.encode("ascii")), _NOT_KEPT, *_ALWAYS, *more]
    return HttpAnswer(303, headers, b"")


def json(document: dict[str, Any], *, status: int = 200, more: Sequence[Header] = ()) -> HttpAnswer:
    headers = [(b"content-type", b"application/json"), _NOT_KEPT, *_ALWAYS, *more]
    return HttpAnswer(status, headers, msgspec.json.encode(document))
