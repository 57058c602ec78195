"""Which signal is on air: symbol rate and modulation from spectral lines, said in plain words.

Each candidate is looked for in blocks of a quarter of a second, see `acquisition`. QPSK leaves a line at its
symbol rate and no lines beside twice its carrier, OQPSK the other way round, and a wrong symbol rate leaves
nothing, so one that is found in several blocks at one carrier cannot be another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.acquisition import Analyser, Estimate, block_samples
from decoders.demodulator import Demodulator, usable
from decoders.downlink import Mode

KNOWN_SIGNALS = (("qpsk", 72_000.0), ("oqpsk", 72_000.0), ("qpsk", 80_000.0), ("oqpsk", 80_000.0))
"""What METEOR satellites have sent at 137 MHz, for saying what is there instead of the expected."""

_KNOWN_ROLLOFF = 0.6
_BLOCKS = 24  # six seconds, spread evenly, are looked at however long the samples are
_SAME_CARRIER_HZ = 400.0  # Doppler moves the carrier by 30 Hz in a second
_SURE_ALONE = 0.5  # coherence that one block needs when no other confirms it
_CARRIER_OVER = 1000.0  # a carrier without modulation stands 30 dB above the median bin


@dataclass(frozen=True)
class Signal:
    """A signal that was found.

    Attributes:
        modulation: "qpsk" or "oqpsk".
        symbol_rate: Measured, Bd.
        offset_hz: Carrier, from the middle of the samples' spectrum.
        esn0_db: Energy per channel symbol over N0, median where the signal was seen.
        confidence: Share of the blocks that showed it times the mean coherence of its lines, 0..1.
    """

    modulation: str
    symbol_rate: float
    offset_hz: float
    esn0_db: float
    confidence: float

    def __str__(self) -> str:
        return (
            f"{self.modulation.upper()} at {self.symbol_rate / 1000:.1f} kBd, {self.offset_hz:+.0f} Hz off, "
            f"about {self.esn0_db:.0f} dB"
        )


@dataclass(frozen=True)
class ModeGuess:
    """The mode that fits, and the signal that showed it."""

    mode: Mode
    signal: Signal

    @property
    def confidence(self) -> float:
        """As of the signal, 0..1."""
        return self.signal.confidence

    def __str__(self) -> str:
        return f"{self.mode.name}: {self.signal}"


def choose_mode(
    samples: NDArray[np.complex64], sample_rate: float, modes: Sequence[Mode]
) -> ModeGuess | None:
    """The mode on air, or None when none of them is.

    Args:
        samples: complex64[n]; a second or two are enough at Es/N0 1 dB and above.
        sample_rate: Hz.
        modes: Candidates; of several with one modulation and symbol rate the first is chosen.
    """
    kinds = {(mode.modulation, mode.symbol_rate): mode for mode in reversed(modes)}
    rolloffs = {kind: mode.rolloff for kind, mode in kinds.items()}
    found = _strongest(usable(samples)[0], sample_rate, rolloffs)
    return None if found is None else ModeGuess(kinds[found[0]], found[1])


def describe(samples: NDArray[np.complex64], sample_rate: float) -> str:
    """What the samples hold, in plain words for a report."""
    samples, _ = usable(samples)
    if len(samples) == 0:
        return "nothing: there are no samples"
    if not np.any(samples):
        return "nothing: every sample is zero"
    found = _strongest(samples, sample_rate, dict.fromkeys(KNOWN_SIGNALS, _KNOWN_ROLLOFF))
    if found is not None:
        return str(found[1])
    offset_hz = _bare_carrier(samples, sample_rate)
    return "only noise" if offset_hz is None else f"a carrier without modulation, {offset_hz:+.0f} Hz off"


def _strongest(
    samples: NDArray[np.complex64], sample_rate: float, rolloffs: dict[tuple[str, float], float]
) -> tuple[tuple[str, float], Signal] | None:
    best: tuple[float, tuple[str, float], Signal] | None = None
    for (modulation, symbol_rate), rolloff in rolloffs.items():
        if sample_rate < 1.3 * symbol_rate:
            continue
        length = block_samples(sample_rate, symbol_rate)
        starts = _starts(len(samples), length)
        analyser = Analyser(
            sample_rate=sample_rate,
            modulation=modulation,
            symbol_rate=symbol_rate,
            rolloff=rolloff,
            length=length,
        )
        seen = _sightings(samples, starts, analyser)
        score = sum(estimate.coherence for _, estimate in seen) / len(starts)
        if len(seen) < 2 and score * len(starts) < _SURE_ALONE:
            continue
        if best is None or score > best[0]:
            best = (score, (modulation, symbol_rate), _signal(samples, analyser, seen, score))
    return None if best is None else (best[1], best[2])


def _starts(total: int, length: int) -> list[int]:
    """First samples of up to `_BLOCKS` whole blocks, or of one that reaches beyond the end."""
    count = max(min(total // length, _BLOCKS), 1)
    return [int(start) for start in np.linspace(0, max(total - length, 0), count)]


def _sightings(
    samples: NDArray[np.complex64], starts: list[int], analyser: Analyser
) -> list[tuple[int, Estimate]]:
    """Blocks that show the signal at one carrier, allowing for Doppler between them."""
    seen: list[tuple[int, Estimate]] = []
    for start in starts:
        block = samples[start : start + analyser.length]
        block = np.concatenate([block, np.zeros(analyser.length - len(block), np.complex64)])
        estimate, _ = analyser.estimate(block, start, None)
        if estimate is not None:
            seen.append((start, estimate))
    if not seen:
        return []
    middle = float(np.median([estimate.frequency for _, estimate in seen]))
    allowed = (_SAME_CARRIER_HZ + 60.0 * len(samples) / analyser.sample_rate) / analyser.sample_rate
    return [(start, estimate) for start, estimate in seen if abs(estimate.frequency - middle) < allowed]


def _signal(
    samples: NDArray[np.complex64], analyser: Analyser, seen: list[tuple[int, Estimate]], confidence: float
) -> Signal:
    """Measures Es/N0 where the lines are strongest."""
    start, best = max(seen, key=lambda sighting: sighting[1].coherence)
    demodulator = Demodulator(
        sample_rate=analyser.sample_rate,
        modulation=analyser.modulation,
        symbol_rate=analyser.symbol_rate,
        rolloff=analyser.rolloff,
    )
    demodulator.process(samples[start : start + analyser.length])
    esn0_db = demodulator.flush().esn0_db
    return Signal(
        modulation=analyser.modulation,
        symbol_rate=best.symbol_step * analyser.sample_rate,
        offset_hz=best.frequency * analyser.sample_rate,
        esn0_db=float(np.median(esn0_db)) if len(esn0_db) else float("-inf"),
        confidence=confidence,
    )


def _bare_carrier(samples: NDArray[np.complex64], sample_rate: float) -> float | None:
    """Offset in Hz of the strongest narrow line, None when none stands out."""
    block = samples[: 1 << 20]
    if len(block) < 64:
        return None
    power = np.abs(scipy.fft.fft(block * np.hanning(len(block)).astype(np.float32))) ** 2
    peak = int(power.argmax())
    if power[peak] < _CARRIER_OVER * max(float(np.median(power)), 1e-30):
        return None
    return float(scipy.fft.fftfreq(len(block), 1 / sample_rate)[peak])
