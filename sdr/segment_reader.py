"""One segment of a recording of many, with a little of its neighbours, so that what it holds can be decoded.

Whoever decodes segment by segment, and keeps what begins in each, loses nothing at their borders and has
nothing twice. The reading ends at a sample that depends on nothing but the segment: live and replay agree.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sdr.errors import RecordingError
from sdr.formats import Codes, Samples
from sdr.index import IndexHeader, IndexReader
from sdr.recording import RecordingInfo, SampleReader, open_recording, recording_sha256
from sdr.recording_files import beside, first_stem, segment_stem
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX
from sdr.sigmf_source import sigmf_stem

Read = TypeVar("Read", Samples, Samples | Codes)


class SegmentReader:
    """Samples of a segment, some before and some behind it; a `sdr.recording.Reader`.

    Args:
        stem: of the segment.
        lead_s: seconds of the segment before, where that is still there.
        tail_s: seconds of the segment behind.
        follow: wait for what still grows.

    Attributes:
        lead: samples before the segment's first one.
        reader: what is read from.

    Raises:
        RecordingError: no segment with an index.
    """

    def __init__(self, stem: Path, *, lead_s: float, tail_s: float, follow: bool) -> None:
        self._stem, self._index = stem, IndexReader(beside(stem, INDEX_SUFFIX))
        header = self._index.header
        self._before, self.reader = _from_before(stem, header, follow=follow)
        self.lead = min(round(lead_s * header.sample_rate), self._before)
        self._tail = round(tail_s * header.sample_rate)
        self.reader.skip(self._before - self.lead)
        self._read = 0

    @property
    def length(self) -> int | None:
        """Samples of the segment, None while it grows."""
        if self._index.end is None:
            self._index.poll()
        return None if self._index.end is None else self._index.committed

    @property
    def info(self) -> RecordingInfo:
        """Of the segment: its time, its gaps by its own samples; the count is that of what is read."""
        info, length = self.reader.info, self.length
        gaps = (replace(gap, sample_index=gap.sample_index - self._before) for gap in info.gaps)
        mine = (
            gap for gap in gaps if gap.sample_index >= 0 and (length is None or gap.sample_index < length)
        )
        count = None if length is None else self.lead + length + self._tail
        return replace(
            info,
            path=self._stem,
            start=self._index.start,
            gaps=tuple(mine),
            sample_count=count,
            end=self._index.end,
        )

    @property
    def position(self) -> int:
        """Samples read since the segment's first one; negative before it."""
        return self._read - self.lead

    @property
    def unusable(self) -> int:
        """Samples that were none."""
        return self.reader.unusable

    @property
    def waiting(self) -> int | None:
        """Samples that could be read at once; None where nothing grows."""
        return self.reader.waiting

    @property
    def notes(self) -> tuple[str, ...]:
        """What was odd so far."""
        return self.reader.notes

    def read(self, count: int) -> Samples:
        """The next samples: exactly `count` unless the segment and its tail end before."""
        return self._counted(self.reader.read(self._most(count)))

    def read_codes(self, count: int) -> Samples | Codes:
        """The same, as they are written where that says as much."""
        return self._counted(self.reader.read_codes(self._most(count)))

    def _most(self, count: int) -> int:
        length = self.length
        return count if length is None else max(min(count, self.lead + length + self._tail - self._read), 0)

    def _counted(self, samples: Read) -> Read:
        self._read += len(samples)
        return samples

    def hash_while_reading(self) -> None:
        """The recorder hashed each segment."""

    def sha256(self) -> str:
        """SHA-256 (hex) of the segment's data file."""
        return self._index.sha256 or recording_sha256(beside(self._stem, DATA_SUFFIX))

    def close(self) -> None:
        """Close the files."""
        self.reader.close()


def _from_before(stem: Path, header: IndexHeader, *, follow: bool) -> tuple[int, SampleReader]:
    """Reader from the segment before on, unless that is gone, or just going; and its samples."""
    if header.segment:
        previous = beside(segment_stem(first_stem(stem, header), header.segment - 1), INDEX_SUFFIX)
        with suppress(RecordingError, OSError):
            return IndexReader(previous).committed, open_recording(previous, follow=follow)
    return 0, open_recording(beside(stem, INDEX_SUFFIX), follow=follow)


def segments_from(path: Path) -> tuple[Path, int]:
    """The first segment's stem, and the number of the one that a path names or of the oldest that is left.

    Raises:
        RecordingError: no recording with an index.
    """
    stem = sigmf_stem(path)
    if stem is None or not beside(stem, INDEX_SUFFIX).exists():
        raise RecordingError(f"{path}: only a recording with its {INDEX_SUFFIX} beside it has segments")
    header = IndexReader(beside(stem, INDEX_SUFFIX)).header
    return first_stem(stem, header), header.segment
