"""The Query protocol (STS, IAM): a form in, XML out."""

from typing import Any
from urllib.parse import unquote_to_bytes

from modelyard.contract import refusals, text_values, xml_values
from modelyard.contract.http import HttpAnswer, HttpRequest
from modelyard.contract.model import Operation, Service
from modelyard.contract.shapes import Shape
from modelyard.contract.xml_text import escaped
from modelyard.errors import NotAuthenticated, Refusal, SerializationException

FIELDS_MAX = 10_000
DEPTH_MAX = 32  # of a name, in dots
_INDEX_DIGITS_MAX = 9

# A node holds its children by segment, and its own text under the empty segment.
Node = dict[str, Any]


def fields(http: HttpRequest) -> dict[str, str]:
    """The form's fields. A field sent twice counts once, with its first value.

    Raises: SerializationException.
    """
    raw = http.body or http.query
    pieces = raw.split(b"&", FIELDS_MAX)
    if len(pieces) > FIELDS_MAX:
        raise SerializationException("The request has too many parameters.")
    pairs = (piece.replace(b"+", b" ").partition(b"=") for piece in reversed(pieces) if piece)
    try:
        return {
            unquote_to_bytes(key).decode(): unquote_to_bytes(value).decode()
            for key, _, value in pairs
        }
    except UnicodeDecodeError:
        raise SerializationException("The request is not valid UTF-8.") from None


def action(http: HttpRequest) -> tuple[str, str]:
    """The operation's name and the API version; empty when not given."""
    found = fields(http)
    return found.get("Action", ""), found.get("Version", "")


def decode(operation: Operation, http: HttpRequest) -> dict[str, Any]:
    """The request document. Raises: SerializationException."""
    if operation.input is None:
        return {}
    request: dict[str, Any] = _read(operation.input, _tree(fields(http)))
    return request


def _tree(found: dict[str, str]) -> Node:
    root: Node = {}
    for name, text in found.items():
        segments = name.split(".", DEPTH_MAX)
        if len(segments) > DEPTH_MAX or "" in segments:
            continue  # no member is called so
        node = root
        for segment in segments:
            node = node.setdefault(segment, {})
        node[""] = text
    return root


def _read(shape: Shape, node: Node) -> Any:
    if shape.type == "structure":
        return {
            name: _read(member, node[wire])
            for name, member in shape.members.items()
            if (wire := _wire_name(name, member)) in node
        }
    if shape.type == "list":
        inside = node if shape.is_flattened else node.get("member", {})
        return [_read(shape.member, item) for item in _in_order(inside)]
    if shape.type == "map":
        inside = node if shape.is_flattened else node.get("entry", {})
        return dict(_read_entry(shape, entry) for entry in _in_order(inside))
    return _read_text(shape, node.get(""))


def _read_entry(shape: Shape, entry: Node) -> tuple[Any, Any]:
    key = entry.get(shape.key.location_name or "key")
    value = entry.get(shape.value.location_name or "value")
    if key is None or value is None:
        raise SerializationException("A map entry lacks its key or its value.")
    return _read(shape.key, key), _read(shape.value, value)


def _wire_name(name: str, shape: Shape) -> str:
    if shape.is_flattened and shape.type == "list" and shape.member.location_name:
        return shape.member.location_name
    return shape.location_name or name


def _in_order(node: Node) -> list[Node]:
    """Children numbered 1, 2, ...; gaps are closed, as AWS does."""
    numbered = [
        (int(key), child)
        for key, child in node.items()
        if key.isascii() and key.isdigit() and len(key) <= _INDEX_DIGITS_MAX
    ]
    return [child for _, child in sorted(numbered, key=lambda pair: pair[0])]


def _read_text(shape: Shape, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return text_values.read(shape, text)
    except text_values.NotConvertible:
        raise SerializationException(f"A parameter is not a valid {shape.type}.") from None


def encode(operation: Operation, result: dict[str, Any], request_id: str) -> HttpAnswer:
    out: list[str] = []
    if operation.output is not None:
        wrapper = operation.result_wrapper
        out.append(f"<{wrapper}>")
        xml_values.write_members(operation.output, result, out)
        out.append(f"</{wrapper}>")
    out.append(f"<ResponseMetadata><RequestId>{escaped(request_id)}</RequestId></ResponseMetadata>")
    return _answer(operation.service, 200, f"{operation.name}Response", out, request_id)


def encode_refusal(service: Service, refusal: Refusal, request_id: str) -> HttpAnswer:
    code, status = refusals.named(service, refusal, refusals.QUERY_NAMES)
    return _failure(service, status, code, refusal.message, request_id)


def encode_not_authenticated(
    service: Service, doubt: NotAuthenticated, request_id: str
) -> HttpAnswer:
    code, status = refusals.QUERY_DOUBTS[doubt.doubt]
    return _failure(service, status, code, doubt.message, request_id)


def _failure(service: Service, status: int, code: str, message: str, request_id: str) -> HttpAnswer:
    who = "Sender" if status < 500 else "Receiver"
    error = (
        f"<Error><Type>{who}</Type><Code>{escaped(code)}</Code>"
        f"<Message>{escaped(message)}</Message></Error>"
        f"<RequestId>{escaped(request_id)}</RequestId>"
    )
    return _answer(service, status, "ErrorResponse", [error], request_id)


def _answer(
    service: Service, status: int, root: str, inside: list[str], request_id: str
) -> HttpAnswer:
    body = f'<{root} xmlns="{service.xml_namespace}">{"".join(inside)}</{root}>'
    headers = [(b"content-type", b"text/xml"), (b"x-amzn-requestid", request_id.encode())]
    return HttpAnswer(status, headers, body.encode())
