"""Takes up a recording whose recorder was killed: what is committed is kept, the rest is cut off.

Where the disk lost samples that it had confirmed, the index is cut back to what is there.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sdr.errors import RecordingError
from sdr.formats import bytes_per_sample
from sdr.index import IndexReader
from sdr.index_line import Gap, IndexHeader
from sdr.recording_files import beside, disk_refuses, lock, open_file
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX

# A disk loses what it took last. A number of samples far beyond that is no number: one digit of it was lost.
_MOST_LOST_S = 60.0


@dataclass(frozen=True)
class TakenUp:
    """An open, locked recording, ready to be appended to.

    Attributes:
        header: of its index.
        start: aware time of its first sample.
        gaps: so far.
        sample_count: committed, and in the data file.
        lost: committed samples behind these, which the disk lost; a gap for the writer to mark.
        index: descriptor, locked.
        index_bytes: whole lines.
        data: descriptor.
    """

    header: IndexHeader
    start: datetime | None
    gaps: tuple[Gap, ...]
    sample_count: int
    index: int
    index_bytes: int
    data: int
    lost: int = 0


def take_up(stem: Path) -> TakenUp:
    """Open a recording without end mark for going on.

    Raises:
        RecordingError: there is none, it is finished, or another process is writing it.
        DeviceError: the disk refuses.
    """
    index_path, data_path = beside(stem, INDEX_SUFFIX), beside(stem, DATA_SUFFIX)
    index = open_file(index_path, new=False)
    try:
        lock(index, index_path)
        reader = _unfinished(index_path)
        start = reader.start
        # A power cut between the index and the data file: nothing was committed.
        data = open_file(data_path, new=not (data_path.exists() or reader.committed))
        try:
            kept = _kept(data, reader)
            lost = reader.committed - kept
            if lost:
                reader = _cut_back(index, index_path, kept)
            os.ftruncate(index, reader.whole_bytes)
            os.ftruncate(data, kept * bytes_per_sample(reader.header.format))
        except BaseException:
            os.close(data)
            raise
    except OSError as error:
        os.close(index)
        raise disk_refuses(index_path, error) from error
    except BaseException:
        os.close(index)
        raise
    believed = lost if lost <= _MOST_LOST_S * reader.header.sample_rate else 0
    return TakenUp(reader.header, start, reader.gaps, kept, index, reader.whole_bytes, data, believed)


def _unfinished(index_path: Path) -> IndexReader:
    reader = IndexReader(index_path)
    if reader.end is not None:
        raise RecordingError(f"{index_path}: this recording has ended ({reader.end}); choose another name")
    return reader


def _kept(data: int, reader: IndexReader) -> int:
    """Committed samples that are there; one less than a whole gap is none of it."""
    there = os.fstat(data).st_size // bytes_per_sample(reader.header.format)
    firsts = [gap.sample_index for gap in reader.gaps if gap.end > there]
    return min([there, reader.committed, *firsts])


def _cut_back(index: int, path: Path, kept: int) -> IndexReader:
    """Cut off the lines that speak of more samples."""
    whole = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        if _samples(line) > kept:
            break
        whole += len(line) + 1
    os.ftruncate(index, whole)
    return IndexReader(path)


def _samples(line: bytes) -> int:
    """That it commits; 0 where it does not say."""
    with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return int(json.loads(line)["samples"])
    return 0
