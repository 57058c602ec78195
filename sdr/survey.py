"""What a recording looks like as a whole: spectra against time, levels second by second, in one reading.

Spectra are taken of short looks, some 10 ms each, and added up in rows. When there are more rows than wanted,
neighbours are joined two by two: so a recording whose length is not known before its end, a growing one or a
gzip'd one, needs no second reading, and memory stays as it is however long it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdr.errors import SdrError
from sdr.index import Gap
from sdr.recording import SampleReader
from sdr.spectrum import Floats, density_of, frequencies_hz, window_powers
from sdr.survey_levels import Levels, SecondLevels

Counts = npt.NDArray[np.int64]

LOOK_S = 0.01
_LOOK_WINDOWS = (4, 64)
_BLOCK = 1 << 18  # samples read at a time
_MOST_CELLS = 1 << 23  # rows times bins that are held: 64 MB


@dataclass(frozen=True)
class Waterfall:
    """Spectra in the order of time.

    Attributes:
        time_s: middle of each row since the first sample [rows].
        row_s: length of a row; the last one may hold less.
        frequency_hz: off the centre of the recording, rising [bins].
        density: full scale squared per hertz [rows, bins], float32; NaN where a row lies in a gap, or where
            nothing but constant samples came: they tell of the receiver, not of what it hears.
        constant: which of the rows without a density hold constant samples rather than a gap [rows].
    """

    time_s: Floats
    row_s: float
    frequency_hz: Floats
    density: npt.NDArray[np.float32]
    constant: npt.NDArray[np.bool_]

    def dbfs_per_hz(self) -> npt.NDArray[np.float32]:
        """Density in dB below full scale per hertz; NaN in gaps and where there is no power at all."""
        return decibel(self.density).astype(np.float32)


@dataclass(frozen=True)
class Survey:
    """What one reading of a recording gives.

    Attributes:
        waterfall: spectra against time.
        mean: density of all that was received, constant samples left out [bins]; NaN where nothing was.
        max_hold: the largest density of all looks [bins].
        look_s: length of a look.
        levels: second by second, of what was received: gaps count for nothing.
        sample_count: read, gaps included.
    """

    waterfall: Waterfall
    mean: Floats
    max_hold: Floats
    look_s: float
    levels: Levels
    sample_count: int


def survey(reader: SampleReader, *, rows: int = 600, row_s: float | None = None, bins: int = 1024) -> Survey:
    """Read a recording to its end, once.

    Args:
        reader: a fresh one.
        rows: of the waterfall at least, where the recording is long enough; less than twice as many come.
        row_s: seconds to a row in place of `rows`; within 1 % where it holds many transforms, and
            doubled as often as it takes to hold the rows in memory.
        bins: length of the transform, even.

    Raises:
        SdrError: a row holds less than one transform, or an odd number of bins, or fewer than 8.
    """
    rate = reader.info.sample_rate
    if bins < 8 or bins % 2:
        raise SdrError(f"{bins} bins; an even number of 8 or more is possible")
    if row_s is not None and row_s * rate < bins:
        raise SdrError(
            f"rows of {row_s * rate:.0f} samples and {bins} bins; a row holds at least one transform"
        )
    per_look, per_row = _grid(2 * rate / bins, row_s)
    most = max(min(rows * 2 if row_s is None else _MOST_CELLS, _MOST_CELLS // bins), 2)
    table, seconds = _Rows(bins, most - most % 2, per_row), SecondLevels(rate)
    hold = np.zeros(bins)
    for sums, used, constant in _looks(reader, bins, per_look, seconds):
        table.add(sums, used, constant)
        full = used * 2 > per_look  # fewer scatter too much to be held
        if full.any():
            hold = np.maximum(hold, (sums[full] / used[full, None]).max(axis=0))
    return Survey(
        table.waterfall(rate, per_look * bins // 2),
        table.mean(rate),
        density_of(hold, 1, rate) if hold.any() else np.full(bins, np.nan),
        per_look * bins / 2 / rate,
        seconds.levels(),
        reader.position,
    )


def decibel(density: npt.NDArray[np.floating]) -> Floats:
    """Ten times the logarithm; NaN where there is no power or no number."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = 10 * np.log10(density)
    return np.asarray(np.where(np.isfinite(values), values, np.nan), np.float64)


def _grid(windows_per_s: float, row_s: float | None) -> tuple[int, int]:
    """Windows to a look, and looks to a row at first."""
    low, high = _LOOK_WINDOWS
    if row_s is None:
        return int(np.clip(round(LOOK_S * windows_per_s), low, high)), 1
    windows = max(round(row_s * windows_per_s), 1)
    per_row = -(-windows // high)
    return round(windows / per_row), per_row


def _looks(
    reader: SampleReader, bins: int, per_look: int, seconds: SecondLevels
) -> Iterator[tuple[Floats, Counts, Counts]]:
    """Summed window powers of looks in order [n, bins], and how many windows each holds, and leaves out [n].

    Left out are those of constant samples, by a dead receiver or zeros that no gap accounts for.
    """
    hop = bins // 2
    tail = reader.read(bins - hop)
    seconds.add(tail, reader.info.gaps)
    while len(block := reader.read(max(_BLOCK // (per_look * hop), 1) * per_look * hop)):
        gaps = reader.info.gaps
        seconds.add(block, gaps)
        samples = np.concatenate([tail, block])
        if len(samples) < bins:
            return
        powers = window_powers(samples, bins)
        starts = reader.position - len(samples) + hop * np.arange(len(powers))
        apart, constant = _apart(starts, bins, gaps), _constant(samples, hop)
        usable = apart & ~constant
        powers[~usable] = 0
        yield _summed(powers, per_look), _counted(usable, per_look), _counted(apart & constant, per_look)
        tail = samples[len(powers) * hop :]


def _summed(values: npt.NDArray[np.generic], length: int) -> Floats:
    """Sums of so many rows each [n, …]; the last one may hold less."""
    whole = len(values) // length
    parts = values[: whole * length].reshape(whole, length, *values.shape[1:]).sum(axis=1)
    rest = values[whole * length :].sum(axis=0, keepdims=True)
    return np.concatenate([parts, rest] if len(values) % length else [parts]).astype(np.float64)


def _counted(chosen: npt.NDArray[np.bool_], length: int) -> Counts:
    return _summed(chosen, length).astype(np.int64)


def _constant(samples: npt.NDArray[np.complex64], hop: int) -> npt.NDArray[np.bool_]:
    """Which windows of two hops hold one and the same sample all through."""
    hops = samples[: len(samples) // hop * hop].view(np.uint64).reshape(-1, hop)
    level = (hops == hops[:, :1]).all(axis=1)
    return np.asarray(level[:-1] & level[1:] & (hops[:-1, 0] == hops[1:, 0]))


def _apart(starts: npt.NDArray[np.int64], length: int, gaps: tuple[Gap, ...]) -> npt.NDArray[np.bool_]:
    """Which windows touch no gap: half a window of zeros would look like half the power."""
    if not gaps:
        return np.ones(len(starts), np.bool_)
    ends = np.array([gap.end for gap in gaps])
    begins = np.array([gap.sample_index for gap in gaps] + [np.iinfo(np.int64).max])
    return np.asarray(begins[np.searchsorted(ends, starts, side="right")] >= starts + length)


class _Rows:
    """Sums of looks, row by row; as many looks to a row as it takes to keep within `most` rows."""

    def __init__(self, bins: int, most: int, per_row: int) -> None:
        self._sums = np.zeros((most, bins))
        self._used = np.zeros(most, np.int64)
        self._constant = np.zeros(most, np.int64)
        self._per_row = per_row
        self._looks = 0

    def add(self, sums: Floats, used: Counts, constant: Counts) -> None:
        """Enter looks [n, bins], their windows and those of constant samples [n]."""
        while (self._looks + len(sums) - 1) // self._per_row >= len(self._used):
            self._join()
        rows = (self._looks + np.arange(len(sums))) // self._per_row
        which, first = np.unique(rows, return_index=True)
        self._sums[which] += np.add.reduceat(sums, first, axis=0)
        self._used[which] += np.add.reduceat(used, first)
        self._constant[which] += np.add.reduceat(constant, first)
        self._looks += len(sums)

    def _join(self) -> None:
        half = len(self._used) // 2
        for held in (self._sums, self._used, self._constant):
            held[:half] = held[::2] + held[1::2]
            held[half:] = 0
        self._per_row *= 2

    def waterfall(self, rate: float, look: int) -> Waterfall:
        count = -(-self._looks // self._per_row)
        row_s = self._per_row * look / rate
        used = self._used[:count, None]
        density = np.full((count, self._sums.shape[1]), np.nan, np.float32)
        for k in np.flatnonzero(used[:, 0]):  # row by row: the sums are many
            density[k] = density_of(self._sums[k], int(used[k, 0]), rate)
        return Waterfall(
            (np.arange(count, dtype=np.float64) + 0.5) * row_s,
            row_s,
            frequencies_hz(rate, self._sums.shape[1]),
            density,
            (self._used[:count] == 0) & (self._constant[:count] > 0),
        )

    def mean(self, rate: float) -> Floats:
        used = int(self._used.sum())
        bins = self._sums.shape[1]
        return density_of(self._sums.sum(axis=0), used, rate) if used else np.full(bins, np.nan)
