"""Cold starts: the first and the last frame come out, whatever crystal, Doppler shift and drift."""

from __future__ import annotations

from pathlib import Path

import pytest

from decoders.decode import DecodeRequest, decode
from sim.impairments import Crystal, Impairments
from sim.link_test import link_test

# downlink, simulator's mode, samples per second, Eb/N0 in dB, frames, largest Doppler shift and its change
LINKS = [
    ("metop_ahrpt", "metop_ahrpt", 6e6, 3.5, 40, 40e3, 400.0),
    ("metop_ahrpt", "metop_ahrpt", 3.8e6, 3.5, 40, 40e3, 400.0),
    ("meteor_lrpt_72k", "72k", 150e3, 2.2, 8, 3.5e3, 30.0),
    ("meteor_lrpt_72k", "72k", 1e6, 2.2, 8, 3.5e3, 30.0),
]


@pytest.mark.parametrize(("shift", "change", "ppm"), [(1, -1, -50.0), (-1, 1, 50.0), (0, 1, 50.0)])
@pytest.mark.parametrize(
    ("downlink", "mode", "sample_rate", "ebn0_db", "count", "doppler_hz", "drift_hz_s"), LINKS, ids=str
)
def test_no_frame_is_lost(
    tmp_path: Path,
    downlink: str,
    mode: str,
    sample_rate: float,
    ebn0_db: float,
    count: int,
    doppler_hz: float,
    drift_hz_s: float,
    shift: int,
    change: int,
    ppm: float,
) -> None:
    """The crystal shifts carrier and clock, the Doppler shift adds to it: 125 kHz in all at 1.7 GHz."""
    sent = link_test(
        mode,
        frames=count,
        ebn0_db=ebn0_db,
        seed=round(17 + 3 * shift + change + ppm / 50),
        sample_rate=sample_rate,
        doppler_hz=shift * doppler_hz,
        doppler_rate_hz_s=change * drift_hz_s,
        carrier_phase_deg=37.0 * (2 + shift),
        impairments=Impairments(crystal=Crystal(offset_ppm=ppm), swapped=ppm > 0),
    )
    sent.samples.tofile(tmp_path / "given.cf32")
    request = DecodeRequest(
        input=tmp_path / "given.cf32",
        downlink=downlink,
        out=tmp_path / "out",
        format="cf32",
        sample_rate=sample_rate,
    )
    report = decode(request)
    assert (tmp_path / "out/frames.cadu").read_bytes() == b"".join(sent.complete)
    assert report.table["input"]["demodulator"]["jumps"] == 1
