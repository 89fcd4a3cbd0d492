"""Tags of objects: read from a header or a document, checked, stored with the object."""

from urllib.parse import parse_qsl

from modelyard.call import Document, OpenCall, open_ended
from modelyard.objects import names, refusals, rows
from modelyard.objects.headers import check_version
from modelyard.objects.shelf import Shelf
from modelyard.storage.transaction import Transaction

TAGS_MAX = 10
_KEY_CHARACTERS_MAX = 128
_VALUE_CHARACTERS_MAX = 256
_HEADER_CHARACTERS_MAX = 16 * 1024  # ten tags, percent-encoded


def from_header(header: str | None) -> dict[str, str]:
    """Tags of an x-amz-tagging header, `k=v&k2=v2`. Raises: InvalidArgument, InvalidTag."""
    if not header:
        return {}
    try:
        if len(header) > _HEADER_CHARACTERS_MAX:
            raise ValueError
        pairs = parse_qsl(header, keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        raise refusals.InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query "
            "parameters without tag name duplicates.",
            ArgumentName="x-amz-tagging",
        ) from None
    return _checked(pairs)


def _checked(pairs: list[tuple[str, str]]) -> dict[str, str]:
    if len(pairs) > TAGS_MAX:
        raise refusals.InvalidTag(f"Object tags cannot be greater than {TAGS_MAX}")
    for key, value in pairs:
        if not 1 <= len(key) <= _KEY_CHARACTERS_MAX or key.startswith("aws:") or "\0" in key:
            raise refusals.InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > _VALUE_CHARACTERS_MAX or "\0" in value:
            raise refusals.InvalidTag("The TagValue you have provided is invalid", TagValue=value)
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise refusals.InvalidTag("Cannot provide multiple Tags with the same key")
    return tags


class Tagging(Shelf):
    """GetObjectTagging, PutObjectTagging, DeleteObjectTagging."""

    @open_ended
    async def get_object_tagging(self, call: OpenCall, request: Document) -> Document:
        async def work(tx: Transaction) -> Document:
            await rows.bucket(tx, call, request)
            found = await self.existing(tx, call, request)
            tags = found.document.get("Tags", {})
            return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}

        check_version(request)
        return await self.database.read(work)

    @open_ended
    async def put_object_tagging(self, call: OpenCall, request: Document) -> Document:
        tag_set = request["Tagging"]["TagSet"]
        tags = _checked([(tag["Key"], tag["Value"]) for tag in tag_set])
        return await self._retag(call, request, tags)

    @open_ended
    async def delete_object_tagging(self, call: OpenCall, request: Document) -> Document:
        return await self._retag(call, request, {})

    async def _retag(self, call: OpenCall, request: Document, tags: dict[str, str]) -> Document:
        async def work(tx: Transaction) -> Document:
            await rows.locked_bucket(tx, call, request)
            found = await self.existing(tx, call, request)
            document = {k: v for k, v in found.document.items() if k != "Tags"}
            if tags:
                document["Tags"] = tags
            retagged = rows.Described(found.stored, document)
            await rows.put(tx, retagged)
            if retagged != found:
                await call.audit.record(tx, [rows.change(found, retagged)])
            return {}

        check_version(request)
        names.check_key(request["Key"])
        return await self.database.write(work)
