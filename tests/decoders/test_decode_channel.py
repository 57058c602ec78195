"""One downlink out of a wide recording: the frames that a recording of it alone would have given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from decoders.decode import DecodeRequest, decode
from decoders.errors import InputError
from sdr.recording import RecordingWriter
from sim.link_test import link_test
from tests.decoders.test_live import Receiver, frames

RATE, CENTER = 1.2e6, 137.5e6
CARRIERS = {137.9e6: 400e3, 137.1e6: -400e3}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[float, bytes]]:
    """Two spacecraft at once, 800 kHz apart."""
    folder = tmp_path_factory.mktemp("wide")
    signals = {
        carrier: link_test("72k", frames=14, ebn0_db=10.0, sample_rate=RATE, offset_hz=offset, seed=k + 1)
        for k, (carrier, offset) in enumerate(CARRIERS.items())
    }
    with RecordingWriter(
        folder / "wide",
        format="cf32",
        sample_rate=RATE,
        center_frequency_hz=CENTER,
        start=None,
        durable=False,
    ) as writer:
        writer.write(np.sum([signal.samples for signal in signals.values()], axis=0))
    return folder / "wide", {carrier: b"".join(signal.complete) for carrier, signal in signals.items()}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_each_downlink_comes_out_of_the_wide_recording(
    wide: tuple[Path, dict[float, bytes]], carrier: float, tmp_path: Path
) -> None:
    report = decode(DecodeRequest(wide[0], "meteor_lrpt_72k", tmp_path, channel_hz=carrier))
    assert frames(tmp_path) == wide[1][carrier]
    table = json.loads((tmp_path / "report.json").read_text())["input"]
    assert table["channel_hz"] == carrier
    assert 130e3 < table["sample_rate"] < 300e3
    assert report.exit_status == 0


def test_a_channel_received_live_is_that_of_the_replay(
    wide: tuple[Path, dict[float, bytes]], tmp_path: Path
) -> None:
    """In portions that are no multiple of any grid, while the wide recording grows."""
    carrier = min(CARRIERS)
    samples = np.fromfile(wide[0].with_name("wide.sigmf-data"), np.complex64)
    receiver = Receiver(tmp_path / "live", samples, RATE, 2.0, CENTER)
    request = DecodeRequest(
        tmp_path / "live.sigmf-data", "meteor_lrpt_72k", tmp_path / "live", follow=True, channel_hz=carrier
    )
    receiver.start()
    decode(request)
    receiver.join()
    decode(replace(request, out=tmp_path / "replay", follow=False))
    assert frames(tmp_path / "live") == wide[1][carrier]
    names = {path.name for name in ("live", "replay") for path in (tmp_path / name).iterdir()}
    compared = names - {"live.json", "run.json"}
    assert compared == {"frames.cadu", "report.json"}
    for name in compared:
        assert (tmp_path / "live" / name).read_bytes() == (tmp_path / "replay" / name).read_bytes()


def test_a_channel_that_the_recording_does_not_hold(
    wide: tuple[Path, dict[float, bytes]], tmp_path: Path
) -> None:
    request = DecodeRequest(wide[0], "meteor_lrpt_72k", tmp_path / "out", channel_hz=138.2e6)
    with pytest.raises(InputError, match=r"138\.2 MHz, .* kHz wide.*136\.9 to 138\.1 MHz"):
        decode(request)
    (tmp_path / "raw.cf32").write_bytes(bytes(80_000))
    raw = replace(request, input=tmp_path / "raw.cf32", sample_rate=RATE)
    with pytest.raises(InputError, match="does not state its centre frequency"):
        decode(raw)
    with pytest.raises(InputError, match="only be taken out of samples"):
        decode(replace(raw, level="soft", sample_rate=None))
