"""The channel that a downlink wants: room for the signal and for its carrier, never more than there is."""

from __future__ import annotations

import pytest

from decoders.channel import channel_of, signal_half_width_hz
from decoders.demodulation.demodulators import least_sample_rate, open_demodulator
from decoders.downlink import load_downlink
from sdr.channel_filter import PASS_SHARE, rate_ratio


@pytest.mark.parametrize("name", ["meteor_lrpt", "meteor_hrpt", "metop_ahrpt", "gk2a_lrit", "jpss_hrd"])
def test_the_signal_passes_wherever_its_carrier_moves(name: str) -> None:
    modes = load_downlink(name).modes
    channel = channel_of(modes, 1700e6, 40e6)
    rate = float(rate_ratio(40e6, channel.sample_rate)) * 40e6
    for mode in modes:
        assert PASS_SHARE * rate >= signal_half_width_hz(mode) + mode.carrier_reach_hz
        assert rate >= least_sample_rate(mode)
        open_demodulator(mode, rate)
    assert rate <= 1.02 * max(2.5 * (signal_half_width_hz(m) + m.carrier_reach_hz) for m in modes)


def test_a_recording_that_is_hardly_wide_enough_is_taken_whole() -> None:
    assert channel_of(load_downlink("meteor_lrpt").modes, 137.9e6, 150e3).sample_rate == 150e3
