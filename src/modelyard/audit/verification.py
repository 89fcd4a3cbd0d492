"""Reads a whole trail and says what is wrong with it. Changes nothing, and trusts no server.

What it cannot see: a trail that was set back, as a whole, to an earlier state of itself. A
checkpoint that was exported shows that.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from modelyard.audit import heads
from modelyard.audit.chain import BEGINNING, Chained, Checker, Finding, Wrong, seal_fits
from modelyard.audit.checkpoints import Checkpoint, PublicKey
from modelyard.storage.database import Database

PAGE = 1000
FINDINGS_MAX = 1000  # of one report; a trail of another server has as many as it has records


@dataclass(frozen=True, slots=True)
class Trust:
    """What a trail is held against. `seal` is None where the server's secret is not at hand."""

    public: PublicKey
    seal: bytes | None


@dataclass(frozen=True, slots=True)
class Report:
    """`waiting` records are committed and not chained yet."""

    records: int
    checkpoints: int
    waiting: int
    head: Checkpoint
    findings: tuple[Finding, ...]


async def verify(database: Database, trust: Trust, exported: Sequence[Checkpoint] = ()) -> Report:
    """Go through every record. Raises: Unavailable."""
    at_start = await database.read(heads.head)
    signed = await _all_checkpoints(database)
    inspection = _Inspection(trust, [*signed, *([at_start] if at_start.sequence else [])], exported)
    async for chained in _all_records(database):
        inspection.take(chained)
    at_end = await database.read(heads.head)
    inspection.end(at_end)
    waiting = await _inspect_waiting(database, trust, inspection.findings)
    await _find_nowhere(database, inspection.findings)
    return Report(
        records=inspection.count,
        checkpoints=len(signed),
        waiting=waiting,
        head=at_end,
        findings=tuple(inspection.findings[:FINDINGS_MAX]),
    )


class _Inspection:
    """One pass over a chain beside the checkpoints that speak of it."""

    def __init__(
        self, trust: Trust, signed: Sequence[Checkpoint], exported: Sequence[Checkpoint]
    ) -> None:
        self._trust = trust
        self._checker = Checker(trust.seal)
        self.findings: list[Finding] = []
        self.count = 0
        self._last = 0
        self._vouched: dict[int, list[tuple[str, Checkpoint]]] = {}
        for what, some in (("checkpoint", signed), ("exported checkpoint", exported)):
            for one in some:
                if self._is_signed(what, one):
                    self._vouched.setdefault(one.sequence, []).append((what, one))

    def take(self, chained: Chained) -> None:
        self.count += 1
        self._last = chained.sequence
        self._note(*self._checker.take(chained))
        for what, one in self._vouched.pop(chained.sequence, ()):
            if one.hash != chained.hash:
                record = chained.record
                text = f"it is not the record that the {what} at this place was signed for"
                self._note(Finding(Wrong.ALTERED, one.sequence, text, record.at_us, record.id))

    def end(self, head: Checkpoint) -> None:
        self._note(*self._checker.end())
        for what, one in (pair for pairs in self._vouched.values() for pair in pairs):
            if one.sequence > 0 or one.hash != BEGINNING:
                text = f"a {what} was signed for it, and it is not there"
                self._note(Finding(Wrong.TRUNCATED, one.sequence, text))
        if self._last < head.sequence:
            text = f"the trail ends before it: records {self._last + 1} to {head.sequence} are gone"
            self._note(Finding(Wrong.TRUNCATED, self._last + 1, text))
        elif self._last > head.sequence:
            text = f"the chain was signed up to {head.sequence} only; no server chained this"
            self._note(Finding(Wrong.INSERTED, head.sequence + 1, text))
        if head.sequence and self._is_signed("head of the chain", head):
            at_head = head.sequence == self._last and head.hash != self._checker.hash
            if at_head:
                text = "the last record is not the one that the head of the chain was signed for"
                self._note(Finding(Wrong.ALTERED, head.sequence, text))

    def _is_signed(self, what: str, one: Checkpoint) -> bool:
        if self._trust.public.signed(one):
            return True
        other = one.signed_by != self._trust.public.id
        why = f"it was signed by another key, {one.signed_by}" if other else "it was changed"
        self._note(Finding(Wrong.UNSIGNED, one.sequence, f"the {what} of it proves nothing: {why}"))
        return False

    def _note(self, *findings: Finding) -> None:
        self.findings += [finding for finding in findings if finding not in self.findings[-20:]]


async def _all_records(database: Database) -> AsyncIterator[Chained]:
    last = 0
    while True:
        after = last
        page = await database.scan(lambda tx: heads.places(tx, after, PAGE))  # noqa: B023
        for _, chained in page:
            if chained is not None:  # the next one shows the gap
                yield chained
        if len(page) < PAGE:
            return
        last = page[-1][0]


async def _all_checkpoints(database: Database) -> list[Checkpoint]:
    found: list[Checkpoint] = []
    while True:
        after = found[-1].sequence if found else -1
        page = await database.scan(lambda tx: heads.checkpoints(tx, after, PAGE))  # noqa: B023
        found += page
        if len(page) < PAGE:
            return found


async def _inspect_waiting(database: Database, trust: Trust, findings: list[Finding]) -> int:
    """Records that are not chained yet are sealed already."""
    count, last = 0, ""
    while True:
        after = last
        page = await database.scan(lambda tx: heads.waiting(tx, PAGE, after))  # noqa: B023
        for last, record in page:
            if record is None:
                text = "it is gone: its id waits to be chained, and there is no such record"
                findings.append(Finding(Wrong.REMOVED, 0, text, 0, last))
            elif trust.seal is not None and not seal_fits(record, trust.seal):
                text = "its seal does not fit: no server wrote what it says"
                findings.append(Finding(Wrong.ALTERED, 0, text, record.at_us, record.id))
        count += len(page)
        if len(page) < PAGE:
            return count


async def _find_nowhere(database: Database, findings: list[Finding]) -> None:
    """Records that are in no place of the chain and wait for none: no look-up finds them."""
    named = {finding.request_id for finding in findings}
    after = ""
    while True:
        last = after
        found, after = await database.scan(lambda tx: heads.nowhere(tx, PAGE, last))  # noqa: B023
        for record in found:
            if record.id not in named:
                text = "its place in the chain is gone, or it was never given one"
                findings.append(Finding(Wrong.REMOVED, 0, text, record.at_us, record.id))
        if not after or len(findings) > FINDINGS_MAX:
            return
