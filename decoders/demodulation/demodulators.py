"""The demodulator of a mode, by its modulation."""

from __future__ import annotations

from typing import Protocol

from decoders.demodulation import one_rail
from decoders.demodulation.demodulator import SAMPLES_PER_SYMBOL, Demodulator
from decoders.demodulation.intake import DemodulatorReport
from decoders.demodulation.observer import Observer
from decoders.demodulation.soft_block import SoftBlock
from decoders.downlink import Mode
from sdr.formats import Codes, Samples


class AnyDemodulator(Protocol):
    """What every demodulator offers; hand in samples in any portions, then flush.

    Attributes:
        observer: Told what is seen on the way; None where nobody looks.
    """

    observer: Observer | None

    @property
    def factor(self) -> int:
        """By which the rate is lowered first."""

    @property
    def report(self) -> DemodulatorReport:
        """What happened so far."""

    def process(self, samples: Samples | Codes, *, patient: bool = False) -> SoftBlock:
        """Takes more samples and returns the soft bits that no later sample can change, or some of them."""

    def flush(self) -> SoftBlock:
        """The rest, once there are no more samples."""


def least_sample_rate(mode: Mode) -> float:
    """Lowest sample rate that `open_demodulator` takes for `mode`, Hz."""
    if mode.modulation in one_rail.MODULATIONS:
        return one_rail.least_sample_rate(mode)
    return SAMPLES_PER_SYMBOL * mode.symbol_rate


def open_demodulator(mode: Mode, sample_rate: float) -> AnyDemodulator:
    """The demodulator for signals of `mode`.

    Args:
        mode: What is on air.
        sample_rate: Hz.

    Raises:
        DecoderError: The sample rate cannot hold the signal.
    """
    if mode.modulation in one_rail.MODULATIONS:
        return one_rail.OneRailDemodulator(mode, sample_rate)
    return Demodulator(
        sample_rate=sample_rate,
        modulation=mode.modulation,
        symbol_rate=mode.symbol_rate,
        rolloff=mode.rolloff,
        carrier_reach_hz=mode.carrier_reach_hz,
        carrier_drift_hz_s=mode.carrier_drift_hz_s,
    )
