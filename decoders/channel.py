"""What of a wide recording a downlink wants: the channel about its carrier, at the rate that holds it."""

from __future__ import annotations

from collections.abc import Sequence

from decoders.demodulation.demodulators import least_sample_rate
from decoders.demodulation.split_phase import TRANSMITTER_HZ
from decoders.downlink import Mode
from sdr.channel_filter import PASS_SHARE
from sdr.channeliser import Channel, Curve


def channel_of(
    modes: Sequence[Mode], frequency_hz: float, wide_rate: float, doppler: Curve | None = None
) -> Channel:
    """The channel that holds a signal of any of the modes, wherever the carrier moves.

    Args:
        modes: of the downlink.
        frequency_hz: of the carrier as sent.
        wide_rate: of the recording, Hz.
        doppler: see `sdr.channeliser.Channel`; None leaves it to the decoder.
    """
    passed = max(signal_half_width_hz(mode) + mode.carrier_reach_hz for mode in modes)
    wanted = max(passed / PASS_SHARE, *map(least_sample_rate, modes))
    width = 2 * max(map(signal_half_width_hz, modes))
    return Channel(frequency_hz, min(wanted, wide_rate), doppler, width)


def signal_half_width_hz(mode: Mode) -> float:
    """How far from its carrier a signal reaches: of split phase what the transmitter's filter passes."""
    if mode.modulation == "split-phase-pm":
        return TRANSMITTER_HZ / 2
    return (1 + mode.rolloff) / 2 * mode.symbol_rate
