"""Every offered operation, asked by callers who may not: which requests, which answers are right.

What is needed for an operation's request stands in `test_isolation`. An operation for which there
is no request has no test: it goes to the golden file of those, which is empty.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from modelyard import offered
from modelyard.access.policy import action_tables, actions
from modelyard.access.policy.action_resources import Asker
from modelyard.contract import model, validate
from modelyard.errors import Refusal
from tests import aws_sessions
from tests.access import test_isolation
from tests.audit.conftest import rows_of, url_of
from tests.server_process import REGION, ServerProcess

Operation = tuple[str, str]  # a service and one of its operations
OWNER = test_isolation.OWNER

# Whatever the caller may or may not: the reason is the table's.
FREE: Mapping[Operation, str] = {
    ("sts", "AssumeRoleWithWebIdentity"): (
        "the role's trust policy decides alone: the caller has no identity here yet"
    ),
    ("sts", "GetCallerIdentity"): "needs no permission, and no policy can deny it",
    ("sts", "GetSessionToken"): "needs no permission, and no policy can deny it",
}
# Who asks without credentials, and with a key that nobody has: by protocol, as AWS answers.
UNSIGNED_CODES = {
    "json": "MissingAuthenticationTokenException",
    "rest-json": "MissingAuthenticationTokenException",
    "query": "MissingAuthenticationToken",
    "rest-xml": "AccessDenied",
}
UNKNOWN_CODES = {
    "json": "UnrecognizedClientException",
    "rest-json": "UnrecognizedClientException",
    "query": "InvalidClientTokenId",
    "rest-xml": "InvalidAccessKeyId",
}
DENIED_CODES = {
    "json": "AccessDeniedException",
    "rest-json": "AccessDeniedException",
    "query": "AccessDenied",
    "rest-xml": "AccessDenied",
}
DENIALS = frozenset({*DENIED_CODES.values(), "403"})
# The answers to HEAD have no body to name a code in.
_WITHOUT_BODY = frozenset({"HeadBucket", "HeadObject"})

# What time alone changes, and what the tests themselves change from operation to operation.
_MOVING = (
    *(
        "audit_record",
        "audit_waiting",
        "audit_chain",
        "audit_resource",
        "audit_head",
        "audit_checkpoint",
        "access_version",
    ),
    *("lease", "work_item", "inline_policy"),
)
_LAST_USED = ("used_us", "used_service", "used_region")


def expected(codes: Mapping[str, str], operation: Operation) -> str:
    service, name = operation
    return "403" if name in _WITHOUT_BODY else codes[model.load(service).protocol]


def cases() -> list[Operation]:
    """The offered operations that the tests ask for; those that make something come last."""
    names = test_isolation._names("upload", "AKIA" + "Q" * 16)
    return [one for one in test_isolation._operations() if _has_request(one, names)]


def without_test() -> list[Operation]:
    """The offered operations that no test asks for."""
    asked = set(cases())
    listed = [(service, name) for service, names in offered.names().items() for name in names]
    return [one for one in listed if one not in asked]


def requests(operation: Operation, names: test_isolation.Names) -> Iterator[dict[str, Any]]:
    """Requests for what the account has, in each way that the operation may be asked.

    Not those that the service's model refuses: whoever asks is told so before all else.
    """
    service, name = operation
    for theirs, _ in test_isolation._requests(service, name, names):
        try:
            if service == "sagemaker":
                validate.check(model.load(service).operations[name], theirs)
        except Refusal:
            continue
        yield theirs


def judged_actions(operation: Operation, request: dict[str, Any], user: str) -> list[str]:
    """The actions that must be allowed for a user's request, the operation's own first."""
    asker = Asker(OWNER, REGION, f"arn:aws:iam::{OWNER}:user/{user}")
    checks = actions.checks(*operation, request, asker)
    return list(dict.fromkeys(check.action for check in checks))


def free_by_the_table() -> dict[Operation, str]:
    return {
        (service, name): entry.why
        for service in action_tables.services()
        for name, entry in action_tables.load(service).operations.items()
        if entry.free
    }


def _has_request(operation: Operation, names: test_isolation.Names) -> bool:
    try:
        return any(True for _ in requests(operation, names))
    except AssertionError:  # a required member of which nobody has said what it is
        return False


class Caller:
    """Clients of every service with one pair of keys, or with none."""

    def __init__(self, server: ServerProcess, key_id: str | None, secret: str = "") -> None:
        self._session: Any = aws_sessions.session(key_id, secret or None, None, REGION)
        signature: dict[str, Any] = {"signature_version": UNSIGNED} if key_id is None else {}
        self._config = Config(
            retries={"total_max_attempts": 1}, parameter_validation=False, **signature
        )
        self._url = server.url
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service, endpoint_url=self._url, config=self._config
            )
        return self._clients[service]

    def ask(self, operation: Operation, request: dict[str, Any]) -> str:
        """The code of the refusal; "" where it is carried out.

        Where items are refused one by one, the code that all of them have.
        """
        service, name = operation
        client = self.client(service)
        method = test_isolation.method(client, name)
        try:
            answer = method(**request)
        except ClientError as refused:
            return str(refused.response["Error"]["Code"])
        return _of_items(answer) if actions.singly(service, name) else ""


def _of_items(answer: dict[str, Any]) -> str:
    errors = answer.get("Errors") or list(
        answer.get("BatchDescribeModelPackageErrorMap", {}).values()
    )
    codes = {str(error.get("Code") or error.get("ErrorCode")) for error in errors}
    assert len(codes) <= 1, codes
    return codes.pop() if codes else ""


def state(server: ServerProcess) -> dict[str, list[str]]:
    """Every row of the server's (SQLite) database but those that move by themselves."""
    found: dict[str, list[str]] = {}
    with rows_of(url_of(server)) as rows:
        tables = rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        for (table,) in tables:
            if table in _MOVING:
                continue
            columns = [row[1] for row in rows(f"PRAGMA table_info({table})")]
            kept = ", ".join(name for name in columns if name not in _LAST_USED)
            found[table] = sorted(repr(row) for row in rows(f"SELECT {kept} FROM {table}"))
    return found
