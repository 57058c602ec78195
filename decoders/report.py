"""What a decoding run found, as `report.json` says it; and `run.json`, how it went.

A report says the same whenever and however often the same input is decoded, live or afterwards.

schema              "tramthu-decode-1"
exit_status         0: frames came out; 1: nothing usable
messages            sentences for a person: what was found, what was odd
input               name (of SigMF the stem), sha256, level, format, sample_rate (Hz), samples,
                    start (ISO 8601),
                    channel_hz: null, or the centre of the channel that was taken out of a wide recording;
                    rate, samples and gaps are then those of the channel;
                    gaps: sample_index, sample_count, cause, uncertainty (± samples at 95 %, 0: counted);
                    demodulator: null, or its counters, offset_hz and symbol_rate as last measured
downlink, mode      names; mode is null where it was not found, or cannot be told from frames
satellite           name, or null
frames.located      markers that were found or expected and proven by something
frames.good         proven in all codewords and with a plausible header, or unprotected between two markers;
                    these are in `frames.cadu` or `frames.raw16`
frames.corrected    of the good ones, those in which Reed-Solomon changed bytes
frames.failed       located, but not proven; nothing of them is passed on
frames.lost         missing between the good ones, by their counters
frames.idle         of the good ones, those of virtual channel 63
channels            per spacecraft and virtual channel of the good frames: scid, vcid, frames, first and last
                    counter, lost between them, restarts (the counter went back)
columns             per located frame, equal lengths: counter, vcid, scid, bit_index, sample_index (may lie
                    before the start in the interleaved mode), time (ISO 8601), ebn0_db (per information
                    bit out of the inner decoder, in the frame's middle; null where no signal was
                    measured there), symbols_corrected, bytes_corrected (list per codeword, -1
                    failed), marker_errors, parity_errors (of NOAA's telemetry), good, unprotected, state
packets             per counter of the packet assembler; null without an instrument
image               null, or channels: lines, good, missing, damaged pixels; times; notes
files               what was written, by name: bytes, sha256
software            versions

run.json:

schema              "tramthu-run-1"
input               path of the input
follow              whether it was a growing recording
messages            sentences about the run
end                 why the recording ended, as its end mark says; null where it had none
frame_seconds       from a frame's first symbol to its last; null where no mode is known
cpu_s_per_s         processor seconds per second of signal, by stage; this and what follows of samples only
mean_frame_delay_s, largest_frame_delay_s
                    from a frame's last sample to the newest one read when it came out
largest_lag_s       behind a growing recording, else null
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sdr.index import Gap

SCHEMA, RUN_SCHEMA = "tramthu-decode-1", "tramthu-run-1"


@dataclass(frozen=True)
class InputFacts:
    """What the report says about the input."""

    format: str
    sample_rate: float | None = None
    samples: int | None = None
    start: datetime | None = None
    gaps: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    demodulator: Mapping[str, Any] | None = None
    pace: Mapping[str, Any] | None = None
    run_notes: tuple[str, ...] = ()
    end: str | None = None


@dataclass(frozen=True)
class FrameCounts:
    """Counts of frames, as in the module's docstring."""

    located: int = 0
    good: int = 0
    corrected: int = 0
    failed: int = 0
    lost: int = 0
    idle: int = 0


@dataclass(frozen=True)
class DecodeReport:
    """The outcome of a run; `table` is what stands in report.json, `run` in run.json; messages of both."""

    frames: FrameCounts
    mode: str | None
    messages: tuple[str, ...]
    files: tuple[str, ...]
    table: Mapping[str, Any] = field(repr=False)
    run: Mapping[str, Any] = field(repr=False)

    @property
    def exit_status(self) -> int:
        """0: frames came out; 1: the input holds nothing usable."""
        return 0 if self.frames.good else 1


def software_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    versions = {"python": platform.python_version()}
    for name in ("tramthu", "numpy", "scipy", "netCDF4"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "unknown"
    return versions
