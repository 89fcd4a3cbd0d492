"""XML read and written, without shapes. Reading refuses DTDs, entities, depth and bulk."""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from modelyard.errors import SerializationException

DEPTH_MAX = 50
ELEMENTS_MAX = 100_000  # CompleteMultipartUpload: 10,000 parts of some 8 elements

_SPECIAL = re.compile('[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}


@dataclass(slots=True)
class Element:
    """An element without its namespace prefix."""

    name: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def read(body: bytes) -> Element:
    """The root element of `body`. Raises: SerializationException."""
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise _refused("not well-formed") from None
    assert reader.root is not None  # expat refuses a document without a root
    return reader.root


def _refused(why: str) -> SerializationException:
    return SerializationException(f"The XML you provided is {why}.")


class _Reader:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        # Without a DTD there are no entities but the five of XML itself.
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        raise _refused("not allowed to have a document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise _refused("too long")
        if len(self._open) >= DEPTH_MAX:
            raise _refused("nested too deep")
        element = Element(name.rpartition(":")[2], attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].pieces.append(text)


def escaped(text: str) -> str:
    """`text` for an element or attribute; what XML cannot say becomes U+FFFD."""
    return _SPECIAL.sub(lambda match: _ESCAPES.get(match[0], "\ufffd"), text)
