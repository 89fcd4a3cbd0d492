"""The chain over records, and what is wrong with one. Pure.

    hash(n) = SHA-256(hash(n - 1), canonical bytes of record n)        hash(0) = 32 zero bytes

A record's seal tells whether its content is what a server wrote; its hash, whether it stands where
it was chained; the numbers, whether one is missing.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from modelyard.audit.records import Record

BEGINNING = "00" * 32


def link(previous: str, record: Record) -> str:
    """The hash of a record behind the one whose hash is `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + record.canonical()).hexdigest()


@dataclass(frozen=True, slots=True)
class Chained:
    """A record with its place. `is_found`: whether look-ups find it by what it says."""

    sequence: int
    hash: str
    record: Record
    is_found: bool = True


class Wrong(Enum):
    """What can be wrong with a trail."""

    ALTERED = "altered"
    INSERTED = "inserted"
    REMOVED = "removed"
    MOVED = "moved"
    TRUNCATED = "truncated"
    UNSIGNED = "unsigned"


@dataclass(frozen=True, slots=True)
class Finding:
    """`at_us` and `request_id` are those of the record at fault, 0 and "" where it is gone."""

    wrong: Wrong
    sequence: int
    what: str
    at_us: int = 0
    request_id: str = ""


class Checker:
    """Goes along a chain, record by record, and says what does not fit.

    `seal_key` is None where seals cannot be judged.
    """

    def __init__(self, seal_key: bytes | None) -> None:
        self._seal_key = seal_key
        self.sequence = 0
        self.hash = BEGINNING
        self._proved = BEGINNING  # the hash of the last record without fault
        self._suspect: Chained | None = None  # its content is wrong; who is behind it tells how

    def take(self, chained: Chained) -> Iterator[Finding]:
        """The faults that the next record, by its number, shows."""
        yield from self._gap(chained)
        follows = link(self.hash, chained.record) == chained.hash
        after_proved = not follows and link(self._proved, chained.record) == chained.hash
        yield from self._judged_suspect(inserted=after_proved)
        if not self._seal_is_right(chained.record):
            self._suspect = chained
        elif not (follows or after_proved):
            yield _finding(
                Wrong.MOVED,
                chained,
                "it does not follow the record before it: one of the two is not where it was"
                " chained, or what stood between them is gone"
                if self._seal_key is not None
                else "it does not follow the record before it: it was changed or moved",
            )
        elif not chained.is_found:
            yield _finding(
                Wrong.ALTERED,
                chained,
                "look-ups take it for a record of others, or of another time",
            )
        self.sequence, self.hash = chained.sequence, chained.hash
        if self._suspect is None:
            self._proved = chained.hash

    def end(self) -> Iterator[Finding]:
        """The faults that only the end shows."""
        yield from self._judged_suspect(inserted=False)

    def _gap(self, chained: Chained) -> Iterator[Finding]:
        missing = range(self.sequence + 1, chained.sequence)
        if missing:
            one = len(missing) == 1
            yield Finding(
                Wrong.REMOVED,
                missing[0],
                "it is gone" if one else f"it and all up to {missing[-1]} are gone",
            )

    def _judged_suspect(self, *, inserted: bool) -> Iterator[Finding]:
        if self._suspect is None:
            return
        suspect, self._suspect = self._suspect, None
        if inserted:
            yield _finding(
                Wrong.INSERTED, suspect, "no server wrote it: the record behind it follows another"
            )
        else:
            yield _finding(
                Wrong.ALTERED, suspect, "its seal does not fit: no server wrote what it says"
            )

    def _seal_is_right(self, record: Record) -> bool:
        key = self._seal_key
        return key is None or seal_fits(record, key)


def seal_fits(record: Record, key: bytes) -> bool:
    """Whether a server with this key wrote what the record says."""
    return hmac.compare_digest(record.seal_by(key).encode(), record.seal.encode())


def check(records: Iterable[Chained], seal_key: bytes | None) -> list[Finding]:
    """All faults of a chain that is at hand as a whole, without its head."""
    checker = Checker(seal_key)
    found = [finding for chained in records for finding in checker.take(chained)]
    return [*found, *checker.end()]


def _finding(wrong: Wrong, chained: Chained, what: str) -> Finding:
    return Finding(wrong, chained.sequence, what, chained.record.at_us, chained.record.id)
