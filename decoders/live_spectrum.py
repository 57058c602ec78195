"""Spectrum and waterfall of what is being received, cheaply: a few transforms out of every block of samples.

`sdr.spectrum` computes those of a finished recording from all samples; here some hundred transforms a second
do, whatever the sample rate.
"""

from __future__ import annotations

import base64
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft

BINS, TRANSFORM = 256, 1024
ROW_S, ROWS = 5.0, 180
"""A row of the waterfall, and how many are kept: a quarter of an hour."""
FLOOR_DBFS_PER_HZ, STEP_DB = -160.0, 0.6

_TRANSFORMS_PER_S = 80
_WINDOW = np.hanning(TRANSFORM + 1)[:-1].astype(np.float32)

Samples = npt.NDArray[np.complex64]
Floats = npt.NDArray[np.float64]


class LiveSpectrum:
    """Takes samples as they come; `sample_rate` in Hz. Density in full scale squared per hertz (Welch)."""

    def __init__(self, sample_rate: float) -> None:
        self._rate = sample_rate
        self._rows: deque[npt.NDArray[np.uint8]] = deque(maxlen=ROWS)
        self._done = 0  # rows completed
        self._sum, self._count, self._heard, self._seen = np.zeros(BINS), 0, 0, 0
        self._newest: Floats | None = None

    def samples(self, block: Samples) -> None:
        """The next samples; shorter than a transform they are passed over."""
        self._seen += len(block)
        wanted = max(round(len(block) / self._rate * _TRANSFORMS_PER_S), 1)
        starts = np.linspace(0, len(block) - TRANSFORM, min(wanted, len(block) // TRANSFORM)).astype(np.intp)
        if len(starts):
            self._add(block[starts[:, None] + np.arange(TRANSFORM)])
        if self._seen >= (self._done + 1) * ROW_S * self._rate:
            self._rows.append(_levels(self._mean()))
            self._done += 1
            self._sum, self._count, self._heard = np.zeros(BINS), 0, 0

    def _add(self, pieces: Samples) -> None:
        # Constant samples, of a gap or a dead receiver, are nothing that was heard: a row of them is empty.
        self._count += len(pieces)
        pieces = pieces[(pieces != pieces[:, :1]).any(axis=1)]
        self._heard += len(pieces)
        spectra = scipy.fft.fft(pieces * _WINDOW, axis=1)
        power = (spectra.real**2 + spectra.imag**2).sum(axis=0, dtype=np.float64)
        power = np.fft.fftshift(power).reshape(BINS, -1).mean(axis=1)
        power /= self._rate * float(np.sum(_WINDOW.astype(np.float64) ** 2))
        self._sum += power
        self._newest = power / max(len(pieces), 1)

    def _mean(self) -> Floats:
        return self._sum / max(self._heard, 1)

    def spectrum(self) -> dict[str, Any] | None:
        """The newest spectrum, frequencies off the centre of the recording; None before the first."""
        if self._newest is None:
            return None
        return {
            "low_hz": -self._rate / 2,
            "high_hz": self._rate / 2,
            "dbfs_per_hz": [round(value, 1) for value in _decibel(self._newest).tolist()],
        }

    def waterfall(self) -> dict[str, Any]:
        """The newest rows, the unfinished one among them: level = floor + step * value, row after row."""
        rows = [*self._rows, _levels(self._mean())] if self._count else list(self._rows)
        kept = rows[-ROWS:]
        total = self._done + (self._count > 0)
        return {
            "row_s": ROW_S,
            "first_row": total - len(kept),
            "rows": base64.b64encode(b"".join(row.tobytes() for row in kept)).decode("ascii"),
            "floor_dbfs_per_hz": FLOOR_DBFS_PER_HZ,
            "step_db": STEP_DB,
        }


def _decibel(power: Floats) -> Floats:
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DBFS_PER_HZ / 10))))


def _levels(power: Floats) -> npt.NDArray[np.uint8]:
    steps = np.rint((_decibel(power) - FLOOR_DBFS_PER_HZ) / STEP_DB)
    return np.asarray(np.clip(steps, 0, 255), np.uint8)
