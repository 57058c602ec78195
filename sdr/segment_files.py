"""Which files of a recording in segments are there, and which may go."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from sdr.disk import held_bytes
from sdr.recording_files import beside, segment_numbers, segment_stem
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX, META_SUFFIX


def remove_needless(stem: Path, keep: int, may_go: Callable[[int], bool]) -> list[Path]:
    """Remove the oldest files of a recording but for so many, up to the first that is needed still.

    Args:
        stem: of the first file.
        keep: so many are left.
        may_go: of a file's number, whether nobody needs it any more.

    Returns:
        The stems of those that went.
    """
    gone = []
    for number in numbers_of(stem)[:-keep]:
        if not may_go(number):
            break
        gone.append(segment_stem(stem, number))
        remove_files(gone[-1])
    return gone


def numbers_of(stem: Path) -> list[int]:
    """Of the files of a recording that are there, in order; the first one has the number 0."""
    first = [0] if beside(stem, INDEX_SUFFIX).exists() else []
    return [*first, *segment_numbers(stem)]


def newest_segment(stem: Path) -> int:
    """Number of the newest file of a recording; 0 where there is one file, or none."""
    return max(segment_numbers(stem), default=0)


def remove_files(stem: Path) -> int:
    """Remove one file of a recording: the index first, so that nobody begins to read it.

    Returns:
        Bytes of the disk that went with it; they are free as soon as nobody has it open.
    """
    gone = 0
    for suffix in (INDEX_SUFFIX, META_SUFFIX, DATA_SUFFIX):
        path = beside(stem, suffix)
        with contextlib.suppress(OSError):
            held = held_bytes(path.stat())
            path.unlink()
            gone += held
    return gone


def data_bytes(stem: Path) -> int:
    """Of the samples of one file; 0 where there are none."""
    with contextlib.suppress(OSError):
        return beside(stem, DATA_SUFFIX).stat().st_size
    return 0
