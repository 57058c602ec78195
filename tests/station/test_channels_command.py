"""`tramthu channels`: a wide recording split, the predicted Doppler shift of an orbit taken out of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from scheduler.elements import load_elements, select
from scheduler.passes import Site
from sdr.recording import open_recording
from sdr.writer import RecordingWriter
from sim.impairments import Impairments
from sim.request import PassSimulation
from sim.simulate import simulate
from tests.station.conftest import ELEMENTS, Run, one_sentence

SITE = Site("Lai Châu", 22.40, 103.45, 900.0)
START = datetime(2024, 7, 17, 7, 40, 56, tzinfo=UTC)
PREDICTED = ("--elements", ELEMENTS, "--satellite", "METEOR-M2 4", "--site", "Lai Châu,22.40,103.45,900")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s about the middle of a pass, where the shift changes fastest, 0.4 MHz beside the centre."""
    stem = tmp_path_factory.mktemp("pass") / "wide"
    request = PassSimulation(
        select(load_elements(ELEMENTS), "METEOR-M2 4"),
        SITE,
        START,
        START + timedelta(seconds=6),
        mode="72k",
        ebn0_db=12.0,
        sample_rate=1.2e6,
        tuned_hz=137.5e6,
        impairments=Impairments(),
        format="cs16",
    )
    simulate(request, stem)
    return stem


def _offsets_hz(tramthu: Run, stem: Path, out: Path) -> tuple[np.ndarray, dict]:
    """Where the demodulator found the carrier, by its `tracks` tap, and the report."""
    status, _, err = tramthu(
        "decode", f"{stem}.sigmf-meta", "--downlink", "meteor_lrpt_72k", "--out", out, "--tap", "tracks"
    )
    assert status == 0, err
    rows = np.genfromtxt(next(out.glob("*tracks*")), delimiter=",", skip_header=1)
    return rows[rows[:, 4] > 0, 1], json.loads((out / "report.json").read_text())


def test_the_predicted_shift_of_an_orbit_is_taken_out(tramthu: Run, wide: Path, tmp_path: Path) -> None:
    common = ("channels", f"{wide}.sigmf-meta", "--channel", "137.9e6", "--downlink", "meteor_lrpt_72k")
    assert tramthu(*common, "--out", tmp_path / "plain")[0] == 0
    assert tramthu(*common, "--out", tmp_path / "still", "--doppler", *PREDICTED)[0] == 0
    plain, first = _offsets_hz(tramthu, tmp_path / "plain/wide_137.9000MHz", tmp_path / "a")
    still, second = _offsets_hz(tramthu, tmp_path / "still/wide_137.9000MHz", tmp_path / "b")
    assert np.ptp(plain) > 100  # 27 Hz a second
    assert np.abs(still).max() < 5  # what the demodulator itself is off by, at 12 dB
    assert second["frames"]["good"] >= first["frames"]["good"] >= 45


def test_two_channels_at_once(tramthu: Run, wide: Path, tmp_path: Path) -> None:
    split = ("channels", f"{wide}.sigmf-meta", "--channel", "137.1e6", "--channel", "137.9e6")
    assert tramthu(*split, "--rate", "200000", "--out", tmp_path)[0] == 0
    for hz in (137.1e6, 137.9e6):
        with open_recording(tmp_path / f"wide_{hz / 1e6:.4f}MHz.sigmf-meta") as reader:
            info = reader.info
        assert (info.center_frequency_hz, info.sample_rate, info.start) == (hz, 200e3, START)
        assert info.sample_count == 1_200_000
    status, _, err = tramthu(*split, "--rate", "200000", "--out", tmp_path)
    assert status == 2
    assert "137.1000MHz" in one_sentence(err)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "by --downlink NAME or by --rate HZ"),
        (("--rate", "2e5", "--downlink", "meteor_lrpt"), "one of the two"),
        (("--rate", "2e6"), "may not be more"),
        (("--rate", "2e5", "--channel", "140e6"), "does not lie in the recording"),
        (("--rate", "2e5", "--doppler"), "give both"),
        (("--downlink", "meteor_lrtp"), "meteor_lrpt"),
    ],
)
def test_wrong_use_is_said_in_a_sentence(
    tramthu: Run, wide: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    command = ("channels", f"{wide}.sigmf-meta", "--channel", "137.9e6", "--out", tmp_path)
    status, _, err = tramthu(*command, *options)
    assert status == 2
    assert said in one_sentence(err)
    assert list(tmp_path.iterdir()) == []


def test_what_was_odd_about_the_recording_is_told(tramthu: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    writer = RecordingWriter(
        tmp_path / "a", format="cs16", sample_rate=250e3, center_frequency_hz=137.9e6, start=START
    )
    writer.write((rng.normal(0, 0.1, (20_000, 2)) @ (1, 1j)).astype(np.complex64))
    writer.close()
    with (tmp_path / "a.sigmf-data").open("r+b") as file:
        file.truncate(40_001)
    status, _, err = tramthu(
        "channels", tmp_path / "a", "--channel", "137.9e6", "--rate", "1e5", "--out", tmp_path / "out"
    )
    assert status == 0
    assert "is shorter than its index says: the last 9999 samples are missing" in err
