"""Accepted and quarantined sets on disk, so written that a power cut at any byte loses nothing from before.

    sets/59051.txt         accepted sets of one satellite, oldest first
    quarantine/59051.txt   those that were refused, with the reason
    elements.json          the newest of each satellite as plain OMM, for other programs and as a second copy

A line is the CRC-32 of the rest in hexadecimal, a blank, and JSON. Lines are only ever appended; a damaged
one is passed over, so the set before it counts. A file that has grown too long is replaced by its later
half.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scheduler.elements import Elements, load_elements
from scheduler.errors import ElementsError

KEPT = 500  # half a year at three sets a day
_LONGEST_BYTES = 64 << 20


@dataclass(frozen=True)
class Record:
    """One set as it came."""

    elements: Elements
    source: str
    received: datetime
    note: str
    may_be_confirmed: bool = False


class LineFile:
    """One file of records. Unreadable files and damaged lines end up in `faults`, never in an exception."""

    def __init__(self, path: Path, kept: int = KEPT) -> None:
        self._path, self._kept = path, kept
        self.faults: list[str] = []
        self.records: list[Record] = self._read()

    def append(self, record: Record) -> None:
        """Add a record and bring it to the disk; on an `OSError` it is held in memory alone, and said so."""
        self.records.append(record)
        try:
            if len(self.records) > 2 * self._kept:
                self.replace(self.records[-self._kept :])
            else:
                self._add_line(_line(record))
        except OSError as error:
            self.faults.append(f"{self._path}: cannot be written ({error.strerror}); mend the disk")

    def replace(self, records: Sequence[Record]) -> None:
        """Write the file anew; raises `OSError`."""
        self.records = list(records)
        write_whole(self._path, b"".join(map(_line, records)))

    def _add_line(self, line: bytes) -> None:
        new = not self._path.exists()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # the power went in the middle of a line
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if new:
            _sync_folder(self._path.parent)

    def _read(self) -> list[Record]:
        try:
            if not self._path.exists():
                return []
            if self._path.stat().st_size > _LONGEST_BYTES:
                self.faults.append(f"{self._path}: larger than {_LONGEST_BYTES >> 20} MiB; it is not read")
                return []
            lines = [line for line in self._path.read_bytes().split(b"\n") if line]
        except OSError as error:
            self.faults.append(f"{self._path}: cannot be read ({error.strerror}); the copy is used")
            return []
        found = [_record(line) for line in lines]
        if damaged := found.count(None):
            self.faults.append(f"{self._path}: {damaged} of {len(lines)} lines are damaged and passed over")
        return [record for record in found if record is not None]


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file: readers see the old content or the new, after a power cut too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


def write_copy(path: Path, sets: Iterable[Elements]) -> None:
    """The newest sets as a list of OMM."""
    write_whole(path, json.dumps([e.to_omm() for e in sets], indent=1).encode())


def read_copy(path: Path) -> list[Elements]:
    """What the copy holds, nothing when it is not there or damaged."""
    try:
        return load_elements(path) if path.exists() else []
    except (ElementsError, OSError):
        return []


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _line(record: Record) -> bytes:
    content: dict[str, Any] = {
        "set": record.elements.to_omm(),
        "source": record.source,
        "received": record.received.astimezone(UTC).isoformat(),
        "note": record.note,
        "may_be_confirmed": record.may_be_confirmed,
    }
    text = json.dumps(content).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _record(line: bytes) -> Record | None:
    check, _, text = line.partition(b" ")
    try:
        if int(check, 16) != zlib.crc32(text):
            return None
        content = json.loads(text)
        return Record(
            Elements.from_omm(content["set"]),
            str(content["source"]),
            datetime.fromisoformat(content["received"]),
            str(content["note"]),
            bool(content["may_be_confirmed"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ElementsError):
        return None
