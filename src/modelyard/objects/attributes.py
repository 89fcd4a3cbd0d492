"""GetObjectAttributes: what is known of an object, as asked."""

from modelyard.call import Document, OpenCall, open_ended
from modelyard.objects import headers, refusals, rows
from modelyard.objects.checksums import ALGORITHMS
from modelyard.objects.objects import checksum_members
from modelyard.objects.shelf import Shelf
from modelyard.storage.transaction import Transaction

PARTS_MAX = 1000


class Attributes(Shelf):
    @open_ended
    async def get_object_attributes(self, call: OpenCall, request: Document) -> Document:
        headers.check(request)

        async def work(tx: Transaction) -> rows.Described:
            await rows.bucket(tx, call, request)
            return await self.existing(tx, call, request)

        found = await self.database.read(work)
        known: Document = {
            "ETag": found.stored.etag,
            "ObjectSize": found.stored.bytes,
            "StorageClass": "STANDARD",
            "Checksum": checksum_members(found.document),
            "ObjectParts": _parts(found.document, request),
        }
        asked = request["ObjectAttributes"]
        answer = {name: value for name, value in known.items() if name in asked and value != {}}
        return answer | {"LastModified": found.stored.modified_us}


def _parts(document: Document, request: Document) -> Document:
    """Only an object that came in parts has any."""
    if "Parts" not in document:
        return {}
    limit, marker = request.get("MaxParts", PARTS_MAX), request.get("PartNumberMarker", 0)
    if limit < 0:
        raise refusals.InvalidArgument("Argument max-parts must not be negative.")
    later = [part for part in document["Parts"] if part[0] > marker]
    page = later[: min(limit, PARTS_MAX)]
    [algorithm] = document["Checksum"]
    member = ALGORITHMS[algorithm].member
    answer = {
        "TotalPartsCount": len(document["Parts"]),
        "PartNumberMarker": marker,
        "MaxParts": min(limit, PARTS_MAX),
        "IsTruncated": len(later) > len(page),
    }
    if page:
        answer["NextPartNumberMarker"] = page[-1][0]
        answer["Parts"] = [{"PartNumber": n, "Size": size, member: s} for n, size, s in page]
    return answer
