"""Carrier frequency and symbol clock of one block, estimated from its spectral lines without any loop.

Every block is estimated from its own samples. A forecast (from the block before) only narrows the search, so
a lost or late signal costs nothing but the blocks it is missing from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.carrier import fourth_power
from decoders.filters import PolyphaseBank
from decoders.matched_filter import matched_samples
from decoders.spectral_lines import WINDOWS, Line, band, edge_weight, excise, fit_lines, is_comb, window_sums

CARRIER_REACH_HZ = 12_500.0
"""Carrier offsets searched: 50 ppm at 137.9 MHz, Doppler, and room to spare."""

CLOCK_REACH = 150e-6
"""Clock errors searched, relative."""

_RATE_REACH_HZ_S = 60.0  # Doppler changes by at most 30 Hz/s at 137.9 MHz; a warming dongle adds to it
_CENTRED_HZ = 200.0  # filters this far off the carrier are as good as centred
_SEGMENTS = 8
_TINY = 1e-30
_DISTURBED = 50.0  # a carrier this far above the level around it would show in the fourth power
_LINE_FOUND = 0.22  # coherence; noise alone reaches 0.15 in one block of a thousand
_PAIR_FOUND = 2.7  # mean power of a line above noise over the segments; both lines must pass


@dataclass(frozen=True)
class Estimate:
    """What the spectral lines of one block say, in the middle of the block.

    Attributes:
        centre: Sample number of the middle of the block.
        frequency: Carrier, cycles per sample.
        symbol: Position of the symbol clock in symbols: modulo 1 for QPSK, modulo 1/2 for OQPSK.
        symbol_step: Symbols per sample.
        coherence: Of the weakest line that was needed, 0..1.
    """

    centre: float
    frequency: float
    symbol: float
    symbol_step: float
    coherence: float


class Analyser:
    """Estimates blocks of `length` samples of one modulation and symbol rate."""

    def __init__(
        self, *, sample_rate: float, modulation: str, symbol_rate: float, rolloff: float, length: int
    ) -> None:
        self.sample_rate = sample_rate
        self.modulation = modulation
        self.symbol_rate = symbol_rate
        self.length = length
        self.rolloff = rolloff
        self.bin_hz = sample_rate / length
        self.symbol_bins = symbol_rate / self.bin_hz
        self.bank = PolyphaseBank.matched(sample_rate=sample_rate, symbol_rate=symbol_rate, rolloff=rolloff)
        self._reach = CARRIER_REACH_HZ / self.bin_hz
        self._clock_reach = max(CLOCK_REACH * self.symbol_bins, 1.0)
        self._edge_width = _multiple(rolloff * self.symbol_bins, WINDOWS)
        self._wide_width = _multiple(rolloff * self.symbol_bins + 2 * self._reach, WINDOWS)

    def estimate(
        self, block: NDArray[np.complex64], start: int, forecast: float | None
    ) -> tuple[Estimate | None, float]:
        """Estimates one block.

        Args:
            block: complex64[length].
            start: Sample number of ``block[0]``.
            forecast: Expected carrier in cycles per sample, or None to search everywhere.

        Returns:
            The estimate, None when the lines do not stand out; and the strongest steady carrier, its power
            over the level around it.
        """
        if not np.any(block):
            return None, 0.0
        whole = scipy.fft.fft(block)
        spectrum, strongest = excise(whole)
        if strongest > 0 and is_comb(whole):
            spectrum, strongest = whole, 0.0
        if strongest > _DISTURBED and self.modulation == "qpsk":
            block = scipy.fft.ifft(spectrum)
        find = self._oqpsk if self.modulation == "oqpsk" else self._qpsk
        if forecast is not None:
            found = find(spectrum, block, start, forecast * self.length)
            if found is not None:
                return found, strongest
        coarse = self._coarse_oqpsk(spectrum) if self.modulation == "oqpsk" else self._coarse_qpsk(spectrum)
        return (None if coarse is None else find(spectrum, block, start, coarse)), strongest

    def _edges(
        self, spectrum: NDArray[np.complex64], carrier: float, width: int, *, shaped: bool
    ) -> tuple[NDArray[np.complex64], NDArray[np.complex64], int, int]:
        """Upper and lower band edge around `carrier` (bins), and the bins that became zero frequency."""
        upper = round(carrier + self.symbol_bins / 2)
        lower = round(carrier - self.symbol_bins / 2)
        offset = np.arange(width, dtype=np.float64) - width // 2
        weights: list[NDArray[np.float32] | None] = [None, None]
        if shaped:
            above = np.asarray((offset + (upper - carrier)) / self.symbol_bins - 0.5, np.float64)
            below = np.asarray((carrier - lower - offset) / self.symbol_bins - 0.5, np.float64)
            weights = [edge_weight(above, self.rolloff), edge_weight(below, self.rolloff)]
        return (
            band(spectrum, upper, width, weights[0]),
            band(spectrum, lower, width, weights[1]),
            upper,
            lower,
        )

    # OQPSK: both carrier and clock from the squares of the edges.

    def _coarse_oqpsk(self, spectrum: NDArray[np.complex64]) -> float | None:
        """Carrier in bins, from the pair of lines one symbol rate either side of twice the carrier."""
        width = self._wide_width
        upper, lower, up, low = self._edges(spectrum, 0.0, width, shaped=False)
        powers = [_segment_power(edge * edge) for edge in (upper, lower)]
        size = len(powers[0])
        per_bin = size * _SEGMENTS / width  # transform points per cycle per block
        reach = int(2 * self._reach * per_bin / _SEGMENTS)
        twice = np.arange(-reach, reach + 1)
        shifts = (self.symbol_bins - 2 * up, -self.symbol_bins - 2 * low)
        pair = [
            power[(twice + round(shift * per_bin / _SEGMENTS)) % size] / max(float(np.median(power)), _TINY)
            for power, shift in zip(powers, shifts, strict=True)
        ]
        near = [np.max([np.roll(p, step) for step in (-1, 0, 1)], axis=0) for p in pair]
        score = np.sqrt(near[0] * near[1])
        best = int(score.argmax())
        return float(twice[best] * _SEGMENTS / per_bin / 2) if score[best] > _PAIR_FOUND else None

    def _oqpsk(
        self, spectrum: NDArray[np.complex64], block: NDArray[np.complex64], start: int, carrier: float
    ) -> Estimate | None:
        del block
        upper, lower, up, low = self._edges(spectrum, carrier, self._edge_width, shaped=True)
        sums = np.stack([window_sums(edge * edge) for edge in (upper, lower)])
        high, deep = fit_lines(sums, reach=WINDOWS / 2, rates=self._rates(2))
        clock = (high.frequency + 2 * up - deep.frequency - 2 * low) / 2
        if min(high.coherence, deep.coherence) < _LINE_FOUND:
            return None
        if abs(clock - self.symbol_bins) > self._clock_reach:
            return None
        middle = self.length / 2
        turn = (high.phase - deep.phase) / (2 * np.pi) + (2 * up - 2 * low) * 0.5
        return Estimate(
            centre=start + middle,
            frequency=(high.frequency + 2 * up + deep.frequency + 2 * low) / 4 / self.length,
            symbol=(turn / 2) % 0.5,
            symbol_step=clock / self.length,
            coherence=min(high.coherence, deep.coherence),
        )

    # QPSK: the clock from the product of the edges, the carrier from the fourth power of the symbols.

    def _clock_line(
        self, upper: NDArray[np.complex64], lower: NDArray[np.complex64], difference: int
    ) -> Line:
        sums = window_sums(upper * lower.conj())[None]
        return fit_lines(
            sums, reach=self._clock_reach, rates=np.zeros(1), centre=self.symbol_bins - difference
        )[0]

    def _coarse_qpsk(self, spectrum: NDArray[np.complex64]) -> float | None:
        """Carrier in bins, from where along the frequency axis the two edges correlate."""
        width = self._wide_width
        upper, lower, up, low = self._edges(spectrum, 0.0, width, shaped=False)
        line = self._clock_line(upper, lower, up - low)
        time = np.arange(width) / width - 0.5
        aligned = lower * np.exp(1j * (2 * np.pi * line.frequency * time + line.phase)).astype(np.complex64)
        shared = (scipy.fft.fft(upper) * scipy.fft.fft(aligned).conj()).real
        template = np.zeros(width)
        offset = np.arange(
            -int(self.rolloff * self.symbol_bins / 2), int(self.rolloff * self.symbol_bins / 2) + 1
        )
        template[offset] = np.cos(np.pi * offset / (self.rolloff * self.symbol_bins))
        score = scipy.fft.ifft(scipy.fft.fft(shared) * scipy.fft.fft(template).conj()).real
        noise = np.sqrt(np.sum(template**2) * np.mean(shared**2))
        best = int(score.argmax())
        signed = best - width if best >= width // 2 else best
        carrier = signed + (up + low) / 2
        return float(carrier) if score[best] > 5 * noise and abs(carrier) <= self._reach * 1.1 else None

    def _qpsk(
        self,
        spectrum: NDArray[np.complex64],
        block: NDArray[np.complex64],
        start: int,
        carrier: float,
        tries: int = 2,
    ) -> Estimate | None:
        upper, lower, up, low = self._edges(spectrum, carrier, self._edge_width, shaped=True)
        clock = self._clock_line(upper, lower, up - low)
        if clock.coherence < _LINE_FOUND:
            return None
        symbol = (clock.phase / (2 * np.pi) + (up - low) * 0.5) % 1.0
        step = (clock.frequency + up - low) / self.length
        line = self._carrier_line(block, carrier, symbol, step)
        if line is None:
            return None
        if abs(carrier - line.frequency) * self.bin_hz > _CENTRED_HZ and tries > 1:
            return self._qpsk(spectrum, block, start, line.frequency, tries - 1)
        return Estimate(
            centre=start + self.length / 2,
            frequency=line.frequency / self.length,
            symbol=symbol,
            symbol_step=step,
            coherence=min(clock.coherence, line.coherence),
        )

    def _carrier_line(
        self, block: NDArray[np.complex64], carrier: float, symbol: float, step: float
    ) -> Line | None:
        """Carrier in bins, from the fourth power of the symbols at the estimated clock."""
        count = _multiple(self.length * step, WINDOWS * _SEGMENTS) - WINDOWS * _SEGMENTS
        spacing = 1 / step
        first = self.length / 2 - (symbol % 1.0) * spacing - (count // 2) * spacing
        symbols = matched_samples(
            block, self.bank, first=first, step=spacing, count=count, frequency=carrier / self.length
        )
        fourth = fourth_power(symbols)
        power = _segment_power(fourth)
        best = int(power.argmax())
        if power[best] < _PAIR_FOUND * max(float(np.median(power)), _TINY):
            return None
        blocks_long = count * spacing / self.length
        size = len(power)
        cycles = (best - size if best >= size // 2 else best) * count / size  # per `count` symbols
        index = np.arange(count)
        turned = fourth * np.exp(-2j * np.pi * cycles * index / count).astype(np.complex64)
        line = fit_lines(window_sums(turned)[None], reach=WINDOWS / 2, rates=self._rates(4) * blocks_long**2)[
            0
        ]
        if line.coherence < _LINE_FOUND:
            return None
        return Line(
            carrier + (cycles + line.frequency) / blocks_long / 4, line.rate, line.phase, line.coherence
        )

    def _rates(self, power: int) -> NDArray[np.float64]:
        """Frequency rates to try for a line at `power` times the carrier, cycles per block per block."""
        per_block = power * _RATE_REACH_HZ_S / self.bin_hz**2
        steps = max(int(np.ceil(per_block)), 1)
        return np.linspace(-per_block, per_block, 2 * steps + 1)


def _segment_power(values: NDArray[np.complex64]) -> NDArray[np.float64]:
    """Mean power spectrum over segments of a block, each zero-padded to twice its length or more."""
    length = len(values) // _SEGMENTS
    size = scipy.fft.next_fast_len(2 * length)
    spectra = scipy.fft.fft(values[: length * _SEGMENTS].reshape(_SEGMENTS, length), size, axis=1)
    power: NDArray[np.float64] = np.mean(spectra.real**2 + spectra.imag**2, axis=0)
    return power


def _multiple(value: float, of: int) -> int:
    """The smallest multiple of `of` that is not below `value`."""
    return int(-(-value // of)) * of
