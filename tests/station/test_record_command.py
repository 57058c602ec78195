"""`tramthu record --device`: from a real SoapySDR device and from rtl_tcp; what is said when it is wrong."""

from __future__ import annotations

import contextlib
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from sdr.recording import open_recording
from sim.soapy import DRIVER, device_args, device_string, environment
from station import cli


def tramthu(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "station.cli", "record", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def test_a_soapy_device_is_recorded_in_segments_and_its_losses_told(tmp_path: Path) -> None:
    words = device_args(tmp_path, [(300_000, 5000)], format="CS16", rate=250e3, serial="sim0")
    device = "soapy/" + device_string(words)
    done = tramthu(
        "--out", tmp_path / "a", "--device", device, "--frequency", 137.9e6, "--rate", 250e3,
        "--gain", 20, "--seconds", 2.5, "--segment", 1, env=environment(),
    )  # fmt: skip
    assert done.returncode == 3, done.stderr  # samples are missing
    assert "5000 samples lost" in done.stderr
    files = f"3 files, {tmp_path / 'a.sigmf-data'} to {tmp_path / 'a-0002.sigmf-data'}"
    assert f"625000 samples, 5000 of them lost, in {files}: finished" in done.stderr
    assert sorted(path.name for path in tmp_path.glob("a*.sigmf-data")) == [
        "a-0001.sigmf-data", "a-0002.sigmf-data", "a.sigmf-data",
    ]  # fmt: skip
    with open_recording(tmp_path / "a") as reader:
        raw = b"".join(iter(lambda: reader._source.read(1 << 20), b""))
        gaps = reader.info.gaps
    numbers = np.frombuffer(raw, "<u4").astype(np.int64)
    assert len(numbers) == 625_000
    assert sum(gap.sample_count for gap in gaps) == 5000
    kept = np.ones(len(numbers), bool)
    for gap in gaps:
        kept[gap.sample_index : gap.sample_index + gap.sample_count] = False
    # The device's samples are their own numbers: the lost ones are just those that it lost.
    assert np.array_equal(numbers[kept], (numbers[0] + np.arange(len(numbers)))[kept])
    assert numbers[0] + gaps[0].sample_index == 300_000


def test_rtl_tcp_is_recorded(tmp_path: Path) -> None:
    """A server that greets as an R820T and sends a ramp, 2 s of it."""

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(b"RTL0" + struct.pack(">II", 5, 29) + bytes(range(256)) * 4000)
            with contextlib.suppress(OSError):
                while client.recv(4096):  # commands, until the recorder has enough
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        done = tramthu(
            "--out", tmp_path / "a", "--device", f"rtl_tcp:127.0.0.1:{listener.getsockname()[1]}",
            "--frequency", 137.9e6, "--rate", 250e3, "--seconds", 1,
        )  # fmt: skip
        server.join(60)
    assert done.returncode == 0, done.stderr
    with open_recording(tmp_path / "a") as reader:
        assert (reader.info.format, reader.info.sample_count) == ("cu8", 250_000)


def test_a_device_that_goes_away_for_good_is_told_by_the_exit_status(tmp_path: Path) -> None:
    """It hangs up after a second, nobody answers any more, and Ctrl-C ends the waiting."""

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(b"RTL0" + struct.pack(">II", 5, 29) + bytes(500_000))
            wishes = b""
            while len(wishes) < 30:  # all six: what hangs up before is no rtl_tcp
                wishes += client.recv(4096)
        listener.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        command = [
            sys.executable, "-m", "station.cli", "record", "--out", str(tmp_path / "a.sigmf-data"),
            "--device", f"rtl_tcp:127.0.0.1:{listener.getsockname()[1]}",
            "--frequency", "137.9e6", "--rate", "250e3",
        ]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as recorder:
            assert recorder.stderr is not None
            said = ""
            while "the receiver failed" not in said:
                line = recorder.stderr.readline()
                assert line, said
                said += line
            recorder.send_signal(signal.SIGINT)
            said += recorder.communicate(timeout=60)[1]
        server.join(60)
    assert "Traceback" not in said
    assert recorder.returncode == 3
    told = f"250000 samples, 0 of them lost, in {tmp_path / 'a.sigmf-data'}: stopped on request; no more"
    assert told in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 2, "either -c station.toml or --device"),
        (("--device", "rtl_tcp:x:1", "-c", "station.toml"), 2, "either -c station.toml or --device"),
        (("--device", "rtl_tcp:127.0.0.1:1"), 2, "needs --frequency and --rate"),
        (("-c", "station.toml", "--rate", "1e6"), 2, "--rate goes with --device"),
        (("--device", "hackrf", "--frequency", "1e8", "--rate", "1e6"), 2, "is no device; give rtl_tcp:HOST"),
        (("--device", "rtl_tcp:1234", "--frequency", "1e8", "--rate", "1e6"), 2, "give host and port"),
        (("--device", "soapy/serial=1", "--frequency", "1e8", "--rate", "1e6"), 2, "name driver"),
        (("--device", "soapy/driver=", "--frequency", "1e8", "--rate", "1e6"), 2, "name driver"),
        (("--device", "rtl_tcp://127.0.0.1:9", "--frequency", "1e8", "--rate", "1e6"), 3, "is it running"),
        (("--device", "rtl_tcp:a..b:9", "--frequency", "1e8", "--rate", "1e6"), 3, "is the name right"),
        (("--device", "rtl_tcp:127.0.0.1:9", "--frequency", "1e8", "--rate", "1e6"), 3, "does not answer"),
        (("--device", "rtl_tcp:127.0.0.1:9", "--frequency", "1e8", "--rate", "nan"), 2, "--rate"),
        (("--device", "rtl_tcp:127.0.0.1:9", "--frequency", "inf", "--rate", "1e6"), 2, "--frequency is inf"),
        (("--device", "rtl_tcp:127.0.0.1:9", "--ppm", "nan"), 2, "--ppm is nan; give a finite number"),
        (("--device", "rtl_tcp:127.0.0.1:9", "--seconds", "inf"), 2, "--seconds is inf"),
        (
            ("--device", "rtl_tcp:127.0.0.1:9", "--frequency", "1e8", "--rate", "1e6", "--gain", "nan"),
            2,
            "is no gain",
        ),
        (("--device", "rtl_tcp:127.0.0.1:9", "--out", "."), 2, "--out '.' names no file; give a stem"),
        (("--device", "rtl_tcp:127.0.0.1:9", "--out", ".."), 2, "--out '..' names no file; give a stem"),
        (("--device", "rtl_tcp:127.0.0.1:9", "--out", "nowhere/a"), 2, "nowhere does not exist; make it"),
        (("-c", "station.toml", "--out", "nowhere/a"), 2, "nowhere does not exist; make it"),
        (("-c", "station.toml", "--out", f"{__file__}/a"), 2, "is a file; choose another folder"),
        (("-c", "station.toml", "--out", "/proc/a"), 2, "--out /proc/a: /proc takes no files"),
        (
            ("--device", f"soapy/driver={DRIVER}", "--frequency", "1e8", "--rate", "1e6", "--format", "cf64"),
            2,
            "known are cf32",
        ),
        (
            ("--device", f"soapy/driver={DRIVER}", "--frequency", "1e8", "--rate", "1e6", "--gain", "much"),
            2,
            "is no gain",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of this process stay as they are
    monkeypatch.setattr(sys, "argv", ["tramthu", "record", "--out", str(tmp_path / "a"), *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr().err
    assert (end.value.code, "Traceback" in said) == (status, False), said
    assert words in said
    assert not list(tmp_path.iterdir())
