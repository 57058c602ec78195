"""Open any recording, finished or growing, to read its samples in order.

`open_recording` finds out what the file is. Live decoding and replay read through the same class,
`SampleReader`; a growing recording ends at the end mark in its index.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from sdr.errors import RecordingError
from sdr.formats import FORMATS
from sdr.index import Gap
from sdr.sample_reader import Reader, RecordingInfo, SampleReader
from sdr.source import data_path, opened_source
from sdr.writer import RecordingWriter, finish_interrupted

__all__ = [
    "Gap",
    "Reader",
    "RecordingInfo",
    "RecordingWriter",
    "SampleReader",
    "finish_interrupted",
    "open_recording",
    "recording_sha256",
]


def open_recording(
    path: Path | str,
    *,
    format: str | None = None,  # noqa: A002 the word of the command line
    sample_rate: float | None = None,
    start: datetime | None = None,
    follow: bool = False,
    stale_after_s: float = 5.0,
) -> SampleReader:
    """Open a recording: raw samples, WAV, SigMF (pair, archive, or still growing), each also gzip'd.

    Args:
        path: the file; for SigMF any of its files, or their common stem.
        format: cf32, cs16, cu8, cs8, wav or sigmf; found out where the file says it.
        sample_rate: Hz; needed for raw samples, else it overrules the file.
        start: aware time of the first sample; overrules the file.
        follow: wait for the samples of a growing recording, until its end mark.
        stale_after_s: a growing recording whose writer holds no lock and has been silent that long is over.

    Raises:
        RecordingError: not a recording, or something that only the operator knows is missing.
    """
    if format is not None and format not in (*FORMATS, "wav", "sigmf"):
        raise RecordingError(f"unknown format {format!r}; known are {', '.join(FORMATS)}, wav, sigmf")
    if sample_rate is not None and not 0 < sample_rate < float("inf"):
        raise RecordingError(f"a sample rate of {sample_rate} Hz; it must be above 0")
    header, source = opened_source(Path(path), format, follow=follow, stale_after_s=stale_after_s)
    if source.sample_count == 0:
        source.close()
        raise RecordingError(f"{path} holds no samples; nothing was recorded")
    rate = sample_rate if sample_rate is not None else header.sample_rate
    if rate is None:
        source.close()
        raise RecordingError(f"{path}: the file does not state its sample rate; give --rate in Hz")
    info = RecordingInfo(
        Path(path),
        header.format,
        float(rate),
        header.center_frequency_hz,
        start if start is not None else header.start,
        source.sample_count,
        source.gaps,
        header.metadata,
    )
    return SampleReader(info, source)


def recording_sha256(path: Path | str) -> str:
    """SHA-256 (hex) of the file that holds the samples, as it lies on the disk; of SigMF the data file."""
    with data_path(Path(path)).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
