"""Reads the index beside a growing recording: what is committed, where the gaps are, when it is over.

The lines are described in `sdr.index_line`. A line torn by a power cut is the last one and is passed over:
what it spoke of was not committed. Garbage behind it counts as bad lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sdr.errors import RecordingError
from sdr.index_line import CONTINUED, Gap, IndexHeader, Level, parse_gap, parse_level, parse_utc

__all__ = ["CONTINUED", "Gap", "IndexHeader", "IndexReader", "parse_utc", "read_levels"]

_MAX_LINE = 1 << 20
_PIECE = 1 << 20


class IndexReader:
    """Reads an index that may still be growing; `poll` takes in what was added.

    Attributes:
        header: the first line.
        start: aware time of the first sample, as exactly as it is known by now.
        committed: samples of the file that can be read.
        gaps: among them, in order.
        end: why the file ended, None while it grows; `CONTINUED` where the next segment goes on.
        sha256: of the data file, as its recorder took it; None until the end, or where that took too long.
        ring: why the samples behind `committed` are in memory only; None while they go to the disk.
        left: how often the disk took no more, and a recorder went on in memory only.
        resumed: how often a new recorder went on with it, or the disk took samples again.
        bad_lines: that could not be used.
        whole_bytes: of the file, up to the end of its last whole line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.committed = 0
        self.gaps: tuple[Gap, ...] = ()
        self.end: str | None = None
        self.sha256: str | None = None
        self.ring: str | None = None
        self.left = self.resumed = 0
        self.bad_lines = 0
        self.whole_bytes = 0
        first = self._new_lines()
        if not first:
            raise RecordingError(f"{path}: the index has no complete first line; nothing was recorded")
        try:
            self.header = IndexHeader.from_mapping(_mapping(first[0]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise RecordingError(f"{path}: no index of a recording: {error}") from None
        self.start = self.header.start
        self._take(first[1:])

    def poll(self) -> bool:
        """Take in the lines added since; True when there were any."""
        lines = self._new_lines()
        self._take(lines)
        return bool(lines)

    def _new_lines(self) -> list[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.whole_bytes)
            text = file.read()
        whole, newline, torn = text.rpartition(b"\n")
        if self.whole_bytes == 0 and len(torn) > _MAX_LINE:
            raise RecordingError(
                f"{self.path}: no index of a recording: a line of more than {_MAX_LINE} bytes"
            )
        self.whole_bytes += len(whole) + len(newline)
        return whole.split(b"\n") if newline else []

    def _take(self, lines: list[bytes]) -> None:
        gaps: list[Gap] = []
        for line in lines:
            try:
                self._take_one(_mapping(line), gaps)
            except (ValueError, KeyError, TypeError, OverflowError):
                self.bad_lines += 1
        if gaps:
            self.gaps = (*self.gaps, *gaps)

    def _take_one(self, values: dict[str, Any], gaps: list[Gap]) -> None:
        samples = int(values["samples"])
        if samples < self.committed or self.end is not None:
            raise ValueError("the number of samples shrinks, or goes on behind the end")
        if "gap" in values:
            gaps.append(self._gap(parse_gap(values["gap"]), samples))
        if "start" in values:
            self.start = parse_utc(values["start"])
        if "end" in values:
            self.end = str(values["end"])
        if "sha256" in values:
            self.sha256 = str(values["sha256"])
        if "ring" in values:
            self.left += (
                self.ring is None
            )  # a disk that is back tells it again: it may have refused that line
            self.ring = str(values["ring"])
        if "resumed" in values:
            self.resumed, self.ring = self.resumed + 1, None
        self.committed = samples

    def _gap(self, gap: Gap, samples: int) -> Gap:
        """A gap among the samples that its line commits: in order, apart, and never where was read before."""
        if not self.committed <= gap.sample_index < gap.end <= samples:
            raise ValueError("a gap that does not lie among the samples committed with it")
        return gap


def read_levels(path: Path) -> Iterator[Level]:
    """Levels second by second, as the recorder measured them; none in recordings of older recorders.

    Args:
        path: of the index, which may still be growing.
    """
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(_PIECE), b""):
            try:
                values = _mapping(line)
                if "level" in values and line.endswith(b"\n"):
                    yield parse_level(values["level"])
            except (ValueError, TypeError, OverflowError):
                continue  # torn, or of no use: the reader of samples counts those


def _mapping(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except RecursionError:
        raise ValueError("a line is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("a line is no JSON object")  # noqa: TRY004 callers handle one kind of error
    return values
