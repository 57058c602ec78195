"""`tramthu simulate`: what goes wrong on purpose, and a pass served live as a dongle would."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from sdr.receiver import Tuning
from sdr.recording import open_recording
from sdr.rtl_tcp import RtlTcp
from sdr.spectrum import power_density
from tests.sim.soapy_c import Radio, headers_or_skip
from tests.station.conftest import Run, one_sentence

SHORT = ("simulate", "--seconds", "2", "--ebn0", "20", "--format", "cs16")


def _centre_hz(stem: Path) -> float:
    """Middle of the signal, by its power: the raised cosine is even about its carrier."""
    with open_recording(stem.with_name(f"{stem.name}.sigmf-meta")) as reader:
        rate, samples = reader.info.sample_rate, reader.read(1 << 19)
    density = scipy.signal.medfilt(power_density(samples, rate, 2048), 5)
    density = np.where(density > density.max() / 10, density, 0)
    frequency = np.fft.fftshift(np.fft.fftfreq(2048, 1 / rate))
    return float((frequency * density).sum() / density.sum())


def test_ppm_moves_the_carrier_by_so_many_millionths(tramthu: Run, tmp_path: Path) -> None:
    assert tramthu(*SHORT, "--out", tmp_path / "exact")[0] == 0
    assert tramthu(*SHORT, "--out", tmp_path / "fast", "--ppm", "20")[0] == 0
    moved = _centre_hz(tmp_path / "fast") - _centre_hz(tmp_path / "exact")
    # A crystal that runs fast tunes too high, so the signal lies lower: 20e-6 of 137.9 MHz.
    assert moved == pytest.approx(-20e-6 * 137.9e6, abs=250)


def test_impairments_come_from_a_file(tramthu: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[gaps]\nat = [[0.5, 0.25]]\n[crystal]\noffset_ppm = 3\n")
    options = ("--impairments", tmp_path / "bad.toml", "--out", tmp_path / "gap")
    assert tramthu(*SHORT, *options)[0] == 0
    with open_recording(tmp_path / "gap.sigmf-meta") as reader:
        (gap,) = reader.info.gaps
    assert gap.sample_index / 250e3 == pytest.approx(0.5, abs=0.01)
    assert gap.sample_count / 250e3 == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[crystal]\nofset_ppm = 3", "did you mean 'offset_ppm'?"),
        ("adc_bit = 8", "did you mean 'adc_bits'?"),
        ("crystal = 3", "crystal is a table of offset_ppm"),
        ("[crystal]\noffset_ppm = 'much'", "offset_ppm is a number, not 'much'"),
        ("iq_gain_db = nan", "iq_gain_db is a number, not nan"),
        ("adc_bits = 7.5", "adc_bits is a whole number"),
        ("interferers = 3", "[[interferers]]"),
        ("[[interferers]]\noffset_hz = 1e3", "level_dbc"),
        ("[gaps]\nat = [3]", "[start, length]"),
        ("[gaps]\nper_minute = -1", "0 or more"),
        ("[gaps]\nmarked = 1", "true or false"),
        ("dc_offset = [1, 2, 3]", "[I, Q]"),
        ("not toml", "no valid TOML"),
    ],
)
def test_a_slip_in_the_file_is_one_sentence(tramthu: Run, tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "i.toml").write_text(content)
    status, _, err = tramthu(*SHORT, "--out", tmp_path / "x", "--impairments", tmp_path / "i.toml")
    assert status == 2
    assert says in one_sentence(err)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "--out STEM for files"),
        (("--out", "x", "--serve", "rtl_tcp"), "not both"),
        (("--serve", "spyserver"), "allowed are: rtl_tcp, soapy"),
        (("--out", "x", "--impairments", "absent.toml"), "absent.toml"),
        (("--out", "x", "--mode", "gk2a_lrit"), "give --ebn0"),
        (("--out", "x", "--doppler", "100"), "--no-orbit"),
        (("--serve", "rtl_tcp", "--no-orbit"), "give --ebn0"),
        (("--out", "x", "--log", "y"), "--log belongs to --serve"),
        (("--serve", "soapy", "--log", "absent/y"), "absent/y"),
        (("--out", "x", "--no-orbit", "--ebn0", "9", "--mode", "lrit"), "gk2a_lrit"),
        (("--out", "x", "--no-orbit", "--ebn0", "9", "--mode", "jpss_hrd", "--rate", "1e6"), "2.25e+07"),
    ],
)
def test_wrong_use_is_one_sentence(
    tramthu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = tramthu("simulate", *arguments)
    assert status == 2
    assert says in one_sentence(err)


def test_a_link_without_orbit_is_recorded_with_what_it_sent(tramthu: Run, tmp_path: Path) -> None:
    link = (
        "simulate",
        "--no-orbit",
        "--mode",
        "metop_ahrpt",
        "--seconds",
        "1",
        "--ebn0",
        "6",
        "--format",
        "cs8",
    )
    status, out, _ = tramthu(*link, "--doppler", "30000", "--json", "--out", tmp_path / "x")
    assert status == 0
    assert '"samples": 6000000' in out
    frames = (tmp_path / "x.sent.jsonl").read_text().splitlines()
    assert len(frames) == pytest.approx(427, abs=2)
    assert (tmp_path / "x.sent.cadu").stat().st_size == 1024 * len(frames)
    assert _centre_hz(tmp_path / "x") == pytest.approx(30_000, abs=20_000)


def test_hrpt_on_an_orbit_is_logged_as_words(tramthu: Run, tmp_path: Path) -> None:
    link = ("simulate", "--mode", "noaa_hrpt", "--seconds", "1", "--ebn0", "15", "--out", tmp_path / "x")
    assert tramthu(*link)[0] == 0
    assert (tmp_path / "x.sent.raw16").stat().st_size % 22_180 == 0
    assert not (tmp_path / "x.sent.cadu").exists()


def test_a_pass_is_served_to_our_own_client_and_ends_with_ctrl_c() -> None:
    command = [sys.executable, "-m", "station.cli", "simulate", "--serve", "rtl_tcp", "--port", "0"]
    with subprocess.Popen(
        [*command, "--seconds", "300", "--ebn0", "20"], stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        try:
            said = server.stderr.readline()
            found = re.search(r"for 300 s .*127\.0\.0\.1:(\d+)$", said.strip())
            assert found, said
            receiver = RtlTcp(port=int(found[1]))
            receiver.open(Tuning(137.9e6, 250e3))
            raw = b""
            while len(raw) < 200_000:
                raw += receiver.read(65536, 2.0).raw
            receiver.close()
            taken = subprocess.run(
                [*command[:-1], found[1]], capture_output=True, text=True, check=False, timeout=60
            )
            assert taken.returncode == 2
            assert f"port {found[1]} of 127.0.0.1 cannot be used" in one_sentence(taken.stderr)
            server.send_signal(signal.SIGINT)
            assert server.wait(20) == 0
        finally:
            server.kill()
    samples = (np.frombuffer(raw, np.uint8).astype(np.float32) - 127.5).view(np.complex64)
    density = power_density(samples, 250e3, 512)
    # 72 kBd: the middle holds the signal, the edges hold next to nothing.
    assert density[220:290].mean() > 20 * np.r_[density[:30], density[-30:]].mean()


def _served(arguments: list[str], pattern: str, use: Callable[[str], None]) -> None:
    """Serve what the arguments say, and use it by what the command names."""
    command = [sys.executable, "-m", "station.cli", "simulate", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said = server.stderr.readline()
            found = re.search(pattern, said.strip())
            assert found, said
            use(found[1])
            server.send_signal(signal.SIGTERM)
            assert server.wait(60) == 0
        finally:
            server.kill()


def test_another_downlink_is_served_without_an_orbit() -> None:
    def use(port: str) -> None:
        receiver = RtlTcp(port=int(port))
        receiver.open(Tuning(1692.14e6, 1e6))
        raw = b""
        while len(raw) < 200_000:
            raw += receiver.read(65536, 2.0).raw
        receiver.close()
        assert np.frombuffer(raw, np.uint8).std() > 5

    link = ["--no-orbit", "--mode", "gk2a_lrit", "--ebn0", "9", "--seconds", "300"]
    _served([*link, "--serve", "rtl_tcp", "--port", "0"], r"rtl_tcp at 127\.0\.0\.1:(\d+)$", use)


def test_a_pass_is_served_behind_soapysdr(tmp_path: Path) -> None:
    headers_or_skip()

    def use(device: str) -> None:
        words = dict(word.split("=", 1) for word in device.split(","))
        del words["driver"]
        with Radio(words) as radio:
            radio.start()
            got, ends = 0, time.monotonic() + 120
            while got < 100_000:
                assert time.monotonic() < ends
                got += max(radio.read(10_000, 1.0)[0], 0)

    serve = ["--serve", "soapy", "--seconds", "300", "--ebn0", "20", "--log", str(tmp_path / "log")]
    _served(serve, r"^.* for 300 s .*: SOAPY_SDR_PLUGIN_PATH=\S+ and (driver=\S+)$", use)
    assert '"activated"' in (tmp_path / "log").read_text()
