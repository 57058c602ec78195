"""Several transmitters in one recording, each decoded to all its frames, one 40 dB above the other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from decoders.channel import channel_of
from decoders.downlink import load_downlink
from decoders.iq_source import IqSource
from sdr.channeliser import ChannelReader, Curve
from sdr.recording import RecordingWriter, open_recording
from sim.impairments import Crystal, Impairments
from sim.link_test import LinkTest, link_test

START = datetime(2026, 1, 1, tzinfo=UTC)
PEAK = 0.9
LRPT = "meteor_lrpt_72k"


def band_power(made: LinkTest, offset_hz: float, width_hz: float) -> float:
    """Mean power within a band, full scale 1."""
    size = 1 << 14
    count = len(made.samples) // size
    spectra = np.fft.fft(made.samples[: count * size].reshape(count, size)) / size
    inside = np.abs(np.fft.fftfreq(size, 1 / made.sample_rate) - offset_hz) < width_hz / 2
    return float(np.mean(np.abs(spectra[:, inside]) ** 2, axis=0).sum())


def recorded(stem: Path, parts: list[np.ndarray], rate: float, center_hz: float) -> Path:
    """Their sum as a receiver with 16 bits would have recorded it."""
    count = min(map(len, parts))
    total = sum(part[:count].astype(np.complex128) for part in parts)
    total *= PEAK / max(np.abs(total.real).max(), np.abs(total.imag).max())
    with RecordingWriter(
        stem, format="cs16", sample_rate=rate, center_frequency_hz=center_hz, start=START, durable=False
    ) as writer:
        writer.write(total.astype(np.complex64))
    return stem


def decoded(stem: Path, downlink: str, frequency_hz: float, doppler: Curve | None = None) -> IqSource:
    """A source whose frames are still to come."""
    reader, known = open_recording(stem), load_downlink(downlink)
    channel = channel_of(known.modes, frequency_hz, reader.info.sample_rate, doppler)
    return IqSource(ChannelReader(reader, channel), known, tap=None)  # type: ignore[arg-type]


def good_frames(source: IqSource) -> list[bytes]:
    frames = [frame.cadu for found in source.frames() for frame in found if frame.good]
    source.close()
    return frames


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LinkTest, LinkTest]:
    """137.1 MHz at 6 dB, and 40 dB above it 137.9 MHz, both moving, in 2.4 MS/s."""
    common = {"frames": 14, "tuned_hz": 137.5e6, "sample_rate": 2.4e6}
    weak = link_test(
        "72k", seed=3, ebn0_db=6.0, frequency_hz=137.1e6, doppler_hz=2500, doppler_rate_hz_s=-30, **common
    )
    strong = link_test("72k", seed=4, frequency_hz=137.9e6, doppler_hz=-1500, doppler_rate_hz_s=-20, **common)
    # What of the weak one's power in its band is no noise: 6 dB in half the rate, 72 kHz wide.
    noise = band_power(weak, 700e3, 120e3)
    signal = band_power(weak, -400e3, 120e3) - noise
    gain = np.sqrt(1e4 * signal / band_power(strong, 400e3, 120e3))
    stem = tmp_path_factory.mktemp("two") / "wide"
    return recorded(stem, [weak.samples, gain * strong.samples], 2.4e6, 137.5e6), weak, strong


def test_two_lrpt_transmitters_are_decoded_out_of_one_recording(two: tuple[Path, LinkTest, LinkTest]) -> None:
    stem, weak, strong = two
    for made, hz in ((weak, 137.1e6), (strong, 137.9e6)):
        frames = good_frames(decoded(stem, LRPT, hz))
        assert set(frames) >= set(made.complete)
        assert len(made.complete) >= 13
        assert set(frames) <= {frame.data for frame in made.frames}


def test_without_a_channel_the_stronger_one_is_not_found(two: tuple[Path, LinkTest, LinkTest]) -> None:
    """What the two tests above show is the channeliser's work: at 0 Hz of the recording there is nothing."""
    stem, *_ = two
    source = IqSource(open_recording(stem), load_downlink(LRPT), tap=None)
    assert good_frames(source) == []


@pytest.mark.parametrize("number", [0, 1])
def test_a_predicted_carrier_stands_still_and_no_frame_is_lost(
    two: tuple[Path, LinkTest, LinkTest], number: int
) -> None:
    """What the demodulator sees of the carrier is what the simulator's crystal and path leave: nothing."""
    stem, *made = two
    hz, start_hz, rate = ((137.1e6, 2500, -30), (137.9e6, -1500, -20))[number]
    at = np.arange(-1.0, 10.0)
    curve = (START.timestamp() + at, start_hz + rate * at)
    source = decoded(stem, LRPT, hz, curve)
    frames = good_frames(source)
    table = source.facts.demodulator
    assert set(frames) >= set(made[number].complete)
    assert table is not None
    assert abs(table["offset_hz"]) < 5.0
    # The symbol clock still comes faster by the Doppler shift, as the curve speaks of the carrier only.
    assert table["symbol_rate"] == pytest.approx(72e3, rel=1e-4)


@pytest.mark.slow
def test_three_downlinks_of_l_band_are_decoded_out_of_one_recording(tmp_path: Path) -> None:
    """10 MS/s about 1700.5 MHz, one crystal, 2 s; on air 1701.3 MHz would lie within METEOR's band.

    Noise is that of METEOR HRPT at 12 dB. For their Eb/N0 of 6 and 5 dB AHRPT (3.5 Mbit/s) is 1.2 dB stronger
    than it (665.4 kbit/s), LRIT (64 kbit/s) 17.2 dB weaker.
    """
    rate, center, crystal = 10e6, 1700.5e6, Impairments(crystal=Crystal(offset_ppm=3.0))
    sent = (
        ("meteor_hrpt", 1700.0e6, 12.0, 20e3, 162, 0.0),
        ("metop_ahrpt", 1703.6e6, float("inf"), -35e3, 854, 1.2),
        ("gk2a_lrit", 1696.6e6, float("inf"), 900.0, 14, -17.2),
    )
    made = [
        link_test(
            mode, frames=frames, ebn0_db=ebn0_db, seed=seed, frequency_hz=hz, tuned_hz=center,
            sample_rate=rate, doppler_hz=doppler_hz, impairments=crystal,
        )
        for seed, (mode, hz, ebn0_db, doppler_hz, frames, _) in enumerate(sent)
    ]  # fmt: skip
    meteor = band_power(made[0], -0.5e6, 3e6) - band_power(made[0], 3e6, 3e6)
    parts = [
        one.samples
        * (1.0 if one is made[0] else np.sqrt(10 ** (db / 10) * meteor / band_power(one, 0.0, rate)))
        for one, (*_, db) in zip(made, sent, strict=True)
    ]
    stem = recorded(tmp_path / "wide", parts, rate, center)
    for one, (mode, hz, *_) in zip(made, sent, strict=True):
        frames = set(good_frames(decoded(stem, mode, hz)))
        end = min(map(len, parts))
        whole = [f.data for f in one.frames if f.complete and f.last_sample < end]
        assert len(whole) >= 10, mode
        missed = sum(frame not in frames for frame in whole)
        assert not missed, (mode, missed, len(whole))
