"""How IAM answers a list: MaxItems, Marker, IsTruncated. Knows no table."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.storage import records

PAGE_DEFAULT = 100  # MaxItems unless it is said, as the model's documentation says

T = TypeVar("T")


class Listing:
    """One page of a listing: how long it may be, where it goes on, and its answer."""

    def __init__(self, call: Call, request: Document) -> None:
        self._tokens = call.page_tokens
        self._question = Question(call.account, "", call.operation, request)
        marker = request.get("Marker")
        self.limit: int = request.get("MaxItems", PAGE_DEFAULT)
        self.after: list[Any] | None = (
            None if marker is None else self._tokens.open(self._question, marker)
        )

    def answer(self, members: Document, last: list[Any] | None) -> Document:
        """`members` with the marker that continues behind `last`, None at the end."""
        answer: Document = {**members, "IsTruncated": last is not None}
        if last is not None:
            answer["Marker"] = self._tokens.seal(self._question, last)
        return answer

    def cut(self, items: Sequence[T], key: Callable[[T], str]) -> tuple[list[T], list[Any] | None]:
        """This page of a short list in memory, in the order of `key`, and its last key.

        A key has 150 ASCII characters at most, so that it fits into a Marker.
        """
        after = "" if self.after is None else str(self.after[0])
        left = sorted((item for item in items if key(item) > after), key=key)
        page = left[: self.limit]
        return page, [key(page[-1])] if len(left) > self.limit else None

    def cut_by_number(self, items: Sequence[T]) -> tuple[list[T], list[Any] | None]:
        """This page of a short list whose keys do not fit into a Marker."""
        start = 0 if self.after is None else int(self.after[0])
        end = start + self.limit
        return list(items[start:end]), [end] if len(items) > end else None


def under(prefix: str) -> list[records.Filter]:
    """Records whose column `path` starts with `prefix`."""
    # A path is printable ASCII, so DEL closes the range of everything that starts with prefix.
    return [records.Filter("path", ">=", prefix), records.Filter("path", "<", prefix + "\x7f")]
