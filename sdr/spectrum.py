"""Power spectra of samples by Welch's method; `sdr.survey` takes those of a whole recording.

Hann windows that overlap by half, averaged. Power spectral density in full scale squared per hertz: its sum
times the width of a bin is the mean power (Parseval), so that the noise of recordings can be compared.
Source: P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans.
Audio Electroacoust. AU-15 (1967) 70-73.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft

from sdr.formats import Samples

Floats = npt.NDArray[np.float64]

_AT_ONCE = 1 << 18  # samples: some MB of spectra


def frequencies_hz(sample_rate: float, bins: int) -> Floats:
    """Middle of each bin off the centre, rising [bins]."""
    return np.asarray(np.fft.fftshift(np.fft.fftfreq(bins, 1 / sample_rate)), np.float64)


def power_density(samples: Samples, sample_rate: float, bins: int) -> Floats:
    """Density of samples [≥ bins] by Welch's method, frequencies rising [bins]; NaN when all are zero.

    Windows that hold nothing but zeros are a gap and left out.
    """
    total, used = np.zeros(bins), 0
    windows = (len(samples) - bins) // (bins // 2) + 1
    step = max(_AT_ONCE // bins, 1)
    for first in range(0, windows, step):
        begin = first * (bins // 2)
        powers = window_powers(samples[begin : begin + (step - 1) * (bins // 2) + bins], bins)
        total += powers.sum(axis=0, dtype=np.float64)
        used += int(np.count_nonzero(powers.any(axis=1)))
    return density_of(total, used, sample_rate) if used else np.full(bins, np.nan)


def window_powers(samples: Samples, bins: int) -> npt.NDArray[np.float32]:
    """Squared magnitudes of the transforms of Hann windows, each half a window after the last.

    Args:
        samples: complex64 [n], n ≥ bins.
        bins: length of the transform, even.

    Returns:
        [(n - bins) // (bins / 2) + 1, bins], in the order of the transform.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, bins)[:: bins // 2]
    spectra = scipy.fft.fft(frames * _hann(bins), axis=1, overwrite_x=True)
    return np.asarray(spectra.real**2 + spectra.imag**2, np.float32)


def density_of(powers: Floats, windows: int | Floats, sample_rate: float) -> Floats:
    """Density from summed window powers [..., bins], frequencies rising [..., bins].

    Args:
        powers: sums of rows of `window_powers`.
        windows: how many rows were summed up, a number or [..., 1].
        sample_rate: Hz.
    """
    scale = sample_rate * float(np.sum(_hann(powers.shape[-1]).astype(np.float64) ** 2))
    return np.asarray(np.fft.fftshift(powers / (scale * windows), axes=-1), np.float64)


def _hann(bins: int) -> npt.NDArray[np.float32]:
    return np.asarray(np.hanning(bins + 1)[:-1], np.float32)
