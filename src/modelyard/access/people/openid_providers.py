"""OpenID Connect providers: CreateOpenIDConnectProvider to DeleteOpenIDConnectProvider, and tags.

A provider is known by its issuer's address without the scheme. Speaks to no provider: thumbprints
are kept as given, and trust comes from the certificate authorities of this machine.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from modelyard import call as calls
from modelyard.access.identities.refusals import (
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
)
from modelyard.call import Call, Document
from modelyard.errors import Conflict
from modelyard.storage import access_changes, records
from modelyard.storage.transaction import Transaction

PROVIDERS_MAX = 100  # AWS's quota OpenIDConnectProvidersPerAccount
CLIENT_IDS_MAX = 100  # AWS's quota ClientIdsPerOpenIdConnectProvider
THUMBPRINTS_MAX = 5
TAGS_MAX = 50
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):oidc-provider/([\x21-\x7e]{1,255})")
PROVIDER = records.Table(
    "openid_provider", ("account", "name"), ("account", "name", "url", "created_us", "document")
)


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """A stored provider. `url` is the issuer as its tokens name it."""

    account: str
    name: str
    url: str
    created_us: int
    document: dict[str, Any]

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:oidc-provider/{self.name}"

    @property
    def client_ids(self) -> list[str]:
        return list(self.document["ClientIDList"])

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.document["Tags"])


def may_be_spoken_to(url: str) -> bool:
    """Whether an address is https, or http on this machine itself: nothing else is ever called."""
    try:
        parts = urlsplit(url)
        port_is_number = parts.port is None or parts.port > 0
    except ValueError:
        return False
    if not port_is_number or not parts.hostname or parts.username or parts.password:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def name_of(url: str) -> str:
    return url.partition("://")[2]


async def find(tx: Transaction, account: str, issuer: str) -> OpenIdProvider | None:
    """The provider whose tokens name `issuer`."""
    record = await records.find(tx, PROVIDER, account, name_of(issuer))
    if record is None or record["url"] != issuer:
        return None
    return OpenIdProvider(**record)


@calls.write
async def create_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Raises: InvalidInput, EntityAlreadyExists, LimitExceeded."""
    url = _checked_url(request["Url"])
    client_ids = list(dict.fromkeys(request.get("ClientIDList", [])))
    thumbprints = _checked_thumbprints(request.get("ThumbprintList", []))
    if len(client_ids) > CLIENT_IDS_MAX:
        raise _too_many("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX)
    tags = _tagged({}, request.get("Tags", []))
    await access_changes.bump(call.tx)
    sql = "SELECT COUNT(*) FROM openid_provider WHERE account = ?"
    row = await call.tx.one(sql, call.account)
    if row is not None and row[0] >= PROVIDERS_MAX:
        raise _too_many("OpenIDConnectProvidersPerAccount", PROVIDERS_MAX)
    record = {
        "account": call.account,
        "name": name_of(url),
        "url": url,
        "created_us": call.now_us,
        "document": {"ClientIDList": client_ids, "ThumbprintList": thumbprints, "Tags": tags},
    }
    try:
        await records.insert(call.tx, PROVIDER, record)
    except Conflict:
        raise EntityAlreadyExists(f"Provider with url {url} already exists.") from None
    answer: Document = {"OpenIDConnectProviderArn": OpenIdProvider(**record).arn}  # type: ignore[arg-type]
    return answer | ({"Tags": _tag_list(tags)} if tags else {})


@calls.read
async def get_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    provider = await _get(call, request)
    return {
        "Url": provider.name,
        "ClientIDList": provider.client_ids,
        "ThumbprintList": provider.document["ThumbprintList"],
        "CreateDate": provider.created_us,
        "Tags": _tag_list(provider.tags),
    }


@calls.read
async def list_open_id_connect_providers(call: Call, request: Document) -> Document:
    """All of them: the operation has no pages, and an account has PROVIDERS_MAX at most."""
    page = await records.page(
        call.tx,
        PROVIDER,
        equal={"account": call.account},
        order=("name",),
        limit=PROVIDERS_MAX,
    )
    arns = [OpenIdProvider(**record).arn for record in page.records]
    return {"OpenIDConnectProviderList": [{"Arn": arn} for arn in arns]}


@calls.write
async def update_open_id_connect_provider_thumbprint(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    thumbprints = _checked_thumbprints(request["ThumbprintList"])
    await access_changes.bump(call.tx)
    provider = await _get(call, request)
    return await _change(call, provider, {"ThumbprintList": thumbprints})


@calls.write
async def add_client_id_to_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput, LimitExceeded. Adding twice is no error."""
    await access_changes.bump(call.tx)
    provider = await _get(call, request)
    ids = list(dict.fromkeys([*provider.client_ids, request["ClientID"]]))
    if len(ids) > CLIENT_IDS_MAX:
        raise _too_many("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_MAX)
    return await _change(call, provider, {"ClientIDList": ids})


@calls.write
async def remove_client_id_from_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput. Removing what is not there is no error."""
    await access_changes.bump(call.tx)
    provider = await _get(call, request)
    ids = [one for one in provider.client_ids if one != request["ClientID"]]
    return await _change(call, provider, {"ClientIDList": ids})


@calls.write
async def delete_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput. Whoever signed in through it is signed out."""
    await access_changes.bump(call.tx)
    provider = await _get(call, request)
    await records.delete(call.tx, PROVIDER, call.account, provider.name)
    call.changed(provider.arn, before=provider.document)
    await call.tx.run(
        "DELETE FROM sign_in_session WHERE account = ? AND user_id = '' AND provider = ?",
        call.account,
        provider.name,
    )
    return {}


@calls.write
async def tag_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput, LimitExceeded."""
    await access_changes.bump(call.tx)
    provider = await _get(call, request)
    return await _change(call, provider, {"Tags": _tagged(provider.tags, request["Tags"])})


@calls.write
async def untag_open_id_connect_provider(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    await access_changes.bump(call.tx)
    provider = await _get(call, request)
    left = {key: value for key, value in provider.tags.items() if key not in request["TagKeys"]}
    return await _change(call, provider, {"Tags": left})


@calls.read
async def list_open_id_connect_provider_tags(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput. TAGS_MAX fit a page; none is ever cut."""
    provider = await _get(call, request)
    return {"Tags": _tag_list(provider.tags), "IsTruncated": False}


async def of_arn(tx: Transaction, account: str, arn: str) -> OpenIdProvider | None:
    """The provider of that ARN, if it is the account's."""
    match = _ARN.fullmatch(arn)
    if match is None or match[1] != account:
        return None
    record = await records.find(tx, PROVIDER, account, match[2])
    return None if record is None else OpenIdProvider(**record)


async def _get(call: Call, request: Document) -> OpenIdProvider:
    arn = request["OpenIDConnectProviderArn"]
    match = _ARN.fullmatch(arn)
    if match is None:
        raise InvalidInput(f"Invalid ARN: {arn}")
    record = None
    if match[1] == call.account:
        record = await records.find(call.tx, PROVIDER, call.account, match[2])
    if record is None:
        raise NoSuchEntity(f"OpenIDConnect Provider not found for arn {arn}")
    return OpenIdProvider(**record)


async def _change(call: Call, provider: OpenIdProvider, changed: dict[str, Any]) -> Document:
    document = provider.document | changed
    call.changed(provider.arn, before=provider.document, after=document)
    key = (call.account, provider.name)
    await records.update(call.tx, PROVIDER, key, {"document": document})
    return {}


def _checked_url(url: str) -> str:
    parts = urlsplit(url) if may_be_spoken_to(url) else None
    if parts is None or parts.query or parts.fragment or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise InvalidInput(
            f"Invalid Open ID Connect Provider URL {url}: it begins with https:// (or http:// on"
            " this machine itself) and has no user, query or fragment."
        )
    return url


def _checked_thumbprints(thumbprints: list[str]) -> list[str]:
    if len(thumbprints) > THUMBPRINTS_MAX:
        raise InvalidInput(
            f"Thumbprint list must contain fewer than {THUMBPRINTS_MAX + 1} entries."
        )
    for one in thumbprints:
        if not re.fullmatch(r"[0-9a-fA-F]{40}", one):
            raise InvalidInput(f"Thumbprint {one} is not 40 hexadecimal digits.")
    return thumbprints


def _tagged(tags: dict[str, str], given: list[dict[str, str]]) -> dict[str, str]:
    keys = [tag["Key"].lower() for tag in given]
    if len(set(keys)) != len(keys):
        raise InvalidInput(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    kept = {key: value for key, value in tags.items() if key.lower() not in keys}
    after = kept | {tag["Key"]: tag["Value"] for tag in given}
    if len(after) > TAGS_MAX:
        raise LimitExceeded(f"The number of tags has reached the maximum limit of {TAGS_MAX}.")
    return after


def _tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _too_many(quota: str, limit: int) -> LimitExceeded:
    return LimitExceeded(f"Cannot exceed quota for {quota}: {limit}")
