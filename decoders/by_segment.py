"""A recording without end, decoded segment by segment: the results of each lie in a folder of its own.

    OUT/day/frames.cadu, report.json, …   OUT/day-0001/…   OUT/day-0002/…   OUT/live.json

A frame belongs to the segment in which it begins. A segment is decoded with some seconds of its neighbours
and is done when its run.json says with what end mark it ended; a decoder that was killed goes on with the
first that is not done, and decodes that one anew from its start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from decoders.done import is_done
from decoders.downlink import Downlink, Mode
from decoders.errors import DecoderError
from decoders.framing.frame import Frame
from decoders.iq_source import IqSource
from decoders.pace import frame_seconds
from decoders.report import InputFacts
from sdr.errors import SdrError
from sdr.index import CONTINUED, IndexReader
from sdr.recording_files import beside, segment_numbers, segment_stem
from sdr.segment_reader import SegmentReader, segments_from
from sdr.sigmf import INDEX_SUFFIX

__all__ = ["decode_segments", "is_done", "segment_reader"]

if TYPE_CHECKING:
    from decoders.decode import DecodeRequest
    from decoders.report import DecodeReport

LEAD_S, TAIL_S = 2.0, 1.5
"""Of the segment before: carrier, clock and decoder have settled by then. Behind: with the longest frame, all
that a frame waits for on its way through the decoder."""

Progress = Callable[[float], None]


def segment_reader(path: Path, downlink: Downlink, *, follow: bool) -> SegmentReader:
    """The reader of the segment that a path names, as the downlink needs it."""
    base, number = segments_from(path)
    tail_s = TAIL_S + max(map(frame_seconds, downlink.modes))
    return SegmentReader(segment_stem(base, number), lead_s=LEAD_S, tail_s=tail_s, follow=follow)


class SegmentSource:
    """The frames that begin in a segment; a `decoders.sources.FrameSource`."""

    def __init__(self, source: IqSource, reader: SegmentReader) -> None:
        self._source, self._reader = source, reader
        self.sha256, self.close = source.sha256, source.close

    @property
    def mode(self) -> Mode | None:
        """The mode, once it is known."""
        return self._source.mode

    @property
    def facts(self) -> InputFacts:
        """What is known about the segment."""
        read, length = max(self._reader.position, 0), self._reader.length
        return replace(self._source.facts, samples=read if length is None else min(read, length))

    @property
    def fraction(self) -> float | None:
        """Samples read, of all."""
        return self._source.fraction

    @property
    def lag_s(self) -> float | None:
        """Seconds by which the reading is behind."""
        return self._source.lag_s

    def frames(self) -> Iterator[list[Frame]]:
        """Located frames; their samples count from the segment's first one."""
        for frames in self._source.frames():
            yield [moved for frame in frames if (moved := self._moved(frame)) is not None]

    def _moved(self, frame: Frame) -> Frame | None:
        if frame.sample_index is None:
            return None
        at, length = frame.sample_index - self._reader.lead, self._reader.length
        return replace(frame, sample_index=at) if at >= 0 and (length is None or at < length) else None


def decode_segments(
    request: DecodeRequest, *, progress: Progress | None = None, lag: Progress | None = None
) -> Iterator[DecodeReport]:
    """Decode a recording segment by segment into folders below `request.out`; those done are passed over.

    Args:
        request: its input names any segment, or the recording; with `follow` the last one is followed.
        progress: as for `decode`, of each segment.
        lag: likewise.

    Raises:
        DecoderError: as of `decode`.
    """
    from decoders.decode import decode

    base, number = segments_from(request.input)
    while True:
        path = beside(segment_stem(base, number), INDEX_SUFFIX)
        if not path.exists():
            later = [left for left in segment_numbers(base) if left > number]
            if not later:
                return
            number = later[0]  # it was let go before it was decoded
            continue
        out = request.out / segment_stem(base, number).name
        if not is_done(out):
            one = replace(request, input=path, out=out, live_folder=request.out, of_segment=True)
            try:
                report = decode(one, progress=progress, lag=lag)
            except (DecoderError, SdrError, FileNotFoundError):
                if path.exists():
                    raise
                continue  # it was let go in the middle
            yield report
        if not _goes_on(path):
            return
        number += 1


def _goes_on(index: Path) -> bool:
    """Whether another segment follows, as always where one was let go."""
    try:
        return IndexReader(index).end == CONTINUED
    except FileNotFoundError:
        return True
