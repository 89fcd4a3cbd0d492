"""Service models: what AWS promised, read from botocore's data files and from our own.

Never imports botocore. An operation's shapes are resolved when they are first asked for, and
documentation is never decoded: the whole sagemaker model costs some four megabytes.
"""

import gzip
import importlib.util
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

import msgspec

from modelyard.contract.shapes import RawReference, RawShape, Shape, ShapeTable

_OWN_FOLDER = Path(__file__).resolve().parent.parent / "service"
_TOKEN = "ClientToken"


class UnknownService(LookupError):
    """Neither botocore nor modelyard describes a service of this name: an error of ours."""


class RawMetadata(msgspec.Struct, rename="camel"):
    api_version: str
    endpoint_prefix: str
    protocol: str
    protocols: list[str] = []
    service_id: str = ""
    signing_name: str | None = None
    target_prefix: str = ""
    json_version: str = "1.0"
    xml_namespace: str = ""


class RawHttp(msgspec.Struct, gc=False, rename="camel"):
    method: str
    request_uri: str
    response_code: int = 200


class RawResult(msgspec.Struct, gc=False, rename="camel"):
    shape: str
    result_wrapper: str | None = None


class RawOperation(msgspec.Struct, gc=False, rename="camel"):
    name: str
    http: RawHttp
    input: RawReference | None = None
    output: RawResult | None = None
    errors: list[RawReference] = []


class RawModel(msgspec.Struct):
    metadata: RawMetadata
    operations: dict[str, RawOperation]
    shapes: dict[str, RawShape]


class RawPaging(msgspec.Struct, gc=False):
    input_token: str | list[str] = []
    output_token: str | list[str] = []
    result_key: str | list[str] = []
    limit_key: str | None = None
    more_results: str | None = None


class RawPaginators(msgspec.Struct):
    pagination: dict[str, RawPaging]


class Operation:
    """One operation of a service. `uri` may hold `{Label}` and `{Label+}` and a query."""

    def __init__(self, service: "Service", raw: RawOperation, paging: RawPaging | None) -> None:
        self.service = service
        self.name = raw.name
        self.method = raw.http.method
        self.uri = raw.http.request_uri
        self.status = raw.http.response_code
        self._raw = raw
        self.paging = paging

    def __repr__(self) -> str:
        return f"Operation({self.service.name}:{self.name})"

    @cached_property
    def input(self) -> Shape | None:
        raw = self._raw.input
        return None if raw is None else self.service.shapes.used(raw)

    @cached_property
    def output(self) -> Shape | None:
        raw = self._raw.output
        return None if raw is None else self.service.shapes.shape(raw.shape)

    @property
    def result_wrapper(self) -> str:
        """The element around a Query answer's members."""
        raw = self._raw.output
        return (raw.result_wrapper if raw is not None else None) or f"{self.name}Result"

    @cached_property
    def error_codes(self) -> frozenset[str]:
        """The codes this operation declares."""
        shapes = self.service.shapes
        return frozenset(shapes.shape(error.shape).error_code for error in self._raw.errors)

    @cached_property
    def idempotency_token(self) -> str | None:
        """The input member that makes a repeated request one request."""
        members = {} if self.input is None else self.input.members
        marked = (name for name, member in members.items() if member.is_idempotency_token)
        # UpdateModelPackage documents its token as one and lacks the mark (botocore 1.44).
        return next(marked, _TOKEN if _TOKEN in members else None)


class Operations(Mapping[str, Operation]):
    """Operations by name, compiled when first asked for."""

    def __init__(
        self,
        service: "Service",
        raw: Mapping[str, RawOperation],
        paging: Mapping[str, RawPaging],
    ) -> None:
        self._service = service
        self._raw = raw
        self._paging = paging
        self._compiled: dict[str, Operation] = {}

    def __getitem__(self, name: str) -> Operation:
        found = self._compiled.get(name)
        if found is None:
            found = Operation(self._service, self._raw[name], self._paging.get(name))
            self._compiled[name] = found
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


class Service:
    """One service: how it is signed, which protocol it speaks, and its operations."""

    def __init__(self, name: str, raw: RawModel, paging: Mapping[str, RawPaging]) -> None:
        metadata = raw.metadata
        self.name = name
        self.signing_name = metadata.signing_name or metadata.endpoint_prefix
        self.protocol = metadata.protocol
        self.target_prefix = metadata.target_prefix
        self.json_version = metadata.json_version
        self.api_version = metadata.api_version
        self.xml_namespace = metadata.xml_namespace
        self.service_id = metadata.service_id
        self.shapes = ShapeTable(raw.shapes)
        self.operations = Operations(self, raw.operations, paging)

    def __repr__(self) -> str:
        return f"Service({self.name})"

    @cached_property
    def errors(self) -> Mapping[str, Shape]:
        """Error shapes by the code a client reads."""
        return self.shapes.errors()


@cache
def load(name: str) -> Service:
    """The service botocore calls `name`, or our own. Loaded once a process.

    Raises: UnknownService: nobody describes it.
    """
    folder = _newest(_folder(name))
    model = msgspec.json.decode(_read(folder, "service-2.json"), type=RawModel)
    paginators = msgspec.json.decode(_read(folder, "paginators-1.json"), type=RawPaginators)
    return Service(name, model, paginators.pagination)


def _folder(name: str) -> Path:
    own = _OWN_FOLDER / name
    if own.is_dir():
        return own
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise UnknownService("botocore, whose data describes the AWS services, is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "data" / name
    if not folder.is_dir():
        raise UnknownService(name)
    return folder


def _newest(folder: Path) -> Path:
    """The newest version: folders are dates."""
    return max(entry for entry in folder.iterdir() if entry.is_dir())


def _read(folder: Path, name: str) -> bytes:
    packed = folder / f"{name}.gz"
    if packed.exists():
        return gzip.decompress(packed.read_bytes())
    plain = folder / name
    if plain.exists() or name.startswith("service"):
        return plain.read_bytes()
    return b'{"pagination": {}}'  # a service without lists
