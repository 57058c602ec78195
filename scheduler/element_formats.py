"""Files of orbital elements taken apart: which format a text is in, and its single sets, unread.

Two-line sets with or without names: see `tle`. OMM: CCSDS 502.0-B-3, section 4 and 505.0-B-3 (XML); JSON
and CSV as CelesTrak and Space-Track spell them. The kind is told by the content, never by the name. Of a
file cut short or damaged in one place the other sets are still found, and each fault is named. Every reader
goes through the text once and holds no more than one message.
"""

from __future__ import annotations

import csv
import json
import re
import zlib
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any

from scheduler import tle
from scheduler.element_entries import Entry, Fault, Keywords, Lines, numbered, raw_lines
from scheduler.element_xml import xml_entries
from scheduler.errors import ElementsError

MOST_BYTES = 16 << 20  # 30 000 sets take 5 MiB as two-line sets and 13 as JSON
KINDS = "two-line sets and OMM (JSON, CSV, XML, KVN) are read"
_MOST_MEMBERS = 64
_LONGEST_OBJECT = 8192
_KVN_START = "CCSDS_OMM_VERS"
_KVN_HEAD = re.compile(rf"^\s*{_KVN_START}\s*=", re.MULTILINE)
_CSV_KEYS = {"NORAD_CAT_ID", "EPOCH", "MEAN_MOTION"}


def as_text(content: bytes) -> str:
    """The text of a file, unpacked when it is gzip'd.

    Raises:
        ElementsError: not text, a broken gzip, or one that swells beyond 16 MiB.
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
        ElementsError: nothing of it can be read: it is empty, or a web page.
    """
    first = next((line for _, line in numbered(text) if not line.startswith("#")), "")
    if not first:
        raise ElementsError("the file is empty; fetch the elements again")
    if first[0] in "[{":
        return _json(text)
    if first[0] == "<":
        return xml_entries(text)
    if first.startswith((_KVN_START, "COMMENT ")) and _KVN_HEAD.search(text[:4000]):
        return _kvn(text)
    if set(_columns(first)) >= _CSV_KEYS:
        return _csv(text)
    return _lines(text)


def _unpacked(content: bytes) -> bytes:
    plain = b""
    try:
        for _ in range(_MOST_MEMBERS):  # one behind the other (RFC 1952, 2.2)
            unpacker = zlib.decompressobj(wbits=31)
            plain += unpacker.decompress(content, MOST_BYTES + 1 - len(plain))
            if len(plain) > MOST_BYTES:
                raise ElementsError(f"a gzip file that swells beyond {MOST_BYTES >> 20} MiB; {KINDS}")
            if not unpacker.eof:
                raise ElementsError("a gzip file that is cut short; fetch the elements again")
            content = unpacker.unused_data.lstrip(b"\0")
            if not content:
                return plain
    except zlib.error as error:
        raise ElementsError(f"a broken gzip file ({error}); fetch the elements again") from error
    raise ElementsError(f"a gzip file of more than {_MOST_MEMBERS} parts; {KINDS}")


def _json(text: str) -> Iterator[Entry]:
    """Object by object, so that those before a cut are found and none can be of any size."""
    decoder = json.JSONDecoder(object_pairs_hook=_collected)
    blank = re.compile(r"[\s,]*")
    at = len(text) - len(text.lstrip())
    listed = text[at] == "["
    at, number = at + listed, 0
    while (at := blank.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it always matches
        if listed and text[at] == "]":
            break
        number += 1
        where = f"OMM {number}"
        try:
            item, length = decoder.raw_decode(text[at : at + _LONGEST_OBJECT])
        except (ValueError, RecursionError) as error:
            yield Fault(where, f"ill-formed JSON ({error}); was the download cut?")
            return
        at += length
        if isinstance(item, Keywords):
            item.where = where
            yield item.entry()
        else:
            yield Fault(where, "no OMM objects but something else; fetch the elements again")
    else:
        if listed:
            yield Fault("the JSON", "ill-formed JSON, its list has no end; was the download cut?")
    if not number:
        yield Fault("the JSON", "no OMM objects in it; fetch the elements again")


def _collected(pairs: list[tuple[str, Any]]) -> Keywords:
    found = Keywords()
    for key, value in pairs:
        found.add(key, value)
    return found


def _columns(line: str) -> list[str]:
    try:
        return [name.strip().upper() for name in next(csv.reader([line], strict=True), [])]
    except csv.Error:
        return []


def _csv(text: str) -> Iterator[Entry]:
    kept = (line for line in raw_lines(text) if line.strip() and not line.startswith("#"))
    reader = csv.reader(kept, strict=True)
    try:
        head = [name.strip().upper() for name in next(reader)]
        for row in reader:
            where = f"row {reader.line_num}"
            if len(row) != len(head):
                yield Fault(where, f"{len(row)} columns where the head has {len(head)}; was the file cut?")
                continue
            keywords = Keywords(where)
            for key, value in zip(head, row, strict=True):
                if value.strip():
                    keywords.add(key, value.strip())
            yield keywords.entry()
    except csv.Error as error:
        yield Fault(f"row {reader.line_num}", f"ill-formed CSV ({error}); was the file cut?")


def _kvn(text: str) -> Iterator[Entry]:
    keywords = Keywords("line 1")
    for number, line in numbered(text):
        if line.startswith("COMMENT"):
            continue
        key, equals, value = line.partition("=")
        key = key.strip().upper()
        if not equals:
            yield Fault(f"line {number}", f"{line[:40]!r} is no `KEYWORD = value`; was the file cut?")
            continue
        if key == _KVN_START:
            if keywords.values:
                yield keywords.entry()
            keywords = Keywords(f"line {number}")
        # A unit may stand behind a number in brackets (CCSDS 502.0-B-3, 7.7); names have brackets too.
        keywords.add(key, re.sub(r"^([-+.\deE]+)\s*\[[^\]]*\]$", r"\1", value.strip()))
    if keywords.values:
        yield keywords.entry()


def _lines(text: str) -> Iterator[Entry]:
    lines = ((n, line.rstrip()) for n, line in enumerate(raw_lines(text), 1))
    kept = ((n, line) for n, line in lines if line and not line.startswith("#"))
    name, paired, any_set = "", False, False
    for (number, line), (_, following) in pairwise(chain(kept, [(0, "")])):
        where = f"line {number}"
        if paired:  # it was line 2 of the set before
            paired = False
        elif not tle.is_line(line, 1):
            if tle.is_line(following, 1):
                name = line.removeprefix("0 ").strip()
            elif any_set and not following:
                yield Fault(where, f"the file ends with {line[:40]!r}; was the download cut?")
            else:
                yield Fault(where, f"{line[:40]!r} belongs to no two-line set; {KINDS}")
        elif not following:
            yield Fault(where, "the file ends after line 1 of a set; was the download cut?")
        else:
            yield Lines(where, name, line, following)
            name, paired, any_set = "", tle.is_line(following, 2), True
