"""What is told to those who look on: rows on a fixed grid, as true as what the simulator sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.decode import DecodeRequest, decode
from decoders.demodulation.demodulators import open_demodulator
from decoders.demodulation.observer import EYE_PER_SYMBOL, EYE_SYMBOLS, Observer, Row
from decoders.downlink import Mode, load_downlink
from sim.impairments import Crystal, Impairments
from sim.link_test import link_test
from sim.modes import mode_named

EBN0_DB, OFFSET_HZ, PPM = 10.0, 1234.0, 20.0

# simulator's mode, downlink, samples per second, frames, symbols of a row
SIGNALS = [
    ("72k", "meteor_lrpt_72k", 288e3, 20, 128),
    ("80k", "meteor_lrpt_80k", 288e3, 20, 128),
    ("metop_ahrpt", "metop_ahrpt", 4e6, 100, 128),
    ("noaa_hrpt", "noaa_hrpt", 3e6, 4, 256),
]


def rows_of(samples: NDArray[np.complex64], mode: Mode, sample_rate: float, portion: int) -> list[Row]:
    rows: list[Row] = []
    demodulator = open_demodulator(mode, sample_rate)
    demodulator.observer = Observer(mode, sample_rate, demodulator.factor, rows.append, eye=True)
    for at in range(0, len(samples), portion):
        demodulator.process(samples[at : at + portion])
    demodulator.flush()
    return rows


@pytest.mark.parametrize(("name", "downlink", "sample_rate", "frames", "symbols"), SIGNALS)
def test_rows_tell_carrier_clock_quality_symbols_and_eye(
    name: str, downlink: str, sample_rate: float, frames: int, symbols: int
) -> None:
    mode = load_downlink(downlink).modes[0]
    crystal = Impairments(crystal=Crystal(offset_ppm=PPM))
    sent = link_test(
        name,
        frames=frames,
        ebn0_db=EBN0_DB,
        sample_rate=sample_rate,
        offset_hz=OFFSET_HZ,
        impairments=crystal,
    )
    rows = rows_of(sent.samples, mode, sample_rate, 65_536)
    seconds = len(sent.samples) / sample_rate
    assert np.diff([row.time_s for row in rows]) == pytest.approx(0.1, rel=0.02)
    assert len(rows) == pytest.approx(seconds / 0.1, abs=2)
    steady = [row for row in rows if 0.1 * seconds < row.time_s < 0.9 * seconds]
    assert all(row.locked for row in steady)
    # A crystal that runs fast by PPM tunes too high by as much, and takes symbols for slower.
    carrier_hz = OFFSET_HZ - PPM * 1e-6 * mode_named(name).frequency_hz
    assert [row.carrier_hz for row in steady] == pytest.approx(len(steady) * [carrier_hz], abs=30)
    assert np.median([row.clock_ppm for row in steady]) == pytest.approx(-PPM, abs=1)
    assert np.mean([row.ebn0_db for row in steady]) == pytest.approx(EBN0_DB, abs=0.3)
    for row in steady:
        assert row.symbols.shape == (symbols,)
        assert row.eye.shape == (EYE_SYMBOLS * EYE_PER_SYMBOL,)
        assert np.mean(np.abs(row.symbols) ** 2) == pytest.approx(1, abs=1e-3)
        at, known = row.eye[::EYE_PER_SYMBOL], row.symbols[:EYE_SYMBOLS]
        assert at.real == pytest.approx(known.real, abs=0.1)
        late = row.eye[EYE_PER_SYMBOL // 2 :: EYE_PER_SYMBOL] if mode.modulation == "oqpsk" else at
        assert late.imag == pytest.approx(known.imag, abs=0.1)
    # Upright: both rails lie about their two values, those of one rail about the axis.
    rails = np.concatenate([row.symbols for row in steady]).view(np.float32)
    rails = rails if symbols == 128 else rails[::2]
    assert np.mean(rails**4) / np.mean(rails**2) ** 2 < 1.8  # 1 without noise, 3 for noise


def test_rows_do_not_depend_on_the_portions() -> None:
    mode = load_downlink("meteor_lrpt_72k").modes[0]
    sent = link_test("72k", frames=15, ebn0_db=5.0, sample_rate=288e3)
    one, other = (rows_of(sent.samples, mode, 288e3, portion) for portion in (65_536, 7_777))
    assert len(one) == len(other) > 10
    for a, b in zip(one, other, strict=True):
        assert (a.time_s, a.carrier_hz, a.clock_ppm, a.ebn0_db) == (
            b.time_s,
            b.carrier_hz,
            b.clock_ppm,
            b.ebn0_db,
        )
        assert a.symbols.tobytes() + a.eye.tobytes() == b.symbols.tobytes() + b.eye.tobytes()


def test_noise_is_not_called_a_signal() -> None:
    mode = load_downlink("meteor_lrpt_72k").modes[0]
    noise = np.random.default_rng(5).normal(size=(400_000, 2)).astype(np.float32).view(np.complex64)[:, 0]
    rows = rows_of(noise, mode, 288e3, 65_536)
    assert len(rows) > 10
    assert not any(row.locked for row in rows)


def test_the_joints_made_of_rows(tmp_path: Path) -> None:
    sent = link_test("72k", frames=10, ebn0_db=8.0, sample_rate=288e3)
    (tmp_path / "a.cf32").write_bytes(sent.samples.tobytes())
    request = DecodeRequest(
        tmp_path / "a.cf32", "meteor_lrpt_72k", tmp_path / "out", sample_rate=288e3,
        taps=("tracks", "constellation", "eye"),
    )  # fmt: skip
    decode(request)
    head, *lines = (tmp_path / "out/tap.tracks.csv").read_text().splitlines()
    assert head == "time_s,carrier_hz,clock_ppm,ebn0_db,locked"
    table = np.array([line.split(",") for line in lines], float)
    assert table[:, 4].all()
    assert table[:, 3] == pytest.approx(len(table) * [8.0], abs=1)
    assert len(np.fromfile(tmp_path / "out/tap.constellation.cf32", np.complex64)) == 128 * len(table)
    assert len(np.fromfile(tmp_path / "out/tap.eye.cf32", np.complex64)) == 512 * len(table)
