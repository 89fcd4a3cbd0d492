"""ListObjects and ListObjectsV2: keys in order, folded at a delimiter.

A page is read along the key; a folded prefix is left by one jump behind its last possible key, so
that a folder of a million keys costs what a single key costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from modelyard.call import Document, OpenCall, open_ended
from modelyard.contract.page_tokens import Question
from modelyard.errors import ValidationException
from modelyard.objects import refusals, rows
from modelyard.objects.shelf import Shelf, owner, quoted
from modelyard.storage.transaction import Row, Transaction

KEYS_MAX = 1000
_BATCH_MIN, _BATCH_MAX = 8, 1001  # rows read at once; small while prefixes are being folded
_ENCODED = ("Delimiter", "Marker", "NextMarker", "Prefix", "StartAfter")


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a bucket to list: keys after `after` that start with `prefix`."""

    bucket: str
    prefix: str
    delimiter: str
    after: str
    keys_max: int


@dataclass(slots=True)
class Listed:
    """A page. `last` is where the next one begins, when there is more; `account` the bucket's."""

    contents: list[Row] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str | None = None
    account: str = ""

    @property
    def count(self) -> int:
        return len(self.contents) + len(self.prefixes)


class Listing(Shelf):
    @open_ended
    async def list_objects_v2(self, call: OpenCall, request: Document) -> Document:
        question = Question(
            call.account,
            "",
            call.operation,
            {m: request.get(m, "") for m in ("Bucket", "Prefix", "Delimiter")},
        )
        token = request.get("ContinuationToken")
        after = request.get("StartAfter", "")
        if token is not None:
            after = _position(call, question, token)
        listed = await self._list(call, request, after)
        answer = _answer(listed, request) | {"KeyCount": listed.count}
        owned = {"Owner": owner(listed.account)} if request.get("FetchOwner") else {}
        answer |= _contents(listed.contents, request, owned)
        answer |= {m: request[m] for m in ("StartAfter", "ContinuationToken") if m in request}
        if listed.last is not None:
            answer["NextContinuationToken"] = call.page_tokens.seal(question, [listed.last])
        return _encoded(answer, request)

    @open_ended
    async def list_objects(self, call: OpenCall, request: Document) -> Document:
        listed = await self._list(call, request, request.get("Marker", ""))
        answer = _answer(listed, request) | {"Marker": request.get("Marker", "")}
        answer |= _contents(listed.contents, request, {"Owner": owner(listed.account)})
        if listed.last is not None and request.get("Delimiter"):
            answer["NextMarker"] = listed.last
        return _encoded(answer, request)

    async def _list(self, call: OpenCall, request: Document, after: str) -> Listed:
        asked = Asked(
            bucket=request["Bucket"],
            prefix=request.get("Prefix", ""),
            delimiter=request.get("Delimiter", ""),
            after=after,
            keys_max=_keys_max(request),
        )
        if "\0" in asked.prefix + asked.delimiter + after:
            raise refusals.InvalidArgument("No key has a NUL.")

        async def work(tx: Transaction) -> Listed:
            bucket = await rows.bucket(tx, call, request)
            listed = await fold(tx, asked)
            listed.account = bucket.account
            return listed

        return await self.database.scan(work)


async def fold(tx: Transaction, asked: Asked) -> Listed:
    """Read one page."""
    listed = Listed()
    if asked.keys_max == 0:
        return listed
    seek = _first(asked)
    batch = _BATCH_MIN if asked.delimiter else min(asked.keys_max + 1, _BATCH_MAX)
    while seek is not None:
        found = await _read(tx, asked, seek, batch)
        last_seek, seek = seek, None
        for row in found:
            key = row[0]
            if key < last_seek:
                continue  # under a prefix that has been folded
            if listed.count == asked.keys_max:
                return listed
            folded = common_prefix(key, asked)
            if folded is None:
                listed.contents.append(row)
                listed.last = key
                continue
            listed.prefixes.append(folded)
            listed.last = folded
            beyond = successor(folded)
            if beyond is None:
                found = []
                break
            last_seek = beyond
        if len(found) == batch:
            seek = max(last_seek, found[-1][0] + "\0")
            jumped = last_seek > found[-1][0]
            batch = _BATCH_MIN if jumped else min(batch * 4, _BATCH_MAX)
    listed.last = None
    return listed


def common_prefix(key: str, asked: Asked) -> str | None:
    """What `key` is folded into: up to the first delimiter behind the asked prefix."""
    if not asked.delimiter:
        return None
    at = key.find(asked.delimiter, len(asked.prefix))
    return None if at < 0 else key[: at + len(asked.delimiter)]


def successor(prefix: str) -> str | None:
    """The least text greater than every text that starts with `prefix`; None when there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code == 0xD800:
            code = 0xE000  # surrogates are no characters
        if code <= 0x10FFFF:
            return prefix[:-1] + chr(code)
        prefix = prefix[:-1]
    return None


def _first(asked: Asked) -> str | None:
    """The least key the page may begin with."""
    if not asked.after:
        return asked.prefix
    folded = common_prefix(asked.after, asked) if asked.after.startswith(asked.prefix) else None
    if folded == asked.after:  # the page before ended with this prefix
        return successor(folded)
    return max(asked.prefix, asked.after + "\0")


async def _read(tx: Transaction, asked: Asked, seek: str, limit: int) -> Sequence[Row]:
    """Rows from `seek` on. `seek` may end in NUL, which sorts right and is never a key's."""
    bare = seek.removesuffix("\0")
    compare = ">=" if bare == seek else ">"
    sql = f"SELECT key, bytes, etag, modified_us FROM object WHERE bucket = ? AND key {compare} ?"
    parameters: list[str | int] = [asked.bucket, bare]
    end = successor(asked.prefix)
    if end is not None:
        sql += " AND key < ?"
        parameters.append(end)
    return await tx.all(sql + " ORDER BY key LIMIT ?", *parameters, limit)


def _keys_max(request: Document) -> int:
    keys_max: int = request.get("MaxKeys", KEYS_MAX)
    if keys_max < 0:
        raise refusals.InvalidArgument(
            "Argument maxKeys must be an integer between 0 and 2147483647",
            ArgumentName="maxKeys",
            ArgumentValue=str(keys_max),
        )
    return min(keys_max, KEYS_MAX)


def _position(call: OpenCall, question: Question, token: str) -> str:
    try:
        position: str = call.page_tokens.open(question, token)[0]
    except ValidationException:
        raise refusals.InvalidArgument(
            "The continuation token provided is incorrect", ArgumentName="continuation-token"
        ) from None
    return position


def _answer(listed: Listed, request: Document) -> Document:
    answer: Document = {
        "Name": request["Bucket"],
        "Prefix": request.get("Prefix", ""),
        "MaxKeys": _keys_max(request),
        "IsTruncated": listed.last is not None,
    }
    if request.get("Delimiter"):
        answer["Delimiter"] = request["Delimiter"]
    if "EncodingType" in request:
        answer["EncodingType"] = request["EncodingType"]
    if listed.prefixes:
        answer["CommonPrefixes"] = [{"Prefix": _text(p, request)} for p in listed.prefixes]
    return answer


def _contents(found: list[Row], request: Document, owned: Document) -> Document:
    if not found:
        return {}
    contents = [
        {
            "Key": _text(key, request),
            "LastModified": modified_us,
            "ETag": quoted(etag),
            "Size": size,
            "StorageClass": "STANDARD",
            **owned,
        }
        for key, size, etag, modified_us in found
    ]
    return {"Contents": contents}


def _encoded(answer: Document, request: Document) -> Document:
    return {m: _text(v, request) if m in _ENCODED else v for m, v in answer.items()}


def _text(text: str, request: Document) -> str:
    return quote(text, safe="/") if request.get("EncodingType") == "url" else text
