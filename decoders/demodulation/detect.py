"""Which signal is on air: found by demodulating a piece of it, said in plain words.

A wrong symbol rate or modulation leaves no spectral lines, so a candidate whose blocks lock, one after the
other and at one carrier, cannot be another. Candidates are the modes of a downlink, or for saying what is
there instead of the expected, all modes known and what the signal's own lines speak for (`blind`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.demodulation.blind import Band, guesses, occupied_bands
from decoders.demodulation.carrier import turn_back
from decoders.demodulation.demodulators import open_demodulator
from decoders.demodulation.interference import power_of
from decoders.downlink import CARRIER_REACH, Mode, downlink_names, load_downlink
from decoders.errors import DecoderError
from sdr.formats import usable

_LEAST_SYMBOLS = 15_000  # fewer are not told from noise, and a block of them may be long
_SHARE_LOCKED = 0.3  # of the blocks, of one that is there
_CARRIER_OVER = 1000.0  # a carrier without modulation stands 30 dB above the median bin
_CARRIER_SAMPLES = 1 << 19  # looked at for it: bounds the memory
_SAME_RATE = 1e-3
_NEAR_RATE = 0.03  # further off it is another signal, nearer the sample rate may be wrong
_WORDS = {"qpsk": "QPSK", "oqpsk": "OQPSK", "bpsk": "BPSK", "split-phase-pm": "split-phase PM"}
# What a guess may be; bits of split phase have two halves.
_TRIED = {
    "even": (("split-phase-pm", 0.5), ("split-phase-pm", 1.0), ("bpsk", 1.0), ("qpsk", 1.0)),
    "oqpsk": (("oqpsk", 1.0),),
}


@dataclass(frozen=True)
class Signal:
    """A signal that was found.

    Attributes:
        modulation: As of `Mode`.
        symbol_rate: Measured, Bd.
        offset_hz: Carrier, from the middle of the samples' spectrum.
        esn0_db: Per channel symbol, median where the signal was seen.
        confidence: Share of the symbols that were seen, 0..1.
    """

    modulation: str
    symbol_rate: float
    offset_hz: float
    esn0_db: float
    confidence: float

    def __str__(self) -> str:
        return (
            f"{_WORDS[self.modulation]} at {_kilobauds(self.symbol_rate)} kBd, {self.offset_hz:+.0f} Hz off, "
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
    samples, _ = usable(samples)
    found = [(mode, _seen(samples, sample_rate, mode)) for mode in _distinct(modes)]
    seen = [ModeGuess(mode, signal) for mode, signal in found if signal is not None]
    # The markers of the 80k mode, one every 2 kHz in its spectrum, look like 72 kBd 4 kHz beside the carrier.
    return max(seen, key=lambda guess: _carrier_to_noise(guess.signal), default=None)


def describe(samples: NDArray[np.complex64], sample_rate: float, expected: Sequence[Mode] = ()) -> str:
    """What the samples hold, in plain words for a report.

    Args:
        samples: complex64[n].
        sample_rate: Hz.
        expected: The modes that were looked for; the answer names what differs from them.
    """
    samples, _ = usable(samples)
    if len(samples) == 0:
        return "nothing: there are no samples"
    if not np.any(samples):
        return "nothing: every sample is zero"
    signal = _any_signal(samples, sample_rate, expected)
    if signal is not None:
        return f"{signal}{_compared(signal, expected)}"
    offset_hz = _bare_carrier(samples, sample_rate)
    if offset_hz is not None:
        return f"a carrier without modulation, {offset_hz:+.0f} Hz off"
    symbols = len(samples) / sample_rate * max((mode.symbol_rate for mode in expected), default=math.inf)
    return "only noise" if symbols > _LEAST_SYMBOLS else f"too little to tell: {len(samples)} samples"


def _any_signal(
    samples: NDArray[np.complex64], sample_rate: float, expected: Sequence[Mode]
) -> Signal | None:
    """The expected signal, another one that is known, or whatever its own lines tell."""
    known = [mode for name in downlink_names() for mode in load_downlink(name).modes]
    seconds = len(samples) / sample_rate
    known_here = [mode for mode in known if seconds * mode.symbol_rate > _LEAST_SYMBOLS]
    guess = choose_mode(samples, sample_rate, [*expected, *known_here])
    other = _unknown_signal(samples, sample_rate, known)
    if guess is None or (other is not None and _is_more(other, guess.signal)):
        return other
    return guess.signal


def _unknown_signal(
    samples: NDArray[np.complex64], sample_rate: float, known: Sequence[Mode]
) -> Signal | None:
    """What the lines of the strongest band that shows any tell."""
    for band in occupied_bands(samples, sample_rate):
        step = np.array([band.middle_hz / sample_rate])
        centred = turn_back(samples, np.zeros(1), step, len(samples))
        modes = _guessed_modes(band, len(samples) / sample_rate, known)
        found = [_seen(centred, sample_rate, mode) for mode in modes]
        seen = [signal for signal in found if signal is not None]
        if seen:
            best = max(seen, key=_carrier_to_noise)
            return replace(best, offset_hz=best.offset_hz + band.middle_hz)
    return None


def _guessed_modes(band: Band, seconds: float, known: Sequence[Mode]) -> Iterator[Mode]:
    """Made-up modes to try in a band."""
    kinds = {mode.modulation: mode for mode in known}
    carrier_hz = max(band.width_hz / 8, 200.0) / CARRIER_REACH
    for guess in guesses(band):
        if seconds * guess.symbol_rate < _LEAST_SYMBOLS:
            continue
        for modulation, share in _TRIED[guess.kind]:
            mode = replace(kinds[modulation], carrier_hz=carrier_hz)
            yield replace(mode, symbol_rate=share * guess.symbol_rate)


def _carrier_to_noise(signal: Signal) -> float:
    """Of several readings of one signal the right one finds most; BPSK reads as QPSK too, but no better."""
    return signal.esn0_db + 10 * math.log10(signal.symbol_rate) - (signal.modulation == "qpsk")


def _is_more(signal: Signal, known: Signal) -> bool:
    """Whether a signal that nobody expected explains the samples better than a known one, by 1 dB or more."""
    return _carrier_to_noise(signal) > _carrier_to_noise(known) + 1.0


def _distinct(modes: Sequence[Mode]) -> list[Mode]:
    """Modes without those that are modulated as one before."""
    return list({(mode.modulation, mode.symbol_rate): mode for mode in reversed(modes)}.values())[::-1]


def _seen(samples: NDArray[np.complex64], sample_rate: float, mode: Mode) -> Signal | None:
    """What demodulating as `mode` tells, None when it does not lock."""
    try:
        demodulator = open_demodulator(mode, sample_rate)
    except DecoderError:  # the sample rate cannot hold it
        return None
    blocks = [demodulator.process(samples), demodulator.flush()]
    locked = np.concatenate([block.locked for block in blocks])
    report = demodulator.report
    if report.offset_hz is None or report.symbol_rate is None or not len(locked):
        return None
    share = float(np.mean(locked))
    # Noise that looks like a line for once starts the clock anew each time.
    if share < _SHARE_LOCKED or 2 * report.jumps > report.blocks_locked + 1:
        return None
    esn0_db = np.concatenate([block.esn0_db for block in blocks])[locked]
    return Signal(
        modulation=mode.modulation,
        symbol_rate=report.symbol_rate,
        offset_hz=report.offset_hz,
        esn0_db=float(np.median(esn0_db)),
        confidence=share,
    )


def _compared(signal: Signal, expected: Sequence[Mode]) -> str:
    """The end of the sentence: in what the signal differs from what was looked for."""
    if not expected:
        return ""
    same = [mode for mode in expected if mode.modulation == signal.modulation] or list(expected)
    nearest = min(same, key=lambda mode: abs(signal.symbol_rate - mode.symbol_rate))
    error = signal.symbol_rate / nearest.symbol_rate - 1
    if nearest.modulation == signal.modulation and abs(error) < _SAME_RATE:
        return ", as expected, but no frame in it could be proven"
    what = "" if nearest.modulation == signal.modulation else f"{_WORDS[nearest.modulation]} at "
    said = f", expected {what}{_kilobauds(nearest.symbol_rate)}"
    if nearest.modulation == signal.modulation and abs(error) < _NEAR_RATE:
        said += f": is the sample rate {abs(error):.1%} off?"
    return said


def _kilobauds(symbol_rate: float) -> str:
    """72.0, but 72.72: as many digits as it takes."""
    short = f"{symbol_rate / 1000:.1f}"
    long = f"{symbol_rate / 1000:.2f}"
    return short if abs(float(short) * 1000 / symbol_rate - 1) < _SAME_RATE / 10 else long


def _bare_carrier(samples: NDArray[np.complex64], sample_rate: float) -> float | None:
    """Offset in Hz of the strongest narrow line, None when none stands out."""
    block = samples[:_CARRIER_SAMPLES]
    if len(block) < 64:
        return None
    power = power_of(scipy.fft.fft(block * np.hanning(len(block)).astype(np.float32), overwrite_x=True))
    peak = int(power.argmax())
    if power[peak] < _CARRIER_OVER * max(float(np.median(power)), 1e-30):
        return None
    return float(scipy.fft.fftfreq(len(block), 1 / sample_rate)[peak])
