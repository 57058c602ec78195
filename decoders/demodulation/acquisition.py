"""Carrier frequency and symbol clock of one block, estimated from its spectral lines without any loop.

    block ─► spectrum ─► what is not the signal turned down ─► coarse carrier, unless foretold
          ─► clock and carrier from the band's edges and, for QPSK, from the fourth power of the symbols

Every block is estimated from its own samples. A forecast (from the block before) only narrows the search, so
a lost or late signal costs nothing but the blocks it is missing from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.demodulation.carrier import fourth_power
from decoders.demodulation.carrier_search import search_oqpsk, search_qpsk
from decoders.demodulation.edges import Edges, Signal
from decoders.demodulation.filters import PolyphaseBank
from decoders.demodulation.interference import excise, power_of, wide_interference
from decoders.demodulation.matched_filter import matched_samples
from decoders.demodulation.spectral_lines import (
    SEGMENTS,
    WINDOWS,
    Line,
    fit_lines,
    is_outshone,
    segment_power,
    window_sums,
)

BLOCK_SYMBOLS = 18_000
"""Symbols of one estimate: enough to see the lines 4 dB below the threshold of the code at rate 1/2."""

BRIEF_SYMBOLS = 4_500
"""Symbols of an estimate while the signal is steady: enough at the threshold of the code at rate 1/2."""

CARRIER_REACH_HZ, CARRIER_DRIFT_HZ_S = 12_500.0, 60.0
"""Carrier offsets and drifts searched where nothing else is said: those of 137.9 MHz."""

CLOCK_REACH = 150e-6
"""Clock errors searched, relative."""

CLOCK_TOLERANCE = 0.12
"""Largest disagreement, in symbols, that one clock can have with its forecast; more means that samples were
lost."""

_CENTRED_BINS = 50.0  # filters this far off the carrier are as good as centred
_DISTURBED = 50.0  # a carrier this far above the level around it would show in the fourth power
_LINE_FOUND = 0.22  # coherence; noise alone reaches 0.15 in one block of a thousand
_PAIR_FOUND = 2.7  # mean power of a line above noise over the segments; both lines must pass
_STRAIGHT = 0.5  # cycles per block per block, of which a line loses 1.3 % of its coherence
_TINY = 1e-30


def block_samples(sample_rate: float, symbol_rate: float, symbols: int = BLOCK_SYMBOLS) -> int:
    """Samples of a block: an even number with small factors."""
    return 2 * int(scipy.fft.next_fast_len(round(symbols * sample_rate / symbol_rate / 2)))


@dataclass(frozen=True)
class Estimate:
    """What the spectral lines of one block say, in the middle of the block.

    Attributes:
        centre: Sample number of the middle of the block.
        frequency: Carrier, cycles per sample.
        symbol: Position of the symbol clock in symbols: modulo 1 for QPSK, modulo 1/2 for OQPSK.
        symbol_step: Symbols per sample.
        coherence: Of the weakest line that was needed, 0..1.
        samples: Length of the block.
    """

    centre: float
    frequency: float
    symbol: float
    symbol_step: float
    coherence: float
    samples: int


class Analyser:
    """Estimates blocks of `length` samples of one modulation and symbol rate."""

    clock_tolerance = CLOCK_TOLERANCE

    def __init__(
        self,
        *,
        sample_rate: float,
        modulation: str,
        symbol_rate: float,
        rolloff: float,
        length: int,
        carrier_reach_hz: float = CARRIER_REACH_HZ,
        carrier_drift_hz_s: float = CARRIER_DRIFT_HZ_S,
    ) -> None:
        self.sample_rate = sample_rate
        self.modulation = modulation
        self.symbol_rate = symbol_rate
        self.length = length
        self.rolloff = rolloff
        self.bin_hz = sample_rate / length
        symbol_bins = symbol_rate / self.bin_hz
        self.signal = Signal(
            symbol_bins=symbol_bins,
            rolloff=rolloff,
            reach=_reach_bins(carrier_reach_hz, sample_rate, symbol_rate, rolloff) / self.bin_hz,
            clock_reach=max(CLOCK_REACH * symbol_bins, 1.0),
        )
        self.carrier_drift_hz_s = carrier_drift_hz_s
        self._drift_bins = carrier_drift_hz_s / self.bin_hz**2  # per block

    @cached_property
    def bank(self) -> PolyphaseBank:
        """The matched filter."""
        return PolyphaseBank.matched(
            sample_rate=self.sample_rate, symbol_rate=self.symbol_rate, rolloff=self.rolloff
        )

    def estimate(
        self, block: NDArray[np.complex64], start: int, forecast: float | None
    ) -> tuple[Estimate | None, float]:
        """Estimates one block.

        Args:
            block: complex64[length].
            start: Sample number of ``block[0]``.
            forecast: Expected carrier in cycles per sample, or None to search everywhere.

        Returns:
            The estimate, None when the lines do not stand out; and the strongest interferer, its power over
            the level around it (infinite for one wider than a carrier).
        """
        if not np.any(block):
            return None, 0.0
        expected = None if forecast is None else forecast * self.length
        spectrum, strongest = self._without_interference(scipy.fft.fft(block), expected or 0.0)
        if strongest > _DISTURBED and self.modulation == "qpsk":
            block = scipy.fft.ifft(spectrum)
        if expected is not None:
            found = self._find(spectrum, block, start, expected, foretold=True)
            if found is not None:
                return found, strongest
        search = search_oqpsk if self.modulation == "oqpsk" else search_qpsk
        coarse = search(spectrum, self.signal)
        return (None if coarse is None else self._find(spectrum, block, start, coarse)), strongest

    def _find(
        self,
        spectrum: NDArray[np.complex64],
        block: NDArray[np.complex64],
        start: int,
        carrier: float,
        *,
        foretold: bool = False,
    ) -> Estimate | None:
        """The estimate near a carrier in bins; one that was foretold may have jumped anywhere meanwhile."""
        if self.modulation == "oqpsk":
            return self._oqpsk(spectrum, start, carrier, foretold=foretold)
        return self._qpsk(spectrum, block, start, carrier)

    def _without_interference(
        self, whole: NDArray[np.complex64], middle: float
    ) -> tuple[NDArray[np.complex64], float]:
        power = power_of(whole)
        spectrum, strongest = excise(whole, power)
        if strongest > 0:
            power = power_of(spectrum)
        gain = wide_interference(power, middle, self.signal.symbol_bins)
        if gain is None:
            return spectrum, strongest
        return spectrum * gain, float("inf")

    def _oqpsk(
        self, spectrum: NDArray[np.complex64], start: int, carrier: float, *, foretold: bool
    ) -> Estimate | None:
        """Carrier and clock from the squares of the edges."""
        edges = Edges.shaped(spectrum, self.signal, carrier)
        squares = [edge * edge for edge in (edges.upper, edges.lower)]
        sums = np.stack([window_sums(square) for square in squares])
        high, deep = fit_lines(sums, reach=WINDOWS / 2, rates=self._rates(2))
        apart = edges.upper_bin - edges.lower_bin
        clock = (high.frequency - deep.frequency) / 2 + apart
        if min(high.coherence, deep.coherence) < _LINE_FOUND:
            return None
        if foretold and is_outshone(squares[0], high.frequency):
            return None
        if abs(clock - self.signal.symbol_bins) > self.signal.clock_reach:
            return None
        turn = (high.phase - deep.phase) / (2 * np.pi) + apart
        twice = edges.upper_bin + edges.lower_bin
        return Estimate(
            centre=start + self.length / 2,
            frequency=((high.frequency + deep.frequency) / 2 + twice) / 2 / self.length,
            symbol=(turn / 2) % 0.5,
            symbol_step=clock / self.length,
            coherence=min(high.coherence, deep.coherence),
            samples=self.length,
        )

    def _qpsk(
        self,
        spectrum: NDArray[np.complex64],
        block: NDArray[np.complex64],
        start: int,
        carrier: float,
        tries: int = 2,
    ) -> Estimate | None:
        """The clock from the product of the edges, the carrier from the fourth power of the symbols."""
        edges = Edges.shaped(spectrum, self.signal, carrier)
        clock = edges.clock_line(self.signal)
        if clock.coherence < _LINE_FOUND:
            return None
        apart = edges.upper_bin - edges.lower_bin
        symbol = (clock.phase / (2 * np.pi) + apart * 0.5) % 1.0
        step = (clock.frequency + apart) / self.length
        line = self._carrier_line(block, carrier, symbol, step)
        if line is None:
            return None
        if abs(carrier - line.frequency) > _CENTRED_BINS and tries > 1:
            return self._qpsk(spectrum, block, start, line.frequency, tries - 1)
        return Estimate(
            centre=start + self.length / 2,
            frequency=line.frequency / self.length,
            symbol=symbol,
            symbol_step=step,
            coherence=min(clock.coherence, line.coherence),
            samples=self.length,
        )

    def _carrier_line(
        self, block: NDArray[np.complex64], carrier: float, symbol: float, step: float
    ) -> Line | None:
        """Carrier in bins, from the fourth power of the symbols at the estimated clock."""
        whole = WINDOWS * SEGMENTS
        count = int(self.length * step // whole) * whole
        spacing = 1 / step
        symbols = matched_samples(
            block,
            self.bank,
            first=self.length / 2 - (symbol % 1.0) * spacing - (count // 2) * spacing,
            step=spacing,
            count=count,
            frequency=carrier / self.length,
        )
        fourth = fourth_power(symbols)
        power = segment_power(fourth)
        best = int(power.argmax())
        if power[best] < _PAIR_FOUND * max(float(np.median(power)), _TINY):
            return None
        blocks_long = count * spacing / self.length
        size = len(power)
        cycles = (best - size if best >= size // 2 else best) * count / size  # per `count` symbols
        turned = fourth * np.exp(-2j * np.pi * cycles * np.arange(count) / count).astype(np.complex64)
        rates = self._rates(4) * blocks_long**2
        line = fit_lines(window_sums(turned)[None], reach=WINDOWS / 2, rates=rates)[0]
        if line.coherence < _LINE_FOUND:
            return None
        frequency = carrier + (cycles + line.frequency) / blocks_long / 4
        return Line(frequency, line.rate, line.phase, line.coherence)

    def _rates(self, power: int) -> NDArray[np.float64]:
        """Frequency rates to try for a line at `power` times the carrier, cycles per block per block."""
        most = power * self._drift_bins
        steps = int(np.ceil(most - 0.25)) if most > _STRAIGHT else 0
        return np.linspace(-most, most, 2 * steps + 1) if steps else np.zeros(1)


def _reach_bins(reach_hz: float, sample_rate: float, symbol_rate: float, rolloff: float) -> float:
    """The reach, so far that the band's edges stay within what was sampled."""
    return min(reach_hz, max((sample_rate - rolloff * symbol_rate) / 2, 0.0))
