"""Which operation of a REST service a request means: by method, raw path, query and headers.

Virtual-host addressing is turned into path style before this.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelyard.contract import bindings
from modelyard.contract.http import HttpRequest
from modelyard.contract.model import Operation, Service
from modelyard.errors import UnknownOperationException

# A hint some SDKs send; it never decides.
_IGNORED = frozenset({"x-id"})


@dataclass(frozen=True, slots=True)
class Route:
    operation: Operation
    pattern: re.Pattern[bytes]
    literals: Mapping[str, str]
    required_query: frozenset[str]
    required_headers: frozenset[str]
    greedy: bool
    known_query: frozenset[str]

    def answers(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        return (
            all(query.get(key) == value for key, value in self.literals.items() if value)
            and query.keys() >= self.literals.keys()
            and query.keys() >= self.required_query
            and headers.keys() >= self.required_headers
        )

    @property
    def weight(self) -> tuple[int, int]:
        asked = len(self.literals) + len(self.required_query) + len(self.required_headers)
        return asked, 0 if self.greedy else 1


class Router:
    """The routes of one service, or of those `operations` of it that are offered."""

    def __init__(self, service: Service, operations: Iterable[str] | None = None) -> None:
        # All routes are known, so that a request for an operation that is not offered does not
        # fall to a plainer one that is: PUT /bucket/key?retention must never store an object.
        routes = [_route(service.operations[name]) for name in sorted(service.operations)]
        self._offered = None if operations is None else frozenset(operations)
        self._plain: dict[str, list[Route]] = {}  # by method: those that no parameter decides
        self._special: dict[str, list[Route]] = {}
        self._deciding: dict[str, set[str]] = {}
        for route in sorted(routes, key=lambda route: route.weight, reverse=True):
            method, deciding = route.operation.method, route.literals.keys() | route.required_query
            kind = self._special if deciding else self._plain
            kind.setdefault(method, []).append(route)
            self._deciding.setdefault(method, set()).update(deciding)

    def match(
        self,
        method: str,
        raw_path: bytes,
        query: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[Operation, dict[str, str]] | None:
        """The operation and its path labels (decoded), or None when nothing answers.

        Headers decide between copying and storing: without them nothing is a copy.
        Raises: SerializationException: the path or query is not UTF-8.
        """
        asked = dict(reversed(bindings.parameters(query)))  # the first of a repeated key counts
        deciding = asked.keys() & self._deciding.get(method, frozenset())
        for route in (self._special if deciding else self._plain).get(method, ()):
            if not deciding <= route.known_query or not route.answers(asked, headers or {}):
                continue
            if route.pattern.fullmatch(raw_path) is None:
                continue
            operation = route.operation
            if self._offered is not None and operation.name not in self._offered:
                return None
            return operation, bindings.labels(operation, raw_path)
        return None

    def operation(self, http: HttpRequest) -> Operation:
        """The operation of a request.

        Raises: UnknownOperationException: nothing answers; SerializationException.
        """
        found = self.match(http.method, http.raw_path, http.query, http.headers)
        if found is None:
            raise UnknownOperationException(
                f"The method {http.method[:20]} is not allowed against this resource."
            )
        return found[0]


def _route(operation: Operation) -> Route:
    literals = bindings.literal_query(operation.uri)
    literals = {key: value for key, value in literals.items() if key not in _IGNORED}
    shape = operation.input
    members = {} if shape is None else shape.members
    required = () if shape is None else shape.required
    wires = {name: (m.location, m.location_name or name) for name, m in members.items()}
    query = {wire for location, wire in wires.values() if location == "querystring"}
    return Route(
        operation=operation,
        pattern=bindings.path_pattern(operation.uri),
        literals=literals,
        required_query=frozenset(wires[n][1] for n in required if wires[n][0] == "querystring"),
        required_headers=frozenset(
            wires[n][1].lower() for n in required if wires[n][0] == "header"
        ),
        greedy="+}" in operation.uri,
        known_query=frozenset(query | literals.keys()),
    )
