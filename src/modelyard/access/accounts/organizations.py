"""AWS Organizations: accounts are made, listed and closed, by the management account alone.

An account is there when CreateAccount answers. In it is one role, which trusts the management
account and may do everything: that is how its administrator gets in.
"""

import json
import re
import secrets
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import msgspec

from modelyard import call as calls
from modelyard.access.accounts import accounts
from modelyard.access.accounts.accounts import Account
from modelyard.access.accounts.refusals import (
    AccountAlreadyClosedException,
    AccountNotFoundException,
    ConstraintViolationException,
    CreateAccountStatusNotFoundException,
    InvalidInputException,
)
from modelyard.access.identities import attachments, roles
from modelyard.call import Call, Document, Principal
from modelyard.contract.page_tokens import Question
from modelyard.errors import AccessDeniedException, ValidationException
from modelyard.storage import access_changes, records

ACCOUNTS_MAX = 10_000  # far above AWS's default quota of 10
PAGE_DEFAULT = 20  # MaxResults, max
ROLE_DEFAULT = "OrganizationAccountAccessRole"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
TAGS_MAX = 50

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"

_STATUS = records.Table(
    "create_account_status", ("id",), ("id", "requested_us", "state", "document")
)
_EMAIL = re.compile(
    r"[^\s\"'()<>\[\]:;,\\|%&@.][^\s\"'()<>\[\]:;,\\|%&@]*@[a-z0-9-]+(\.[a-z0-9-]+)+"
)
_REQUEST_ID = "car-"

_Method = Callable[[Any, Call, Document], Coroutine[Any, Any, Document]]


def _of_management(method: _Method) -> _Method:
    """Let only the management account through."""

    @wraps(method)
    async def checked(self: "Organizations", call: Call, request: Document) -> Document:
        if call.account != self.management:
            raise AccessDeniedException("You don't have permissions to access this resource.")
        return await method(self, call, request)

    return checked


class Organizations:
    """The operations of Organizations; `management` is the account that the settings name."""

    def __init__(self, management: str) -> None:
        self.management = management
        self._organization = accounts.organization_id(management)

    @calls.read
    @_of_management
    async def describe_organization(self, call: Call, request: Document) -> Document:
        arn = f"arn:aws:organizations::{self.management}:organization/{self._organization}"
        return {
            "Organization": {
                "Id": self._organization,
                "Arn": arn,
                "FeatureSet": "ALL",
                "MasterAccountArn": self._account_arn(self.management),
                "MasterAccountId": self.management,
                "AvailablePolicyTypes": [],
            }
        }

    @calls.write
    @_of_management
    async def create_account(self, call: Call, request: Document) -> Document:
        """Raises: InvalidInputException, ConstraintViolationException. An address that is taken
        is told by the status, as AWS does.
        """
        email = _checked_email(request["Email"])
        _check_tags(request.get("Tags", []))
        # From here on, others wait: two do not get the same address.
        await access_changes.bump(call.tx)
        status: Document = {
            "Id": _REQUEST_ID + secrets.token_hex(16),
            "AccountName": request["AccountName"],
            "RequestedTimestamp": call.now_us,
            "CompletedTimestamp": call.now_us,
        }
        if await call.tx.one("SELECT 1 FROM account WHERE email = ?", email):
            status |= {"State": FAILED, "FailureReason": "EMAIL_ALREADY_EXISTS"}
        else:
            account = await self._new(call, request, email)
            status |= {"State": SUCCEEDED, "AccountId": account}
        record = {
            "id": status["Id"],
            "requested_us": call.now_us,
            "state": status["State"],
            "document": status,
        }
        await records.insert(call.tx, _STATUS, record)
        return {"CreateAccountStatus": status}

    async def _new(self, call: Call, request: Document, email: str) -> str:
        """Write the account and its role; answer its id."""
        row = await call.tx.one("SELECT COUNT(*) FROM account")
        if row is not None and row[0] >= ACCOUNTS_MAX:
            raise ConstraintViolationException(
                f"This server has {ACCOUNTS_MAX} accounts, which is as many as it takes.",
                Reason="ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            )
        account = await accounts.unused_id(call.tx)
        kept = {"Name": request["AccountName"], "Email": request["Email"]}
        kept |= {"Tags": request["Tags"]} if request.get("Tags") else {}
        record = {"id": account, "joined_us": call.now_us, "closed_us": 0, "email": email}
        await records.insert(call.tx, accounts.ACCOUNT, record | {"document": kept})
        call.changed(self._account_arn(account), after={"Name": request["AccountName"]})
        inside = _as_root_of(call, account)
        role = request.get("RoleName", ROLE_DEFAULT)
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{self.management}:root"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        made = {"RoleName": role, "AssumeRolePolicyDocument": json.dumps(trust)}
        await roles.create_role(inside, made)
        attached = {"RoleName": role, "PolicyArn": ADMINISTRATOR}
        await attachments.attach_role_policy(inside, attached)
        return account

    @calls.read
    @_of_management
    async def describe_create_account_status(self, call: Call, request: Document) -> Document:
        found = await records.find(call.tx, _STATUS, request["CreateAccountRequestId"])
        if found is None:
            raise CreateAccountStatusNotFoundException(
                "We can't find a create account request with the CreateAccountRequestId that you"
                " specified."
            )
        return {"CreateAccountStatus": found["document"]}

    @calls.scan
    @_of_management
    async def list_create_account_status(self, call: Call, request: Document) -> Document:
        """Oldest first."""
        wanted = set(request.get("States") or (SUCCEEDED, FAILED)) & {SUCCEEDED, FAILED}
        question, after = _position(call, request)
        filters = [records.Filter("state", "=", one) for one in wanted] if len(wanted) == 1 else []
        if not wanted:  # none is ever in progress
            return {"CreateAccountStatuses": []}
        page = await records.page(
            call.tx,
            _STATUS,
            equal={},
            order=("requested_us", "id"),
            limit=request.get("MaxResults", PAGE_DEFAULT),
            filters=filters,
            after=after,
        )
        found = [record["document"] for record in page.records]
        return _listed(call, question, "CreateAccountStatuses", found, page.last)

    @calls.read
    @_of_management
    async def list_accounts(self, call: Call, request: Document) -> Document:
        """Oldest first; closed ones too."""
        question, after = _position(call, request)
        page = await records.page(
            call.tx,
            accounts.ACCOUNT,
            equal={},
            order=("joined_us", "id"),
            limit=request.get("MaxResults", PAGE_DEFAULT),
            after=after,
        )
        found = [self._shown(Account(**record)) for record in page.records]
        return _listed(call, question, "Accounts", found, page.last)

    @calls.read
    @_of_management
    async def describe_account(self, call: Call, request: Document) -> Document:
        found = await accounts.find(call.tx, request["AccountId"])
        if found is None:
            raise _no_such_account()
        return {"Account": self._shown(found)}

    @calls.write
    @_of_management
    async def close_account(self, call: Call, request: Document) -> Document:
        """Its credentials stop with the commit; what it has stays, and nobody can reach it."""
        account = request["AccountId"]
        if account == self.management:
            raise ConstraintViolationException(
                "You can't close the management account of an organization.",
                Reason="CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            )
        await access_changes.bump(call.tx)
        closed = await records.update(
            call.tx, accounts.ACCOUNT, (account,), {"closed_us": call.now_us}, {"closed_us": 0}
        )
        if not closed and await accounts.find(call.tx, account) is None:
            raise _no_such_account()
        if not closed:
            raise AccountAlreadyClosedException("The account is already closed.")
        call.changed(self._account_arn(account), {"State": "ACTIVE"}, {"State": "CLOSED"})
        return {}

    def _shown(self, account: Account) -> Document:
        is_management = account.id == self.management
        return {
            "Id": account.id,
            "Arn": self._account_arn(account.id),
            "Name": account.document["Name"],
            **{m: account.document[m] for m in ("Email",) if m in account.document},
            "Status": "SUSPENDED" if account.closed_us else "ACTIVE",
            "State": "CLOSED" if account.closed_us else "ACTIVE",
            "JoinedMethod": "INVITED" if is_management else "CREATED",
            "JoinedTimestamp": account.joined_us,
        }

    def _account_arn(self, account: str) -> str:
        return f"arn:aws:organizations::{self.management}:account/{self._organization}/{account}"


def _as_root_of(call: Call, account: str) -> Call:
    """The same call as if the new account's own root made it."""
    root = Principal(account, f"arn:aws:iam::{account}:root", account, "")
    return msgspec.structs.replace(call, principal=root, shared={}, may=calls.nothing)


def _checked_email(email: str) -> str:
    """The address as it is compared: in lower case.

    Raises: InvalidInputException.
    """
    folded = email.lower()
    if not email.isascii() or not _EMAIL.fullmatch(folded):
        raise InvalidInputException(
            "You provided an invalid email address.", Reason="INVALID_EMAIL_ADDRESS_TARGET"
        )
    return folded


def _check_tags(tags: list[dict[str, str]]) -> None:
    keys = [tag["Key"] for tag in tags]
    if len(set(keys)) != len(keys):
        raise InvalidInputException("A tag key is given twice.", Reason="DUPLICATE_TAG_KEY")
    if any(key.lower().startswith("aws:") for key in keys):
        raise InvalidInputException(
            "Tag keys that begin with aws: are reserved.", Reason="INVALID_SYSTEM_TAGS_PARAMETER"
        )
    if len(keys) > TAGS_MAX:
        raise ConstraintViolationException(
            f"An account may have {TAGS_MAX} tags.", Reason="MAX_TAG_LIMIT_EXCEEDED"
        )


def _position(call: Call, request: Document) -> tuple[Question, list[Any] | None]:
    question = Question(call.account, "", call.operation, request)
    token = request.get("NextToken")
    try:
        return question, call.page_tokens.open(question, token) if token else None
    except ValidationException:
        raise InvalidInputException(
            "You provided an invalid NextToken.", Reason="INVALID_NEXT_TOKEN"
        ) from None


def _listed(
    call: Call, question: Question, member: str, items: list[Document], last: list[Any] | None
) -> Document:
    more = {} if last is None else {"NextToken": call.page_tokens.seal(question, last)}
    return {member: items, **more}


def _no_such_account() -> AccountNotFoundException:
    return AccountNotFoundException(
        "You specified an account that doesn't exist in this organization."
    )
