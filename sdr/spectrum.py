"""Spectrum against time of a recording, as arrays; drawing is in `sdr.spectrum_image`.

Welch's method: Hann windows that overlap by half, averaged. Power spectral density in full scale squared per
hertz: its sum times the width of a bin is the mean power (Parseval), so that the noise of recordings can be
compared. Source: P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE
Trans. Audio Electroacoust. AU-15 (1967) 70-73.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from sdr.errors import SdrError
from sdr.formats import Samples
from sdr.recording import SampleReader

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Waterfall:
    """Spectra in the order of time.

    Attributes:
        time_s: middle of each row since the first sample [rows].
        frequency_hz: off the centre of the recording, rising [bins].
        density: full scale squared per hertz [rows, bins], float32; NaN where a row lies in a gap.
    """

    time_s: Floats
    frequency_hz: Floats
    density: npt.NDArray[np.float32]

    def dbfs_per_hz(self) -> npt.NDArray[np.float32]:
        """Density in dB below full scale per hertz; NaN in gaps and where there is no power at all."""
        with np.errstate(divide="ignore", invalid="ignore"):
            decibel = 10 * np.log10(self.density)
        return np.where(np.isfinite(decibel), decibel, np.nan).astype(np.float32)

    def mean(self) -> Floats:
        """Spectrum of the whole recording, gaps left out [bins]; NaN where nothing is left."""
        rows = self.density[~np.isnan(self.density[:, 0])].astype(np.float64)
        return rows.mean(axis=0) if len(rows) else np.full(len(self.frequency_hz), np.nan)


def waterfall(reader: SampleReader, *, row_s: float = 1.0, bins: int = 1024) -> Waterfall:
    """Read a recording to its end and give its spectra.

    Args:
        reader: a fresh one.
        row_s: seconds of samples to a row; the last row may hold less.
        bins: length of the transform.

    Raises:
        SdrError: a row holds less than one transform, or fewer than 8 bins.
    """
    rate = reader.info.sample_rate
    length = round(row_s * rate)
    if bins < 8 or length < bins:
        raise SdrError(
            f"rows of {length} samples and {bins} bins; a row holds at least one transform of 8 bins or more"
        )
    rows, times = [], []
    while len(samples := reader.read(length)) >= bins:
        rows.append(power_density(samples, rate, bins))
        times.append((reader.position - len(samples) / 2) / rate)
    density = np.array(rows, np.float32).reshape(len(rows), bins)
    return Waterfall(np.array(times), frequencies_hz(rate, bins), density)


def frequencies_hz(sample_rate: float, bins: int) -> Floats:
    """Middle of each bin off the centre, rising [bins]."""
    return np.asarray(np.fft.fftshift(np.fft.fftfreq(bins, 1 / sample_rate)), np.float64)


def power_density(samples: Samples, sample_rate: float, bins: int) -> Floats:
    """Density of samples [≥ bins] by Welch's method, frequencies rising [bins]; NaN when all are zero.

    Windows that hold nothing but zeros are a gap and left out.
    """
    window = np.hanning(bins + 1)[:-1].astype(np.float32)
    total, used = np.zeros(bins), 0
    starts = np.arange(0, len(samples) - bins + 1, bins // 2)
    for group in np.array_split(starts, max(len(starts) * bins >> 18, 1)):  # some MB at a time
        blocks = samples[group[:, None] + np.arange(bins)]
        blocks = blocks[blocks.any(axis=1)]
        spectra = scipy.fft.fft(blocks * window, axis=1)
        total += np.sum(spectra.real**2 + spectra.imag**2, axis=0, dtype=np.float64)
        used += len(blocks)
    if not used:
        return np.full(bins, np.nan)
    scale = sample_rate * float(np.sum(window.astype(np.float64) ** 2)) * used
    return np.asarray(np.fft.fftshift(total / scale), np.float64)
