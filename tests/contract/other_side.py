"""botocore's own model, serialiser and parser of a service: the other side of the wire."""

import datetime as dt
import io
from typing import Any
from urllib.parse import urlsplit

from botocore import awsrequest, loaders, parsers, serialize
from botocore.model import OperationModel, ServiceModel

from modelyard.contract import json_rpc, query, rest_json, rest_xml
from modelyard.contract.http import HttpAnswer, HttpRequest

PROTOCOLS: dict[str, Any] = {
    "json": json_rpc,
    "rest-json": rest_json,
    "query": query,
    "rest-xml": rest_xml,
}


class OtherSide:
    """What botocore sends for an operation, and what it reads from an answer."""

    def __init__(self, service: str) -> None:
        loader = loaders.Loader(include_default_search_paths=False)
        loader.search_paths.append(loader.BUILTIN_DATA_PATH)
        self.model = ServiceModel(loader.load_service_model(service, "service-2"), service)
        protocol = self.model.metadata["protocol"]
        self.protocol = PROTOCOLS[protocol]
        self._serializer = serialize.create_serializer(protocol, include_validation=False)
        self._parser = parsers.create_parser(protocol)

    def operation(self, name: str) -> OperationModel:
        return self.model.operation_model(name)

    def request(self, name: str, params: dict[str, Any]) -> HttpRequest:
        built = self._serializer.serialize_to_request(params, self.operation(name))
        awsrequest.prepare_request_dict(built, "http://127.0.0.1:9000")
        sent = awsrequest.create_request_object(built).prepare()
        parts = urlsplit(sent.url)
        body = sent.body or b""
        headers = {
            k.lower(): v if isinstance(v, str) else v.decode() for k, v in sent.headers.items()
        }
        return HttpRequest(
            method=sent.method,
            raw_path=parts.path.encode() or b"/",
            query=parts.query.encode(),
            headers=headers,
            body=body.encode() if isinstance(body, str) else bytes(body),
        )

    def result(self, name: str, answer: HttpAnswer) -> dict[str, Any]:
        headers = awsrequest.HeadersDict({k.decode(): v.decode() for k, v in answer.headers})
        operation = self.operation(name)
        streams = operation.has_streaming_output and answer.status < 300
        body = io.BytesIO(answer.body) if streams else answer.body
        whole = {"status_code": answer.status, "headers": headers, "body": body}
        parsed: dict[str, Any] = self._parser.parse(whole, operation.output_shape)
        return {key: item.read() if item is body else item for key, item in parsed.items()}


def inside(value: Any) -> Any:
    """A botocore value as operations see it."""
    if isinstance(value, dt.datetime):
        return int(value.timestamp()) * 1_000_000
    if isinstance(value, dict):
        return {key: inside(item) for key, item in value.items()}
    if isinstance(value, list):
        return [inside(item) for item in value]
    return value


def without_empty(value: Any) -> Any:
    """Forms and XML cannot tell an empty structure from an absent one."""
    if isinstance(value, dict):
        kept = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in ({}, [])}
    if isinstance(value, list):
        items = [without_empty(item) for item in value]
        return [item for item in items if item != {}]
    return value
