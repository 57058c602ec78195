"""A stretch of a recording as a recording of its own: whatever is done with one can be done with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sdr.formats import Samples
from sdr.index import Gap
from sdr.recording import RecordingWriter, SampleReader
from station.errors import StationError

_BLOCK = 1 << 18


def copy_stretch(reader: SampleReader, stem: Path, from_s: float, seconds: float | None) -> Path:
    """Copy from second `from_s` on, `seconds` of it or all the rest, to STEM.sigmf-*; its stem.

    Time, centre and gaps are those of the recording; integer samples are copied exactly.

    Raises:
        StationError: the recording ends before.
    """
    info, rate = reader.info, reader.info.sample_rate
    first = round(from_s * rate)
    end = None if seconds is None else first + max(round(seconds * rate), 1)
    while reader.position < first and len(reader.read(min(_BLOCK, first - reader.position))):
        pass
    samples = _next(reader, end)
    if reader.position <= first:
        raise StationError(f"{info.path} ends after {reader.position / rate:.3f} s; give a smaller --from")
    with RecordingWriter(
        stem,
        format=info.format,
        sample_rate=rate,
        center_frequency_hz=info.center_frequency_hz,
        start=None if info.start is None else info.start + timedelta(seconds=first / rate),
        metadata={"description": f"{info.path.name} from {first / rate:.6g} s on"},
        durable=False,
    ) as writer:
        while len(samples):
            begin = reader.position - len(samples)
            for piece_begin, piece_end, gap in _pieces(begin, reader.position, reader.info.gaps):
                if gap is None:
                    writer.write(samples[piece_begin - begin : piece_end - begin])
                else:
                    writer.gap(piece_end - piece_begin, gap.cause, gap.uncertainty)
            samples = _next(reader, end)
    return stem


def _next(reader: SampleReader, end: int | None) -> Samples:
    return reader.read(_BLOCK if end is None else max(min(_BLOCK, end - reader.position), 0))


def _pieces(begin: int, end: int, gaps: tuple[Gap, ...]) -> list[tuple[int, int, Gap | None]]:
    """Samples from `begin` to `end` in pieces: what was received, and gaps."""
    pieces: list[tuple[int, int, Gap | None]] = []
    for gap in gaps:
        low, high = max(gap.sample_index, begin), min(gap.sample_index + gap.sample_count, end)
        if low < high:
            if begin < low:
                pieces.append((begin, low, None))
            pieces.append((low, high, gap))
            begin = high
    return [*pieces, (begin, end, None)] if begin < end else pieces
