"""What some tenths of a second of samples say of the chain from the antenna to the computer: numbers only.

`sdr.self_test_verdict` judges them. Nothing is decoded and no device is touched here.

noise floor      median of the Welch density over the middle 80 % of the band without its centre (DC), so
                 that carriers, which fill less than half of it, do not count. dB below full scale squared
                 per hertz.
ADC floor        noise of rounding to steps of d: 2 d²/12 for I and Q together, spread over the sample
                 rate (W. R. Bennett, "Spectra of Quantized Signals", BSTJ 27 (1948) 446-472).
scatter          of a bin over n Welch windows 4.34 dB / sqrt(n); of the median over B bins 1.25 times
                 that over sqrt(B): 0.01 dB in half a second at 1 MS/s. What a floor varies by from pass
                 to pass is sky, weather and temperature, never counting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sdr.formats import sample_format, to_samples
from sdr.level_meter import level_of
from sdr.level_sums import level_sums
from sdr.self_test_codes import Codes, look_at_codes

Floats = npt.NDArray[np.float64]

_BIN_HZ = 1000.0  # aimed at
_BINS = (256, 8192)
_MIDDLE = 0.8  # of the band: what lies beyond is bent by the receiver's own filter
_AROUND_DC = 3  # bins on each side that a DC offset leaks into
PEAK_DB = 6.0  # above the floor; by chance not once in 1e9 bins from 100 windows on (17 standard deviations)
_SHAPE_BINS = 64
_LEAST_WINDOWS = 32
_PEAKS_KEPT = 20
_ABSURD = 1e3  # times full scale: what a device sends whose memory or driver is at fault


@dataclass(frozen=True)
class Peak:
    """What stands out of the noise: middle and width in Hz, power above the noise in dBFS."""

    frequency_hz: float
    width_hz: float
    power_dbfs: float


@dataclass(frozen=True)
class Measured:
    """What was measured; levels in dB below full scale, densities per hertz.

    Attributes:
        center_hz: what the receiver was tuned to.
        sample_rate: Hz.
        sample_count: how many samples it was measured on.
        floor_dbfs_hz: noise floor; -inf where there is none.
        adc_floor_dbfs_hz: what rounding alone makes; None for floating point.
        level_dbfs: mean power of all.
        dc_dbfs: power of the mean.
        clipped: share of samples at full scale.
        unequal_db: power of I over that of Q, DC apart.
        codes: what the codes of the converter look like.
        peaks: strongest first, in the middle of the band.
        shape_db: the band in 64 pieces, lowest frequency first, above the floor.
    """

    center_hz: float
    sample_rate: float
    sample_count: int
    floor_dbfs_hz: float
    adc_floor_dbfs_hz: float | None
    level_dbfs: float
    dc_dbfs: float
    clipped: float
    unequal_db: float
    codes: Codes
    peaks: tuple[Peak, ...]
    shape_db: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """A record of plain values, with the strongest peaks; infinities as ±999."""
        strongest = replace(self, peaks=self.peaks[:_PEAKS_KEPT])
        return {key: _plain(value) for key, value in asdict(strongest).items()}


def measure(raw: bytes, fmt: str, sample_rate: float, center_hz: float) -> Measured:
    """Measure samples as they came.

    Args:
        raw: whole samples, at least 32 Welch windows of about a millisecond.
        fmt: one of `sdr.formats.FORMATS`.
        sample_rate: Hz.
        center_hz: what the receiver was tuned to.

    Raises:
        ValueError: too few samples, or some that are no numbers.
        RecordingError: the format is unknown, or the bytes end within a sample.
    """
    from sdr.spectrum import frequencies_hz, power_density  # with scipy, which a daemon does without

    samples = to_samples(raw, fmt)
    bins = _bin_count(sample_rate)
    if len(samples) < _LEAST_WINDOWS * bins:
        raise ValueError(f"{len(samples)} samples are too few to test; {_LEAST_WINDOWS * bins} are needed")
    sane = (np.abs(samples.view(np.float32)) < _ABSURD).reshape(-1, 2).all(axis=1)  # NaN is not less
    if not sane.all():
        wrong = np.count_nonzero(~sane)
        raise ValueError(f"{wrong} of {len(samples)} samples are no numbers, or far beyond full scale")
    codes = look_at_codes(raw, fmt)
    level = level_of(0, level_sums(raw, fmt), fmt)
    density = np.nan_to_num(power_density(samples, sample_rate, bins), nan=0.0)
    offsets = frequencies_hz(sample_rate, bins)
    usable = _usable(offsets, sample_rate)
    floor = float(np.median(density[usable]))
    i, q = samples.real.var(dtype=np.float64), samples.imag.var(dtype=np.float64)
    return Measured(
        center_hz,
        sample_rate,
        len(samples),
        _db(floor),
        _adc_floor(fmt, codes.low_bits_unused, sample_rate),
        -math.inf if level.dbfs is None else level.dbfs,
        _db(abs(level.dc) ** 2),
        level.clipped,
        _db(float(i)) - _db(float(q)) if i > 0 and q > 0 else 0.0,
        codes,
        _peaks(density, offsets, usable, floor, center_hz),
        _shape(density, floor),
    )


def band_dbfs(measured: Measured, frequency_hz: float, bandwidth_hz: float) -> float:
    """Power of what stands out of the noise within a band, -inf for nothing."""
    low, high = frequency_hz - bandwidth_hz / 2, frequency_hz + bandwidth_hz / 2
    powers = [
        10 ** (peak.power_dbfs / 10)
        for peak in measured.peaks
        if low <= peak.frequency_hz + peak.width_hz / 2 and peak.frequency_hz - peak.width_hz / 2 <= high
    ]
    return _db(sum(powers))


def _bin_count(sample_rate: float) -> int:
    wanted: int = 1 << round(math.log2(max(sample_rate / _BIN_HZ, 1.0)))
    return min(max(wanted, _BINS[0]), _BINS[1])


def _usable(offsets: Floats, sample_rate: float) -> npt.NDArray[np.bool_]:
    step = sample_rate / len(offsets)
    middle = np.abs(offsets) <= _MIDDLE / 2 * sample_rate
    return np.asarray(middle & (np.abs(offsets) > (_AROUND_DC + 0.5) * step))


def _adc_floor(fmt: str, unused_bits: int, sample_rate: float) -> float | None:
    form = sample_format(fmt)
    if form.dtype.kind == "f":
        return None
    step = 2.0**unused_bits / form.scale
    return _db(2 * step**2 / 12 / sample_rate)


def _peaks(
    density: Floats, offsets: Floats, usable: npt.NDArray[np.bool_], floor: float, center_hz: float
) -> tuple[Peak, ...]:
    if floor <= 0:
        return ()
    step = float(offsets[1] - offsets[0])
    above = np.flatnonzero(usable & (density > floor * 10 ** (PEAK_DB / 10)))
    groups = np.split(above, np.flatnonzero(np.diff(above) > 2) + 1) if above.size else []
    peaks = [
        Peak(
            center_hz + float(np.average(offsets[group], weights=density[group])),
            step * (int(group[-1]) - int(group[0]) + 1),
            _db(float((density[group] - floor).sum()) * step),
        )
        for group in groups
    ]
    return tuple(sorted(peaks, key=lambda peak: -peak.power_dbfs))


def _shape(density: Floats, floor: float) -> tuple[float, ...]:
    if floor <= 0:
        return ()
    # The median of each piece: a carrier is a peak, the shape is that of the noise.
    pieces = np.median(density.reshape(_SHAPE_BINS, -1), axis=1)
    return tuple(round(max(_db(float(piece) / floor), -99.0), 2) for piece in pieces)


def _db(power: float) -> float:
    return 10 * math.log10(power) if power > 0 else -math.inf


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(max(min(value, 999.0), -999.0), 3) if abs(value) < 1e6 or math.isinf(value) else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
