"""Carrier and symbol clock of one block of a signal whose symbols lie on one axis: BPSK, split-phase PM.

    block ─► steady carriers turned down ─► line at twice the carrier (only where nothing is foretold)
          ─► energy of the matched filter over the phase of the clock ─► squares of the symbols

The squared signal holds a line at twice the carrier whatever the residual carrier, the dongle's spike or a
neighbour's beacon do: those are narrow and are turned down before squaring, the modulation is wide and
symmetrical about its carrier. Source: Gardner, Self-noise in synchronizers, IEEE Trans. Comm. 28 (1980) 1159;
Oerder and Meyr, Digital filter and square timing recovery, ibid. 36 (1988) 605.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.demodulation.acquisition import CLOCK_REACH, CLOCK_TOLERANCE, Estimate
from decoders.demodulation.filters import PolyphaseBank
from decoders.demodulation.matched_filter import matched_samples
from decoders.demodulation.spectral_lines import (
    SEGMENTS,
    WINDOWS,
    Line,
    band,
    fit_lines,
    is_outshone,
    segment_power,
    window_sums,
)
from decoders.demodulation.tones import without_lines, without_tones
from decoders.downlink import Mode

_PHASES = 6
"""Outputs per symbol over which the energy is followed: tells its first two harmonics apart."""

_LINE_FOUND = 0.22  # coherence; noise alone reaches 0.15 in one block of a thousand
_SQUARE_FOUND = 5.0  # mean power of the squared signal's line over the segments, noise 1; 3e-8 per point
_SPLIT_PHASE_TOLERANCE = 0.04  # bits, its clock is known to 0.002, and 0.1 off costs 3 dB
_SPLIT_PHASE_HALF_BAND = 1.3  # bit rates: 80 % of the energy
_HALVES_DIFFER = 0.15  # of the second harmonic; random bits 0.8, one run of equal bits 0
_TINY = 1e-30


class OneRailAnalyser:
    """Estimates blocks of `length` samples of one mode."""

    def __init__(self, mode: Mode, sample_rate: float, bank: PolyphaseBank, length: int) -> None:
        self.sample_rate = sample_rate
        self.modulation = mode.modulation
        self.symbol_rate = mode.symbol_rate
        self.rolloff = mode.rolloff
        self.bank = bank
        self.length = length
        self.clock_tolerance = (
            _SPLIT_PHASE_TOLERANCE if mode.modulation == "split-phase-pm" else CLOCK_TOLERANCE
        )
        self._split_phase = mode.modulation == "split-phase-pm"
        self._seconds = length / sample_rate
        self._windows_long = int(length / sample_rate * mode.symbol_rate) // WINDOWS
        half_band = _SPLIT_PHASE_HALF_BAND if self._split_phase else (1 + mode.rolloff) / 2
        self._half_band_hz = half_band * mode.symbol_rate
        self._reach_hz = mode.carrier_reach_hz
        self.carrier_drift_hz_s = mode.carrier_drift_hz_s
        # Sample number, bit there, bits per sample, of the last block that told the halves of a bit apart.
        self._clock_before: tuple[float, float, float] | None = None

    def estimate(
        self, block: NDArray[np.complex64], start: int, forecast: float | None
    ) -> tuple[Estimate | None, float]:
        """Estimates one block, as `acquisition.Analyser.estimate` does.

        Args:
            block: complex64[length].
            start: Sample number of ``block[0]``.
            forecast: Expected carrier in cycles per sample, or None to search everywhere.

        Returns:
            The estimate, None when the lines do not stand out; and infinity where steady carriers were taken
            out, else 0.
        """
        if not np.any(block):
            return None, 0.0
        if forecast is not None:
            clean, tones = without_tones(block, forecast, residual=self._split_phase)
            found = self.fine(clean, start, forecast, foretold=True)
            if found is not None:
                return found, np.inf if tones else 0.0
        whole = scipy.fft.fft(block)
        # Where the signal repeats itself it is all lines, and stands out with them only.
        for spectrum in (without_lines(whole), whole):
            carrier = self.coarse(spectrum)
            if carrier is not None:
                clean, tones = without_tones(block, carrier, residual=self._split_phase)
                found = self.fine(clean, start, carrier)
                if found is not None:
                    return found, np.inf if tones else 0.0
        return None, 0.0

    def coarse(self, spectrum: NDArray[np.complex64]) -> float | None:
        """Carrier in cycles per sample from the line of the squared signal; None when none stands out.

        Args:
            spectrum: complex64[length], of a block.
        """
        wide_hz = 2 * max(self._reach_hz + self._half_band_hz, 2.1 * self._reach_hz)
        width = min(int(wide_hz * self._seconds), self.length)
        width -= width % SEGMENTS
        power = segment_power(band(spectrum, 0, width) ** 2)
        cycles = scipy.fft.fftfreq(len(power), 1 / len(power)) * (width / len(power))
        line_hz = cycles / self._seconds
        power = np.where(np.abs(line_hz) <= 2 * self._reach_hz, power, 0.0)
        best = int(power.argmax())
        typical = float(np.median(power[power > 0])) if np.any(power > 0) else 0.0
        if power[best] < _SQUARE_FOUND * max(typical, _TINY):
            return None
        return float(line_hz[best]) / 2 / self.sample_rate

    def fine(
        self, block: NDArray[np.complex64], start: int, carrier: float, *, foretold: bool = False
    ) -> Estimate | None:
        """The estimate of a block whose carrier is known to a hundred hertz, None when no line stands out.

        Args:
            block: complex64[length].
            start: Sample number of ``block[0]``.
            carrier: Cycles per sample.
            foretold: Nobody has seen the carrier there yet: it may have jumped anywhere.
        """
        clock = self._clock(block, start, carrier)
        if clock is None:
            return None
        symbol, step = clock
        count = self._windows_long * WINDOWS
        first = self.length / 2 - (symbol + count // 2) / step
        outputs = matched_samples(
            block, self.bank, first=first, step=1 / step, count=count, frequency=carrier
        )
        span = count / step / self.length  # of the block
        drift = 2 * self.carrier_drift_hz_s * (self._seconds * span) ** 2
        steps = max(int(np.ceil(drift)), 1)
        square = outputs * outputs
        rates = np.linspace(-drift, drift, 2 * steps + 1)
        line = fit_lines(window_sums(square)[None], reach=WINDOWS / 2, rates=rates)[0]
        if line.coherence < _LINE_FOUND or (foretold and is_outshone(square, line.frequency)):
            return None
        return Estimate(
            centre=start + self.length / 2,
            frequency=carrier + line.frequency / 2 / (span * self.length),
            symbol=symbol,
            symbol_step=step,
            coherence=line.coherence,
            samples=self.length,
        )

    def _clock(self, block: NDArray[np.complex64], start: int, carrier: float) -> tuple[float, float] | None:
        """Symbol position in the middle of the block, and symbols per sample; None when no line is seen."""
        nominal = self.symbol_rate / self.sample_rate
        count = self._windows_long * WINDOWS
        outputs = matched_samples(
            block,
            self.bank,
            first=self.length / 2 - count / 2 / nominal,
            step=1 / nominal / _PHASES,
            count=count * _PHASES,
            frequency=carrier,
        )
        energy = (outputs.real**2 + outputs.imag**2).reshape(WINDOWS, -1, _PHASES).sum(1, dtype=np.float64)
        harmonics = scipy.fft.fft(energy, axis=1)
        reach = CLOCK_REACH * count
        twice = self._line(harmonics[:, 2], 2 * reach) if self._split_phase else None
        if twice is None:
            # The only line of BPSK, and of bits that alternate.
            line = self._line(harmonics[:, 1], reach)
            return None if line is None else self._at_middle(line.phase, line.frequency, count)
        symbol, step = self._at_middle(twice.phase / 2, twice.frequency / 2, count)
        time = (np.arange(WINDOWS) + 0.5) / WINDOWS - 0.5
        turn = np.exp(-2j * np.pi * (symbol + twice.frequency / 2 * time))
        between = float(np.sum(harmonics[:, 1] * turn).real)
        sure = abs(between) > _HALVES_DIFFER * abs(np.sum(harmonics[:, 2] * turn**2))
        return self._right_half(symbol, step, start + self.length / 2, between < 0, sure), step

    def _right_half(self, symbol: float, step: float, centre: float, between: bool, sure: bool) -> float:
        """Settles which of two instants half a bit apart is the bit's middle.

        Between bits the energy peaks half as high, except in runs of equal bits, which look the same half a
        bit later: there the clock of the block before goes on.
        """
        if sure or self._clock_before is None:
            symbol += 0.5 * between
        else:
            at, position, before = self._clock_before
            expected = position + (centre - at) * (step + before) / 2
            symbol += 0.5 * (round(2 * (expected - symbol)) % 2)
        if sure:
            self._clock_before = (centre, symbol % 1.0, step)
        return symbol % 1.0

    @staticmethod
    def _line(harmonic: NDArray[np.complex128], reach: float) -> Line | None:
        line = fit_lines(harmonic[None], reach=max(reach, 1.0), rates=np.zeros(1))[0]
        return line if line.coherence >= _LINE_FOUND else None

    def _at_middle(self, phase: float, cycles: float, count: int) -> tuple[float, float]:
        # The outputs' middle lies a whole number of symbols behind the first of them.
        return (phase / (2 * np.pi)) % 1.0, self.symbol_rate / self.sample_rate * (1 + cycles / count)
