"""What is too much for a record each: counted in memory, told in one record a minute.

A stranger who tries to sign in without end, or a key that asks without end for what it may not,
must not fill the disk. What is counted, and not told yet, is bounded too; a kill loses it. Knows no
trail; `summing` writes the records.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field

from modelyard.call import Principal

MINUTE_US = 60_000_000
DENIALS_A_MINUTE = 1000  # records of one user's or role's denied calls
STRANGERS_A_MINUTE = 60  # records of failed sign-ins to one account
SUMS_MAX = 100  # records of one writing; what else there is goes into one for each kind of call
TOLD_MAX = 50  # different actions, addresses or keys that one record names
TOLD_CHARS_MAX = 256
OTHERS = "others"
_ADMITTED_MAX = 10_000  # different keys; beyond, all are one


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """The calls of one record. `why` is the beginning of its message."""

    principal: Principal
    service: str
    operation: str
    error_code: str
    why: str
    source_ip: str = ""


@dataclass(slots=True)
class Sum:
    """How many, when, and of what: actions, addresses, keys and how often each."""

    first_us: int
    last_us: int
    count: int = 0
    told: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, name: str, text: str, times: int = 1) -> None:
        seen = self.told.setdefault(name, Counter())
        text = text[:TOLD_CHARS_MAX]
        seen[text if text in seen or len(seen) < TOLD_MAX else OTHERS] += times


class Summaries:
    """The sums of one server. Several threads may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._admitted: Counter[str] = Counter()
        self._sums: dict[What, Sum] = {}

    def admits(self, key: str, limit: int, now_us: int) -> bool:
        """Whether there may be one more record of `key` in this minute."""
        with self._lock:
            minute = now_us // MINUTE_US
            if minute != self._minute:
                self._minute = minute
                self._admitted.clear()
            if key not in self._admitted and len(self._admitted) >= _ADMITTED_MAX:
                key = OTHERS
            self._admitted[key] += 1
            return self._admitted[key] <= limit

    def count(self, what: What, now_us: int, **told: str) -> None:
        """One more of `what`; `told` are words to count by name (Actions="s3:GetObject")."""
        with self._lock:
            found = self._of(what, now_us)
            found.count += 1
            found.last_us = max(found.last_us, now_us)
            for name, text in told.items():
                if text:
                    found.add(name, text)

    def take(self) -> dict[What, Sum]:
        """All that was counted since it was taken last."""
        with self._lock:
            taken, self._sums = self._sums, {}
            return taken

    def put_back(self, taken: dict[What, Sum]) -> None:
        """What could not be written is told with what comes later."""
        with self._lock:
            for what, old in taken.items():
                found = self._of(what, old.first_us)
                found.count += old.count
                found.first_us = min(found.first_us, old.first_us)
                found.last_us = max(found.last_us, old.last_us)
                for name, words in old.told.items():
                    for text, times in words.items():
                        found.add(name, text, times)

    def _of(self, what: What, now_us: int) -> Sum:
        if what not in self._sums and len(self._sums) >= SUMS_MAX:
            nobody = Principal("", OTHERS, OTHERS, "")
            what = What(
                principal=nobody,
                service=what.service,
                operation=what.operation,
                error_code=what.error_code,
                why=what.why,
            )
        return self._sums.setdefault(what, Sum(now_us, now_us))
