"""Access keys of users: CreateAccessKey to GetAccessKeyLastUsed, and who a key belongs to.

A secret is answered once, when its key is made; it is kept sealed.
"""

import secrets
import string
from dataclasses import dataclass, field

from modelyard import call as calls
from modelyard.access.identities import caller, identity, unique_ids
from modelyard.access.identities.identity import USER, Identity
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.refusals import InvalidInput, LimitExceeded, NoSuchEntity
from modelyard.access.keys.key_cipher import KeyCipher
from modelyard.call import Call, Document
from modelyard.storage import access_changes, records
from modelyard.storage.transaction import Transaction

KEYS_PER_USER_MAX = 2  # AWS: AccessKeysPerUser
ID_CHARS = 16  # behind AKIA
SECRET_CHARS = 40
ACTIVE = "Active"
_STATUSES = (ACTIVE, "Inactive")  # the model's Expired is what IAM sets, never a client
# Letters and digits only, so that it survives shells and INI files without quotes.
_SECRET_CHARACTERS = string.ascii_letters + string.digits
_NONE = "N/A"  # AWS's word for what a key that was not used yet was used for

ACCESS_KEY = records.Table(
    "access_key",
    ("id",),
    (
        "id",
        "account",
        "user_id",
        "status",
        "sealed",
        "created_us",
        "used_us",
        "used_service",
        "used_region",
    ),
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An access key and whose it is; `sealed` is for KeyCipher.open."""

    id: str
    account: str
    user_name: str
    user_id: str
    user_arn: str
    status: str
    sealed: str = field(repr=False)

    @property
    def is_active(self) -> bool:
        return self.status == ACTIVE


async def find(tx: Transaction, access_key_id: str) -> StoredKey | None:
    """The key of that id in any account, active or not."""
    row = await tx.one(
        "SELECT k.id, k.account, u.name, u.id, u.arn, k.status, k.sealed FROM access_key k"
        " JOIN iam_user u ON u.account = k.account AND u.id = k.user_id WHERE k.id = ?",
        access_key_id,
    )
    return None if row is None else StoredKey(*row)


class AccessKeys:
    """The operations on access keys; they need the cipher that seals the secrets."""

    def __init__(self, cipher: KeyCipher) -> None:
        self._cipher = cipher

    @calls.write
    async def create_access_key(self, call: Call, request: Document) -> Document:
        """Raises: NoSuchEntity, LimitExceeded."""
        await access_changes.bump(call.tx)
        user = await _user(call, request)
        if len(await _of(call, user)) >= KEYS_PER_USER_MAX:
            raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER_MAX}")
        key_id = unique_ids.new("AKIA", ID_CHARS)
        secret = "".join(secrets.choice(_SECRET_CHARACTERS) for _ in range(SECRET_CHARS))
        record = {
            "id": key_id,
            "account": call.account,
            "user_id": user.id,
            "status": ACTIVE,
            "sealed": self._cipher.seal(call.account, key_id, secret),
            "created_us": call.now_us,
        }
        await records.insert(call.tx, ACCESS_KEY, record)
        shown = _shown(user, record)
        call.changed(user.arn, after={"AccessKey": shown})
        return {"AccessKey": shown | {"SecretAccessKey": secret}}

    @calls.read
    async def list_access_keys(self, call: Call, request: Document) -> Document:
        """Raises: NoSuchEntity."""
        user = await _user(call, request)
        listing = Listing(call, request)
        page, last = listing.cut(await _of(call, user), lambda record: str(record["id"]))
        listed = [_shown(user, record) for record in page]
        return listing.answer({"AccessKeyMetadata": listed}, last)

    @calls.write
    async def update_access_key(self, call: Call, request: Document) -> Document:
        """Raises: NoSuchEntity, InvalidInput."""
        await access_changes.bump(call.tx)
        if request["Status"] not in _STATUSES:
            raise InvalidInput(f"An access key can be made {' or '.join(_STATUSES)}.")
        user, key = await _key_of_user(call, request)
        changed = {"status": request["Status"]}
        await records.update(call.tx, ACCESS_KEY, (key["id"],), changed)
        before, after = _shown(user, key), _shown(user, key | changed)
        call.changed(user.arn, {"AccessKey": before}, {"AccessKey": after})
        return {}

    @calls.write
    async def delete_access_key(self, call: Call, request: Document) -> Document:
        """Raises: NoSuchEntity."""
        await access_changes.bump(call.tx)
        user, key = await _key_of_user(call, request)
        await records.delete(call.tx, ACCESS_KEY, key["id"])
        call.changed(user.arn, before={"AccessKey": _shown(user, key)})
        return {}

    @calls.read
    async def get_access_key_last_used(self, call: Call, request: Document) -> Document:
        """What was written down, which is done once a minute. Raises: NoSuchEntity."""
        record = await records.find(call.tx, ACCESS_KEY, request["AccessKeyId"])
        user = None
        if record is not None and record["account"] == call.account:
            user = await identity.by_id(call.tx, USER, call.account, record["user_id"])
        if record is None or user is None:
            raise _missing(request["AccessKeyId"])
        used: Document = {"ServiceName": _NONE, "Region": _NONE}
        if record["used_us"]:
            used = {
                "LastUsedDate": record["used_us"],
                "ServiceName": record["used_service"],
                "Region": record["used_region"],
            }
        return {"UserName": user.name, "AccessKeyLastUsed": used}


async def _user(call: Call, request: Document) -> Identity:
    if "UserName" not in request and caller.is_root(call):
        raise InvalidInput(
            "The root access key of this server is kept in its settings or its data folder. Name"
            " the user whose access keys are meant."
        )
    return await caller.user(call, request)


async def _of(call: Call, user: Identity) -> list[records.Record]:
    page = await records.page(
        call.tx,
        ACCESS_KEY,
        equal={"account": call.account, "user_id": user.id},
        order=("id",),
        limit=KEYS_PER_USER_MAX,
    )
    return page.records


async def _key_of_user(call: Call, request: Document) -> tuple[Identity, records.Record]:
    """The key that a request means, and whose it is.

    Raises: NoSuchEntity: the user has no such key.
    """
    user, key_id = await _user(call, request), str(request["AccessKeyId"])
    for record in await _of(call, user):
        if record["id"] == key_id:
            return user, record
    raise _missing(key_id)


def _shown(user: Identity, record: records.Record) -> Document:
    return {
        "UserName": user.name,
        "AccessKeyId": record["id"],
        "Status": record["status"],
        "CreateDate": record["created_us"],
    }


def _missing(key_id: str) -> NoSuchEntity:
    return NoSuchEntity(f"The Access Key with id {key_id} cannot be found.")
