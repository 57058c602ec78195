"""What a decoding left in its folder, as arrays: frames of report.json, and the taps of the demodulator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from decoders.downlink import Mode, load_downlink
from decoders.errors import DecoderError
from decoders.framing.frame import IDLE_VCID
from decoders.framing.virtual_channels import COUNTER_MODULUS
from station.errors import StationError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Complexes = npt.NDArray[np.complex64]

TAPS = ("tracks", "constellation", "eye")
EYE_SYMBOLS, EYE_PER_SYMBOL = 32, 16  # of a row, as `--tap eye` writes them
_MOST_MOMENTS = 1000  # a counter may leap by millions


@dataclass(frozen=True)
class Frames:
    """Located frames in order, all [n].

    Attributes:
        time_s: of the first symbol, since the first sample of the recording; NaN where it is not known.
        ebn0_db: per information bit out of the inner decoder; NaN where it is not known.
        good: proven.
        corrected: bytes that Reed-Solomon changed.
        lost_before: frames missing between this good one and the good one before it in its virtual channel.
        since_s: when that one before began; NaN without one.
    """

    time_s: Floats
    ebn0_db: Floats
    good: Bools
    corrected: npt.NDArray[np.int64]
    lost_before: npt.NDArray[np.int64]
    since_s: Floats


@dataclass(frozen=True)
class Tracks:
    """What the demodulator followed, a row every tenth of a second; all [n], NaN where nothing was seen.

    Attributes:
        time_s: since the first sample of the recording.
        carrier_hz: off the centre of the recording.
        clock_ppm: symbol rate against its nominal one.
        ebn0_db: per information bit out of the inner decoder.
        locked: the signal was seen.
    """

    time_s: Floats
    carrier_hz: Floats
    clock_ppm: Floats
    ebn0_db: Floats
    locked: Bools


@dataclass(frozen=True)
class Decoded:
    """A folder of results.

    Attributes:
        folder: where it lies.
        report: report.json without its columns.
        frames: its columns.
        tracks: None without that tap.
        symbols: [rows, symbols] of mean power 1; None without that tap.
        eye: [rows, symbols of a row, values of a symbol]; None without that tap.
    """

    folder: Path
    report: Mapping[str, Any]
    frames: Frames
    tracks: Tracks | None
    symbols: Complexes | None
    eye: Complexes | None

    @property
    def mode(self) -> Mode | None:
        """How the signal was modulated; None where it was not found."""
        try:
            downlink = load_downlink(str(self.report.get("downlink")))
        except DecoderError:
            return None
        name = self.report.get("mode")
        return next((mode for mode in downlink.modes if mode.name == name), None)

    @property
    def information_rate(self) -> float | None:
        """Bits per second out of the inner decoder; None where the mode was not found."""
        return None if self.mode is None else self.mode.symbol_rate * self.mode.information_bits_per_symbol

    @property
    def gaps_s(self) -> list[tuple[float, float]]:
        """Begin and length of the recording's gaps in seconds."""
        given = self.report["input"]
        rate = given.get("sample_rate") or 1.0
        return [(gap["sample_index"] / rate, gap["sample_count"] / rate) for gap in given.get("gaps") or []]

    @property
    def seconds(self) -> float:
        """Length of the input; of what was located in it where that is not known."""
        given = self.report["input"]
        if given.get("samples") and given.get("sample_rate"):
            return float(given["samples"] / given["sample_rate"])
        known = self.frames.time_s[np.isfinite(self.frames.time_s)]
        return float(known.max(initial=0.0))


def is_decoded(folder: Path) -> bool:
    """Whether a folder holds results of the decoder."""
    return (folder / "report.json").is_file()


def load_decoded(folder: Path) -> Decoded:
    """Read a folder of results.

    Raises:
        StationError: it holds none, or they are damaged.
    """
    path = folder / "report.json"
    try:
        report = json.loads(path.read_text("utf-8"))
        columns, rate = report.pop("columns"), report["input"].get("sample_rate")
        frames = _frames(columns, rate)
        _try(report)
    except OSError as error:
        raise StationError(f"{path}: {error.strerror}; give a folder that `tramthu decode` made") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise StationError(
            f"{path}: no report of a decoding ({type(error).__name__}: {error}); decode into a new folder"
        ) from error
    tracks = _tracks(folder / "tap.tracks.csv")
    rows = 0 if tracks is None else len(tracks.time_s)
    symbols, eye = (_complexes(folder / f"tap.{name}.cf32", rows) for name in TAPS[1:])
    if eye is not None and eye.shape[1] != EYE_SYMBOLS * EYE_PER_SYMBOL:
        eye = None
    return Decoded(
        folder, report, frames, tracks, symbols,
        None if eye is None else eye.reshape(rows, EYE_SYMBOLS, EYE_PER_SYMBOL),
    )  # fmt: skip


def _try(report: Mapping[str, Any]) -> None:
    """What is told of a report later can be told; any error means that it cannot."""
    given = report["input"]
    float(given.get("samples") or 0)
    if given.get("start"):
        datetime.fromisoformat(given["start"])
    for gap in given.get("gaps") or ():
        float(gap["sample_index"] + gap["sample_count"])
    dict(report["frames"])
    "".join(report.get("messages") or ())


def missing_frames(frames: Frames) -> tuple[Floats, Floats]:
    """When frames are missing, spread between the good ones about them; how many each moment stands for."""
    times, weights = [np.zeros(0)], [np.zeros(0)]
    for k in np.flatnonzero(frames.lost_before):
        begin, end, lost = frames.since_s[k], frames.time_s[k], int(frames.lost_before[k])
        if np.isfinite(end - begin):
            moments = min(lost, _MOST_MOMENTS)
            times.append(np.linspace(begin, end, moments + 2)[1:-1])
            weights.append(np.full(moments, lost / moments))
    return np.concatenate(times), np.concatenate(weights)


def _frames(columns: Mapping[str, list[Any]], sample_rate: float | None) -> Frames:
    index = np.array(columns["sample_index"], np.float64)
    time_s = index / sample_rate if sample_rate else np.full(len(index), np.nan)
    good = np.array(columns["good"], np.bool_)
    corrected = [sum(max(n, 0) for n in counts or ()) for counts in columns["bytes_corrected"]]
    lost, before = _lost_before(columns, good)
    return Frames(
        time_s,
        np.array(columns["ebn0_db"], np.float64),
        good,
        np.array(corrected, np.int64) * good,
        lost,
        np.where(before >= 0, time_s[before] if len(time_s) else time_s, np.nan),
    )


def _lost_before(
    columns: Mapping[str, list[Any]], good: Bools
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Missing before each frame and the number of the good one before it in its virtual channel, or -1.

    A counter that goes back begins anew, and idle frames count for nothing, as in the report. Minor frames of
    NOAA share one counter, which nothing proves: no more are missing than have room between them.
    """
    lost, before = np.zeros(len(good), np.int64), np.full(len(good), -1, np.int64)
    last: dict[tuple[Any, Any], int] = {}
    unproven = columns.get("unprotected") or [False] * len(good)
    samples = np.array(columns["sample_index"], np.float64)
    spacing = float(np.median(np.diff(samples))) if len(samples) > 1 else 0.0
    rows = zip(columns["counter"], columns["scid"], columns["vcid"], unproven, strict=True)
    for k, (counter, scid, vcid, bare) in enumerate(rows):
        if not good[k] or counter is None or (vcid == IDLE_VCID and not bare):
            continue
        key = scid, None if bare else vcid
        before[k] = last.get(key, -1)
        last[key] = k
        if before[k] < 0:
            continue
        missing = (counter - columns["counter"][before[k]] - 1) % COUNTER_MODULUS
        if bare and spacing > 0:
            missing = min(missing, max(round((samples[k] - samples[before[k]]) / spacing) - 1, 0))
        lost[k] = missing if missing < COUNTER_MODULUS // 2 else 0
    return lost, before


def _tracks(path: Path) -> Tracks | None:
    if not path.is_file() or path.stat().st_size == 0:
        return None
    try:
        table = np.genfromtxt(path, delimiter=",", skip_header=1, ndmin=2)
        if table.size == 0:
            return None
        time_s, carrier_hz, clock_ppm, ebn0_db, locked = table.T
    except ValueError as error:
        raise StationError(f"{path}: no table of tracks ({error}); decode anew with --tap tracks") from error
    return Tracks(time_s, carrier_hz, clock_ppm, ebn0_db, locked > 0)


def _complexes(path: Path, rows: int) -> Complexes | None:
    """A tap of so many values to each row of the tracks; None where it does not fit them."""
    if not rows or not path.is_file():
        return None
    values = np.fromfile(path, np.complex64)
    return values.reshape(rows, -1) if len(values) and len(values) % rows == 0 else None
