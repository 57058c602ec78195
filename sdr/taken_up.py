"""Takes up a recording whose recorder was killed: what is committed is kept, the rest is cut off."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sdr.errors import RecordingError
from sdr.formats import bytes_per_sample, zero_bytes
from sdr.index import IndexReader
from sdr.index_line import Gap, IndexHeader
from sdr.recording_files import beside, disk_refuses, lock, open_file, write_all
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX

_FILL_BLOCK = 1 << 18


@dataclass(frozen=True)
class TakenUp:
    """An open, locked recording, ready to be appended to.

    Attributes:
        header: of its index.
        start: aware time of its first sample.
        gaps: so far.
        sample_count: committed, and in the data file.
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
        os.ftruncate(index, reader.whole_bytes)
        # A power cut between the index and the data file: nothing was committed.
        data = open_file(data_path, new=not (data_path.exists() or reader.committed))
        try:
            _cut(data, reader, data_path)
        except BaseException:
            os.close(data)
            raise
    except OSError as error:
        os.close(index)
        raise disk_refuses(index_path, error) from error
    except BaseException:
        os.close(index)
        raise
    head, count = reader.header, reader.committed
    return TakenUp(head, reader.start, reader.gaps, count, index, reader.whole_bytes, data)


def _unfinished(index_path: Path) -> IndexReader:
    reader = IndexReader(index_path)
    if reader.end is not None:
        raise RecordingError(f"{index_path}: the recording has ended ({reader.end}); begin another one")
    return reader


def _cut(data: int, reader: IndexReader, path: Path) -> None:
    """Make the data file end with the last committed sample; those that the disk lost become zeros."""
    size, there = bytes_per_sample(reader.header.format), os.fstat(data).st_size
    wanted = reader.committed * size
    os.ftruncate(data, min(there // size * size, wanted))
    for first in range(min(there // size, reader.committed), reader.committed, _FILL_BLOCK):
        count = min(_FILL_BLOCK, reader.committed - first)
        write_all(data, zero_bytes(count, reader.header.format), first * size, path)
