"""OMM in XML (CCSDS 505.0-B-3): the leaves of each `omm`, by name.

Read piece by piece, so that a text of empty messages costs no memory. Without a DTD there are no entities,
so nothing can swell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.parsers import expat

from scheduler.element_entries import Entry, Fault, Keywords
from scheduler.errors import ElementsError

_DEEPEST = 16  # an OMM in an NDM has six levels
_LONGEST_VALUE = 1000
_PIECE = 65_536


def xml_entries(text: str) -> Iterator[Entry]:
    """The messages of a text; what is ill-formed ends it and is named.

    Raises:
        ElementsError: a web page, or XML of another kind.
    """
    if not re.search(r"<(\w+:)?(omm|ndm)\b", text[:4000], re.IGNORECASE):
        raise ElementsError("this is a web page (HTML or XML), not orbital elements; fetch them again")
    messages = _Messages()
    begin = re.match(r"\s*(<\?xml[^>]{0,200}\?>)?", text)
    try:
        for at in range(begin.end() if begin else 0, len(text), _PIECE):
            messages.feed(text[at : at + _PIECE])
            yield from messages.take()
        messages.feed("", last=True)
    except expat.ExpatError as error:
        yield from messages.take()
        yield Fault(f"line {error.lineno}", f"ill-formed XML ({error}); was the download cut?")
    except ElementsError as error:
        yield from messages.take()
        yield Fault("the XML", str(error))
    if not messages.count:
        yield Fault("the XML", "it holds no OMM; fetch the elements again")


class _Messages:
    """What has been collected of the text so far."""

    def __init__(self) -> None:
        self.count = 0
        self._found: list[Entry] = []
        self._keywords: Keywords | None = None
        self._value = ""
        self._depth = 0
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _no_dtd
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data

    def feed(self, text: str, *, last: bool = False) -> None:
        """The next piece; raises `ExpatError` or `ElementsError`."""
        self._parser.Parse(text.encode(), last)

    def take(self) -> list[Entry]:
        """The messages that have come since the last call."""
        found, self._found = self._found, []
        return found

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ElementsError(f"nested deeper than {_DEEPEST} levels, so no OMM")
        self._value = ""
        if _local(name) == "OMM":
            self.count += 1
            self._keywords = Keywords(f"OMM {self.count}")

    def _data(self, text: str) -> None:
        if len(self._value) < _LONGEST_VALUE:
            self._value += text[:_LONGEST_VALUE]

    def _end(self, name: str) -> None:
        self._depth -= 1
        local, value, self._value = _local(name), self._value.strip(), ""
        if self._keywords is None:
            return
        if local == "OMM":
            self._found.append(self._keywords.entry())
            self._keywords = None
        elif value:
            self._keywords.add(local, value)


def _no_dtd(*_arguments: object) -> None:
    raise ElementsError("it has a DTD, which no OMM needs and which may be hostile; it is not read")


def _local(name: str) -> str:
    return name.rpartition(":")[2].upper()
