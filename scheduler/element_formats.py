"""Files of orbital elements taken apart: which format a text is in, and its single sets, unread.

Two-line sets with or without names: see `tle`. OMM: CCSDS 502.0-B-3, section 4 and 505.0-B-3 (XML); JSON
and CSV as CelesTrak and Space-Track spell them. The kind is told by the content, never by the name. Of a
file cut short or damaged in one place the other sets are still found, and each fault is named.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from scheduler import tle
from scheduler.errors import ElementsError

MOST_BYTES = 64 << 20
_DEEPEST_XML = 16  # an OMM in an NDM has six levels
_LONGEST_XML_VALUE = 1000
KINDS = "two-line sets and OMM (JSON, CSV, XML, KVN) are read"
_KVN_START = "CCSDS_OMM_VERS"
_CSV_KEYS = {"NORAD_CAT_ID", "EPOCH", "MEAN_MOTION"}


@dataclass(frozen=True)
class Lines:
    """A two-line set as it stands in the file."""

    where: str
    name: str
    line1: str
    line2: str


@dataclass(frozen=True)
class Message:
    """The keywords and values of one OMM."""

    where: str
    keywords: Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """A part of the file that holds no set, and why."""

    where: str
    reason: str


Entry = Lines | Message | Fault


def as_text(content: bytes) -> str:
    """The text of a file, unpacked when it is gzip'd.

    Raises:
        ElementsError: not text, a broken gzip, or one that swells beyond 64 MiB.
    """
    if content[:2] == b"\x1f\x8b":
        content = _unpacked(content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ElementsError(f"not text, so no orbital elements; {KINDS}") from error


def entries(text: str) -> Iterator[Entry]:
    """The sets of a text one by one, and what is wrong between them.

    Raises:
        ElementsError: nothing of it can be read: it is empty, a web page, or ill-formed as a whole.
    """
    start = text.lstrip()[:1]
    if not start:
        raise ElementsError("the file is empty; fetch the elements again")
    if start in "[{":
        return _json(text)
    if start == "<":
        return _xml(text)
    first = next(line for line in text.splitlines() if line.strip())
    if first.lstrip().startswith((_KVN_START, "COMMENT ")):
        return _kvn(text)
    if set(_columns(first)) >= _CSV_KEYS:
        return _csv(text)
    return _lines(text)


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(content, MOST_BYTES)
    except zlib.error as error:
        raise ElementsError(f"a broken gzip file ({error}); fetch the elements again") from error
    if not unpacker.eof:
        raise ElementsError("a gzip file that is cut short or swells beyond 64 MiB; fetch the elements again")
    return plain


def _json(text: str) -> Iterator[Entry]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ElementsError(f"ill-formed JSON ({error}); was the download cut?") from error
    items = document if isinstance(document, list) else [document]
    if not items or not all(isinstance(item, dict) for item in items):
        raise ElementsError("the JSON holds no OMM objects; fetch the elements again")
    return (Message(f"OMM {n}", item) for n, item in enumerate(items, 1))


def _columns(line: str) -> list[str]:
    try:
        return [name.strip().upper() for name in next(csv.reader([line], strict=True), [])]
    except csv.Error:
        return []


def _csv(text: str) -> Iterator[Entry]:
    reader = csv.reader(io.StringIO(text.strip("\ufeff\r\n ")), strict=True)
    head = [name.strip().upper() for name in next(reader)]
    try:
        for row in reader:
            where = f"line {reader.line_num}"
            if len(row) == len(head):
                given = {key: value.strip() for key, value in zip(head, row, strict=True) if value.strip()}
                yield Message(where, given)
            elif row:
                yield Fault(where, f"{len(row)} columns where the head has {len(head)}; was the file cut?")
    except csv.Error as error:
        yield Fault(f"line {reader.line_num}", f"ill-formed CSV ({error}); was the file cut?")


def _kvn(text: str) -> Iterator[Entry]:
    keywords: dict[str, str] = {}
    where = "line 1"
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("COMMENT"):
            continue
        key, equals, value = line.partition("=")
        key = key.strip().upper()
        if not equals:
            yield Fault(f"line {number}", f"{line[:40]!r} is no `KEYWORD = value`; was the file cut?")
            continue
        if key == _KVN_START:
            if keywords:
                yield Message(where, keywords)
            keywords, where = {}, f"line {number}"
        # A unit may stand behind a number in brackets (CCSDS 502.0-B-3, 7.7); names have brackets too.
        keywords[key] = re.sub(r"^([-+.\deE]+)\s*\[[^\]]*\]$", r"\1", value.strip())
    if keywords:
        yield Message(where, keywords)


def _xml(text: str) -> Iterator[Entry]:
    if not re.search(r"<(\w+:)?(omm|ndm)\b", text[:4000], re.IGNORECASE):
        raise ElementsError("this is a web page (HTML or XML), not orbital elements; fetch them again")
    collector = _XmlMessages()
    try:
        collector.read(text)
    except expat.ExpatError as error:
        if not collector.found:
            raise ElementsError(f"ill-formed XML ({error}); was the download cut?") from error
        collector.found.append(
            Fault(f"line {error.lineno}", f"ill-formed XML ({error}); was the download cut?")
        )
    if not collector.found:
        raise ElementsError("the XML holds no OMM; fetch the elements again")
    return iter(collector.found)


@dataclass
class _XmlMessages:
    """The leaves of each `omm`, by name. Without DTD there are no entities, so nothing can swell."""

    found: list[Entry] = field(default_factory=list)
    keywords: dict[str, str] | None = None
    value: str = ""
    depth: int = 0

    def read(self, text: str) -> None:
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _no_dtd
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.Parse(re.sub(r"^\s*<\?xml[^>]*\?>", "", text).encode(), True)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST_XML:
            raise ElementsError(f"the XML is nested deeper than {_DEEPEST_XML} levels, so no OMM")
        self.value = ""
        if _local(name) == "OMM":
            self.keywords = {}

    def _data(self, text: str) -> None:
        if len(self.value) < _LONGEST_XML_VALUE:
            self.value += text[:_LONGEST_XML_VALUE]

    def _end(self, name: str) -> None:
        self.depth -= 1
        local, value, self.value = _local(name), self.value.strip(), ""
        if self.keywords is None:
            return
        if local == "OMM":
            self.found.append(Message(f"OMM {len(self.found) + 1}", self.keywords))
            self.keywords = None
        elif value:
            self.keywords[local] = value


def _no_dtd(*_arguments: object) -> None:
    raise ElementsError("the XML has a DTD, which no OMM needs and which may be hostile; it is not read")


def _local(name: str) -> str:
    return name.rpartition(":")[2].upper()


def _lines(text: str) -> Iterator[Entry]:
    lines = [(n, line.rstrip()) for n, line in enumerate(text.splitlines(), 1)]
    lines = [(n, line) for n, line in lines if line and not line.startswith("#")]
    name, i = "", 0
    while i < len(lines):
        where, line = f"line {lines[i][0]}", lines[i][1]
        following = lines[i + 1][1] if i + 1 < len(lines) else ""
        i += 1
        if not tle.is_line(line, 1):
            if tle.is_line(following, 1):
                name = line.removeprefix("0 ").strip()
            else:
                yield Fault(where, f"{line[:40]!r} belongs to no two-line set; {KINDS}")
        elif not following:
            yield Fault(where, "the file ends after line 1 of a set; was the download cut?")
        else:
            yield Lines(where, name, line, following)
            name, i = "", i + tle.is_line(following, 2)
