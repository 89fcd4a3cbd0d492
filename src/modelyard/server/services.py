"""The services on this URL: which one a request means, and how each is spoken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from modelyard import errors
from modelyard.access.signing.authenticate import Caller
from modelyard.contract import json_rpc, model, query, rest_json, rest_xml
from modelyard.contract.http import HttpAnswer, HttpRequest
from modelyard.contract.model import Operation
from modelyard.contract.rest import Router
from modelyard.objects.refusals import NotImplementedHere


class Codec(Protocol):
    """A wire protocol: the modules json_rpc, rest_json, query and rest_xml."""

    def decode(self, operation: Operation, http: HttpRequest) -> dict[str, Any]: ...

    def encode(
        self, operation: Operation, result: dict[str, Any], request_id: str
    ) -> HttpAnswer: ...

    def encode_refusal(
        self, service: model.Service, refusal: errors.Refusal, request_id: str
    ) -> HttpAnswer: ...

    def encode_not_authenticated(
        self, service: model.Service, doubt: errors.NotAuthenticated, request_id: str
    ) -> HttpAnswer: ...


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the URL. `name_operation` reads the operation off a request."""

    name: str
    model: model.Service
    codec: Codec
    name_operation: Callable[[HttpRequest], Operation]
    carries_payloads: bool = False  # InvokeEndpoint's bodies are larger than documents
    streams: bool = False  # bodies are not read before the operation asks for them

    def read(self, caller: Caller, http: HttpRequest) -> "Read":
        """What a request whose body has arrived asks for."""
        operation = self.name_operation(http)
        return Read(caller, operation, self.codec.decode(operation, http))


@dataclass(frozen=True, slots=True)
class Read:
    """A request that was read: who asks, for which operation, with what."""

    caller: Caller
    operation: Operation
    request: dict[str, Any]


_METRICS_PATHS = frozenset({b"/BatchPutMetrics", b"/BatchGetMetrics"})


class Services:
    """Every service by name; the scope a client signs for and the request's form choose one."""

    def __init__(self) -> None:
        self.all: Mapping[str, Service] = {
            "sagemaker": _rpc("sagemaker"),
            "modelyard": _rpc("modelyard"),
            "sagemaker-runtime": _rest(
                "sagemaker-runtime",
                rest_json,
                errors.UnknownOperationException,
                carries_payloads=True,
            ),
            "sagemaker-metrics": _rest(
                "sagemaker-metrics", rest_json, errors.UnknownOperationException
            ),
            "logs": _rpc("logs"),
            "organizations": _rpc("organizations"),
            "cloudtrail": _rpc("cloudtrail"),
            "sts": _query("sts"),
            "iam": _query("iam"),
            "s3": _rest("s3", rest_xml, NotImplementedHere, streams=True),
        }

    def named(self, signed_for: str, http: HttpRequest) -> Service:
        """The service that a signature's scope names.

        sagemaker-runtime and sagemaker-metrics sign as sagemaker; there the path decides.
        Raises: UnknownOperationException: nothing of that name is here.
        """
        if signed_for == "sagemaker" and "x-amz-target" not in http.headers:
            return self._by_path(http)
        service = self.all.get(signed_for)
        if service is None:
            raise errors.UnknownOperationException(
                f"The service {signed_for[:60]} is not offered by Modelyard."
                f" Offered are {', '.join(sorted(self.all))}."
            )
        return service

    def guess(self, http: HttpRequest) -> Service:
        """The service whose words a refusal should use before a signature tells."""
        if "x-amz-target" in http.headers:
            prefix = http.headers["x-amz-target"].partition(".")[0]
            named = {s.model.target_prefix: s for s in self.all.values() if s.model.target_prefix}
            return named.get(prefix, self.all["sagemaker"])
        if http.raw_path.startswith(b"/endpoints/") or http.raw_path in _METRICS_PATHS:
            return self._by_path(http)
        if "x-www-form-urlencoded" in http.headers.get("content-type", ""):
            return self.all["sts"]
        if "amz-json" in http.headers.get("content-type", ""):
            return self.all["sagemaker"]
        return self.all["s3"]

    def _by_path(self, http: HttpRequest) -> Service:
        metrics = http.raw_path in _METRICS_PATHS
        return self.all["sagemaker-metrics" if metrics else "sagemaker-runtime"]


def _rpc(name: str) -> Service:
    service = model.load(name)

    def name_operation(http: HttpRequest) -> Operation:
        # CloudTrail's prefix has dots of its own.
        prefix, _, operation = http.headers.get("x-amz-target", "").rpartition(".")
        if prefix != service.target_prefix or operation not in service.operations:
            raise errors.UnknownOperationException(
                f"X-Amz-Target names no operation of {name}: {prefix[:60]}.{operation[:100]}"
            )
        return service.operations[operation]

    return Service(name, service, json_rpc, name_operation)


def _query(name: str) -> Service:
    service = model.load(name)

    def name_operation(http: HttpRequest) -> Operation:
        operation, _ = query.action(http)
        if operation not in service.operations:
            raise errors.UnknownOperationException(
                f"Action names no operation of {name}: {operation[:100]}"
            )
        return service.operations[operation]

    return Service(name, service, query, name_operation)


def _rest(
    name: str,
    codec: Codec,
    not_here: Callable[[str], errors.Refusal],
    *,
    carries_payloads: bool = False,
    streams: bool = False,
) -> Service:
    service = model.load(name)
    router = Router(service)

    def name_operation(http: HttpRequest) -> Operation:
        found = router.match(http.method, http.raw_path, http.query, http.headers)
        if found is None:
            raise not_here(f"{http.method} on this path is no operation of {name}.")
        return found[0]

    return Service(name, service, codec, name_operation, carries_payloads, streams)


def with_body(http: HttpRequest, body: bytes | None) -> HttpRequest:
    return HttpRequest(http.method, http.raw_path, http.query, http.headers, body)
