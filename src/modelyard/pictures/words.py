"""Text that somebody else wrote, made fit for a picture or a terminal. Pure."""

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_ELLIPSIS = "…"


def seen(text: str) -> str:
    """Without what steers a terminal, turns the direction of writing, or cannot be in XML."""
    return "".join("�" if unicodedata.category(one) in _UNSEEN else one for one in text)


def shortened(text: str, columns: int) -> str:
    """At most this many columns, of which a wide character takes two; the middle goes."""
    widths = [2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text]
    if sum(widths) <= columns:
        return text
    room = columns - 1
    start, end, taken = 0, len(text), 0
    from_start = True
    while start < end:
        width = widths[start] if from_start else widths[end - 1]
        if taken + width > room:
            break
        taken += width
        start, end = (start + 1, end) if from_start else (start, end - 1)
        from_start = not from_start
    return text[:start] + _ELLIPSIS + text[end:]
