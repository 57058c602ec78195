"""The simulated SoapySDR device through the library's C interface: its words, and what it makes of nonsense.

Without a file a sample is its own number, so that every test sees which ones came and which did not.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sim.impairments import Delivery, Gaps, Impairments
from sim.packet_source import FillSource
from sim.request import PassSimulation
from sim.soapy import device_args, device_string, environment, events, lost, settings_of
from sim.soapy.feeder import Feeder
from sim.soapy_server import served_device
from tests.sim.soapy_c import (
    NOT_SUPPORTED,
    OVERFLOW,
    RX,
    STREAM_ERROR,
    TIMEOUT,
    Radio,
    SoapyError,
    found,
    headers_or_skip,
)

RATE = 1e6
LONG_FIFO, FED_FIFO = 1 << 32, 1 << 24
PATIENCE_S = 60.0
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    headers_or_skip()


def device(folder: Path, losses: list[tuple[int, int]] | None = None, **words: object) -> dict[str, str]:
    """A device that loses nothing of its own accord, however slow this machine is."""
    fifo = FED_FIFO if "socket" in words else LONG_FIFO
    return device_args(folder, losses or (), **({"fifo": fifo} | words))  # type: ignore[arg-type]


def written(args: dict[str, str]) -> Path:
    return Path(args["log"])


def collect(radio: Radio, count: int, piece: int = 4096) -> tuple[np.ndarray, int]:
    """So many numbers, however they come, and how many overflows were told."""
    parts, told, left = [], 0, count
    while left > 0:
        code, values, _ = radio.numbers(min(piece, left))
        assert code > 0 or code in (OVERFLOW, TIMEOUT), code
        told += code == OVERFLOW
        parts.append(values.copy())
        left -= len(values)
    return np.concatenate(parts), told


def eventually(what: object, condition: object) -> None:
    """Wait until a condition holds; SoapySDR remembers for a second which devices there were."""
    end = time.monotonic() + PATIENCE_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.02)


# Samples and time.


@pytest.mark.parametrize("pace", [False, True])
def test_samples_are_numbered_and_stamped(tmp_path: Path, pace: bool) -> None:
    with Radio(device(tmp_path, pace=pace, mtu=1000)) as radio:
        radio.start(RATE)
        at, start_ns = 0, None
        for size in (1, 999, 7, 5000, 1000, 333):
            code, values, time_ns = radio.numbers(size)
            assert 1 <= code <= min(size, 1000)
            assert np.array_equal(values, np.arange(at, at + code))
            start_ns = time_ns if start_ns is None else start_ns
            assert time_ns - start_ns == at * 1000  # 1 µs a sample
            at += code


def test_no_sample_comes_before_its_time(tmp_path: Path) -> None:
    with Radio(device(tmp_path, mtu=1000)) as radio:
        began = time.monotonic()
        radio.start(RATE)
        collect(radio, 100_000)
        assert time.monotonic() - began > 0.0999


def test_the_crystal_is_wrong_by_so_much(tmp_path: Path) -> None:
    with Radio(device(tmp_path, crystal_ppm=100_000.0)) as radio:
        radio.start(RATE)
        before = time.monotonic_ns()
        first = radio.call("getHardwareTime", b"")
        between = time.monotonic_ns()
        time.sleep(0.2)
        later = time.monotonic_ns()
        second = radio.call("getHardwareTime", b"")
        after = time.monotonic_ns()
        assert 1.1 * (later - between) - 2000 <= second - first <= 1.1 * (after - before) + 2000


def test_the_hardware_clock_can_be_set(tmp_path: Path) -> None:
    with Radio(device(tmp_path, mtu=1000)) as radio:
        radio.call("setHardwareTime", 10**18, b"")
        radio.start(RATE)
        _, _, time_ns = radio.numbers(1)
        assert 0 <= time_ns - 10**18 < PATIENCE_S * 1e9
        radio.call("setHardwareTime", 4 * 10**18, b"")
        eventually("the new time", lambda: radio.numbers(1000)[2] >= 4 * 10**18 - 10**9)
    with Radio(device(tmp_path, stamps=False)) as radio:
        radio.start(RATE)
        assert radio.numbers(1)[2] is None
        with pytest.raises(SoapyError, match="no clock"):
            radio.call("setHardwareTime", 1, b"")
    with Radio(device(tmp_path)) as radio:
        for wrong in (-1, 2**63 - 1, -(2**63)):
            with pytest.raises(SoapyError, match="no such time"):
                radio.call("setHardwareTime", wrong, b"")


def test_time_goes_on_from_its_epoch(tmp_path: Path) -> None:
    """What is opened later, here or in another process, hears what is on air then."""
    args = device(tmp_path, epoch=time.time() - 1000)
    firsts = []
    for _ in range(2):
        with Radio(args) as radio:
            before = time.time()
            radio.start(RATE)
            after = time.time()
            code, values, _ = radio.numbers(1)
            assert code == 1
            firsts.append(int(values[0]))
            assert (
                (before - float(args["epoch"])) * RATE - 2
                <= firsts[-1]
                <= (after - float(args["epoch"])) * RATE + 2
            )
    assert firsts[1] > firsts[0]


def test_a_pause_leaves_out_what_was_on_air_meanwhile(tmp_path: Path) -> None:
    args = device(tmp_path)
    with Radio(args) as radio:
        radio.start(RATE)
        collect(radio, 20_000)
        radio.deactivate()
        assert radio.numbers(10, 0.01)[0] == TIMEOUT
        paused = time.monotonic()
        time.sleep(0.05)
        slept_s = time.monotonic() - paused
        radio.activate()
        _, values, _ = radio.numbers(1)
        assert values[0] >= 20_000 + slept_s * RATE
    assert lost(written(args)) == []  # nobody listened


def test_reading_before_activation_times_out(tmp_path: Path) -> None:
    with Radio(device(tmp_path)) as radio:
        radio.start(RATE, activate=False)
        began = time.monotonic()
        assert radio.numbers(10, 0.05)[0] == TIMEOUT
        assert time.monotonic() - began > 0.0499
        radio.activate()
        assert radio.numbers(10)[0] > 0
        assert radio.call("activateStream", radio.stream, 4, 10**9, 0) == NOT_SUPPORTED  # at a stated time
        assert radio.numbers(0)[0] == 0
        radio.stream = 12345
        assert radio.numbers(10, 0.0)[0] == STREAM_ERROR


# Losses.


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("stamps", [True, False])
def test_losses_lie_where_they_were_ordered(tmp_path: Path, told: bool, stamps: bool) -> None:
    rng = np.random.default_rng(5)
    firsts = np.sort(rng.choice(np.arange(0, 300_000, 500), 60, replace=False))
    wanted = [(int(first), int(rng.integers(1, 500))) for first in firsts]
    args = device(tmp_path, wanted, pace=False, overflow_code=told, stamps=stamps, mtu=3000)
    with Radio(args) as radio:
        radio.start(RATE)
        got, overflows = collect(radio, 330_000 - sum(count for _, count in wanted))
    gone = np.concatenate([np.arange(first, first + count) for first, count in wanted])
    assert np.array_equal(got, np.setdiff1d(np.arange(330_000), gone))
    assert lost(written(args)) == wanted
    assert overflows == (len(wanted) if told else 0)


def test_stamps_show_a_loss(tmp_path: Path) -> None:
    with Radio(device(tmp_path, [(500, 250)], overflow_code=False, mtu=1000)) as radio:
        radio.start(RATE)
        code, _, before_ns = radio.numbers(1000)
        assert code == 500
        _, values, after_ns = radio.numbers(1000)
        assert values[0] == 750
        assert after_ns - before_ns == 750_000


def test_what_is_not_read_in_time_overflows(tmp_path: Path) -> None:
    args = device(tmp_path, fifo=20_000, mtu=1000)
    with Radio(args) as radio:
        radio.start(RATE)
        _, first, _ = radio.numbers(1)
        time.sleep(0.1)
        code, values, _ = radio.numbers(1000)
        assert code == OVERFLOW
        while code == OVERFLOW:  # once more where this machine is slow
            code, values, _ = radio.numbers(1000)
    ((start, count), *_) = lost(written(args))
    assert start == first[-1] + 1
    assert values[0] == start + count >= 80_000 - 1000
    assert {e["cause"] for e in events(written(args)) if e["event"] == "lost"} == {"fifo full"}


def test_an_overflow_may_stop_the_stream(tmp_path: Path) -> None:
    args = device(tmp_path, [(500, 250)], overflow_stops=True, pace=False, mtu=1000)
    with Radio(args) as radio:
        radio.start(RATE)
        codes = [radio.numbers(1000, 0.001)[0] for _ in range(4)]
        assert codes == [500, OVERFLOW, TIMEOUT, TIMEOUT]
        radio.deactivate()
        radio.activate()
        assert radio.numbers(1000)[1][0] == 750


def test_a_slow_device_keeps_more_than_a_second(tmp_path: Path) -> None:
    with Radio(device(tmp_path, fifo=0, mtu=2000)) as radio:
        radio.start(1e3)
        radio.call("setSampleRate", RX, 0, 20e3)
        assert collect(radio, 4000)[0].size == 4000


def test_a_stall_holds_samples_up_and_loses_none(tmp_path: Path) -> None:
    args = device(tmp_path, stalls=[(50_000, 100_000)], mtu=1000)
    with Radio(args) as radio:
        began = time.monotonic()
        radio.start(RATE)
        got, _ = collect(radio, 50_000)
        assert radio.numbers(1, 0.0)[0] in (TIMEOUT, 1)  # 1 where this machine slept through the stall
        rest, told = collect(radio, 150_000)
        assert time.monotonic() - began > 0.149
    assert np.array_equal(np.diff(np.concatenate([got, rest])[:50_000]), np.ones(49_999))
    assert lost(written(args)) == []
    assert told == 0


def test_jitter_delays_and_loses_nothing(tmp_path: Path) -> None:
    args = device(tmp_path, jitter_ms=5.0, mtu=1000)
    with Radio(args) as radio:
        began = time.monotonic()
        radio.start(RATE)
        got, _ = collect(radio, 100_000)
        assert time.monotonic() - began > 0.0999
    assert np.array_equal(got, np.arange(100_000))


def test_time_outs_and_short_reads(tmp_path: Path) -> None:
    args = device(tmp_path, timeouts=5, short_reads=3, pace=False, mtu=1000)
    with Radio(args) as radio:
        radio.start(RATE)
        codes = [radio.numbers(1000, 0.001)[0] for _ in range(60)]
    assert all(code == TIMEOUT for code in codes[4::5])
    assert codes.count(TIMEOUT) == 12
    short = [code for n, code in enumerate(codes, 1) if n % 3 == 0 and n % 5]
    assert np.mean(short) < 900
    assert codes.count(1000) >= 60 - 12 - len(short)


def test_silence_and_death(tmp_path: Path) -> None:
    with Radio(device(tmp_path, silent_at=5000, pace=False)) as radio:
        radio.start(RATE)
        assert len(collect(radio, 5000)[0]) == 5000
        assert radio.numbers(1, 0.01)[0] == TIMEOUT
    args = device(tmp_path, silent_at=5000, fifo=1000, mtu=1000)
    with Radio(args) as radio:
        radio.start(RATE)
        eventually("silence", lambda: radio.numbers(1000, 0.05)[0] == TIMEOUT)
        before = lost(written(args))
        for _ in range(5):
            radio.numbers(1, 0.01)
        assert lost(written(args)) == before  # what never came is not lost again and again
    args = device(tmp_path, die_at=5000, epoch=time.time())
    with Radio(args) as radio:
        radio.start(RATE)
        eventually("death", lambda: radio.numbers(1000)[0] == STREAM_ERROR)
        assert radio.numbers(1)[0] == STREAM_ERROR
    with Radio(args) as radio:  # opened anew it lives on
        radio.start(RATE)
        assert radio.numbers(1)[0] == 1


# Files.


def test_a_file_is_heard_once_or_again_and_again(tmp_path: Path) -> None:
    raw = np.random.default_rng(1).integers(-32768, 32768, (777, 2)).astype("<i2")
    raw.tofile(tmp_path / "raw")
    for loop in (False, True):
        with Radio(device(tmp_path, file=tmp_path / "raw", loop=loop, pace=False, mtu=1000)) as radio:
            radio.start(RATE)
            got = np.concatenate([radio.read(1000)[1] for _ in range(3)])
        expected = np.resize(raw, (3000, 2)) if loop else np.concatenate([raw, np.zeros((2223, 2), "<i2")])
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("fmt", ["CU8", "CS8", "CF32"])
def test_other_formats_come_as_they_are_or_converted(tmp_path: Path, fmt: str) -> None:
    dtype = {"CU8": "u1", "CS8": "i1", "CF32": "<f4"}[fmt]
    values = np.random.default_rng(1).integers(0, 256, (500, 2))
    raw = {"CU8": values, "CS8": values - 128, "CF32": (values - 128) / 128}[fmt].astype(dtype)
    raw.tofile(tmp_path / "raw")
    args = device(tmp_path, file=tmp_path / "raw", format=fmt, pace=False)
    for stream, expected in ((fmt, raw), ("CS16", (values - 128) * 256)):
        with Radio(args) as radio:
            radio.start(RATE, stream)
            assert np.allclose(radio.read(500)[1], expected, atol=8)  # float to integer is scaled by 32767
            assert np.all(radio.read(10)[1] == (128 if stream == "CU8" else 0))  # behind the end


def test_the_bias_tee_brings_other_samples(tmp_path: Path) -> None:
    for name, value in (("off", 1), ("on", 2)):
        np.full((100, 2), value, "<i2").tofile(tmp_path / name)
    args = device(tmp_path, file=tmp_path / "off", bias_file=tmp_path / "on", loop=True, pace=False)
    with Radio(args) as radio:
        radio.start(RATE)
        seen = []
        for state in (b"false", b"true", b"false"):
            radio.call("writeSetting", b"biastee", state)
            seen.append(int(radio.read(1)[1][0, 0]))
    assert seen == [1, 2, 1]


def test_a_file_that_is_cut_short_ends_the_stream(tmp_path: Path) -> None:
    np.ones((10_000, 2), "<i2").tofile(tmp_path / "raw")
    with Radio(device(tmp_path, file=tmp_path / "raw", loop=True, pace=False, mtu=1000)) as radio:
        radio.start(RATE)
        assert radio.read(1000)[0] == 1000
        (tmp_path / "raw").write_bytes(b"")
        assert radio.read(1000)[0] == STREAM_ERROR


# Settings.


def test_everything_that_is_set_is_written_down(tmp_path: Path) -> None:
    args = device(tmp_path, frequency_error=12.5, rate_error=float("nan"))
    with Radio(args) as radio:
        radio.call("setFrequency", RX, 0, 137.9e6, None)
        radio.call("setGain", RX, 0, 30.4)
        radio.call("setDCOffsetMode", RX, 0, True)
        radio.call("setAntenna", RX, 0, b"HF")
        radio.call("writeSetting", b"biastee", b"true")
        radio.start(250e3)
        assert radio.call("getFrequency", RX, 0) == 137.9e6 + 12.5
        assert radio.call("getGain", RX, 0) == 30
        assert np.isnan(radio.call("getSampleRate", RX, 0))
        refused: list[tuple[str, tuple[object, ...]]] = [
            ("setAntenna", (RX, 0, b"TX")),
            ("setSampleRate", (RX, 0, -1.0)),
            ("setFrequency", (RX, 0, float("nan"), None)),
            ("writeSetting", (b"volume", b"11")),
        ]
        for name, wrong in refused:
            with pytest.raises(SoapyError, match="tramthu_sim"):
                radio.call(name, *wrong)
    assert settings_of(written(args)) == {
        "frequency": 137.9e6, "gain LNA": 20, "gain MIX": 10, "gain VGA": 0, "dc offset mode": 1,
        "antenna": "HF", "biastee": "true", "sample rate": 250e3, "format": "CS16",
    }  # fmt: skip


def test_a_device_of_one_rate_tells_it(tmp_path: Path) -> None:
    with Radio(device(tmp_path, rate=2e6)) as radio:
        radio.call("setSampleRate", RX, 0, 1e6)
        assert radio.call("getSampleRate", RX, 0) == 2e6


# Plugged in and not.


def test_what_is_unplugged_is_gone_until_it_is_opened_anew(tmp_path: Path) -> None:
    args = device(tmp_path, epoch=time.time())
    control = Path(args["control"])
    with Radio(args) as radio:
        radio.start(RATE)
        assert radio.numbers(1)[0] == 1
        control.write_text("hung\n")
        eventually("a hung device", lambda: radio.numbers(1, 0.02)[0] == TIMEOUT)
        control.write_text("unplugged\n")
        eventually("the end of the stream", lambda: radio.numbers(1, 0.02)[0] == STREAM_ERROR)
        eventually("nothing found", lambda: found(args) == 0)
        with pytest.raises(SoapyError, match="unplugged"):
            radio.call("setFrequency", RX, 0, 1e8, None)
        control.write_text("plugged\n")
        assert radio.numbers(1, 0.02)[0] == STREAM_ERROR
    control.write_text("unplugged\n")
    with pytest.raises(SoapyError, match="there is no device"):
        Radio(args)
    control.write_text("busy\n")
    eventually("a busy device is found", lambda: found(args) == 1)
    with pytest.raises(SoapyError, match="in use"):
        Radio(args)
    control.write_text("plugged\n")
    with Radio(args) as radio:
        before = time.time()
        radio.start(RATE)
        code, values, _ = radio.numbers(1)
        assert code == 1
        assert values[0] >= (before - float(args["epoch"])) * RATE - 2


def test_several_devices_and_their_serials(tmp_path: Path) -> None:
    assert found(device(tmp_path, devices=3)) == 3
    os.mkfifo(tmp_path / "pipe")
    for control in (tmp_path / "pipe", "/dev/zero", tmp_path, ""):
        assert found(device(tmp_path, control=control)) == 1
    assert found(device(tmp_path, devices=0)) == 0
    assert found(device(tmp_path, devices=3, serial="sim2")) == 1
    assert found(device(tmp_path, serial="other")) == 0
    assert found(device(tmp_path, serials="a:a")) == 2
    assert found(device(tmp_path, serials="a:b", serial="b")) == 1
    with pytest.raises(SoapyError, match="no device other"):
        Radio(device(tmp_path, serial="other"))


def test_soapysdrutil_finds_and_probes_it(tmp_path: Path) -> None:
    program = shutil.which("SoapySDRUtil")
    if program is None:
        assert "TRAMTHU_CI" not in os.environ, "CI must have SoapySDRUtil (soapysdr-tools)"
        pytest.skip("needs SoapySDRUtil (apt-get install soapysdr-tools)")
    for option, says in (("--find", "serial = sim0"), ("--probe", "Native format: CS16")):
        done = subprocess.run(
            [program, f"{option}={device_string(device(tmp_path))}"],
            env=environment(), capture_output=True, text=True, timeout=PATIENCE_S, check=True,
        )  # fmt: skip
        assert says in done.stdout


# Nonsense.


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"lossses": "x"}, "unknown word 'lossses'"),
        ({"rate": "-1"}, "rate=-1 lies outside"),
        ({"rate": "nan"}, "rate=nan lies outside"),
        ({"rate": "1e6Hz"}, "a number is needed"),
        ({"rate": ""}, "a number is needed"),
        ({"mtu": "0"}, "mtu=0 lies outside"),
        ({"mtu": "1e18"}, "mtu=1e18 lies outside"),
        ({"mtu": "10.5"}, "a whole number"),
        ({"mtu": "-5"}, "lies outside"),
        ({"fifo": "100"}, "shorter than a transfer"),
        ({"fifo": "1e9", "socket": "x"}, "waits in memory"),
        ({"devices": "1e9"}, "lies outside"),
        ({"format": "CS12"}, "allowed are CU8"),
        ({"pace": "2"}, "lies outside"),
        ({"pace": "0", "socket": "x"}, "needs a file"),
        ({"file": "/absent"}, "/absent: No such file"),
        ({"file": "/"}, "is no file"),
        ({"file": "/dev/zero"}, "is no file"),
        ({"file": "odd"}, "no whole number of CS16 samples"),
        ({"file": "empty"}, "or none"),
        ({"file": "pipe"}, "is no file"),
        ({"file": "odd", "socket": "x"}, "exclude each other"),
        ({"bias_file": "odd"}, "needs file="),
        ({"losses": "/absent"}, "cannot be read"),
        ({"losses": "words"}, "line 2: two whole numbers"),
        ({"losses": "disorder"}, "line 2: begins at 15 or later"),
        ({"losses": "nothing"}, "line 1: begins"),
        ({"losses": "/"}, "cannot be read"),
        ({"losses": "pipe"}, "cannot be read"),
        ({"losses": "/dev/zero"}, "cannot be read"),
        ({"stalls": "words"}, "line 2"),
        ({"timeouts": "1"}, "every read would time out"),
        ({"log": "/absent/log"}, "log=/absent/log"),
        ({"log": "pipe"}, "No such device"),
        ({"silent_at": "-1"}, "lies outside"),
        ({"epoch": "-1"}, "lies outside"),
        ({"jitter_ms": "inf"}, "lies outside"),
    ],
)
def test_nonsense_is_refused_in_words(tmp_path: Path, words: dict[str, str], says: str) -> None:
    (tmp_path / "odd").write_bytes(bytes(1001))
    (tmp_path / "empty").touch()
    (tmp_path / "words").write_text("# losses\nmany 3\n")
    (tmp_path / "disorder").write_text("10 5\n12 1\n")
    (tmp_path / "nothing").write_text("10 0\n")
    os.mkfifo(tmp_path / "pipe")
    paths = ("file", "bias_file", "losses", "stalls", "log")
    here = {name: str(tmp_path / value) if name in paths else value for name, value in words.items()}
    with pytest.raises(SoapyError) as refused:
        Radio(here)
    assert says in str(refused.value)


def test_random_words_are_survived(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(random.Random(1).randbytes(4000))
    values = ["", "0", "1", "2", "7", "-1", "1e6", "1e300", "-1e300", "nan", "inf", "0x10", "CS16", "CU8"]
    values += ["CF32", "a:b", ":", str(tmp_path), str(tmp_path / "raw"), "\x7f\xff", "9" * 400]
    names = ["serial", "serials", "devices", "file", "bias_file", "loop", "format", "rate", "pace", "stamps"]
    names += ["mtu", "fifo", "epoch", "losses", "overflow_code", "timeouts", "short_reads", "rate_error"]
    names += ["stalls", "frequency_error", "crystal_ppm", "jitter_ms", "silent_at", "die_at", "control"]
    rng, opened = random.Random(2), 0
    for _ in range(1500):
        args = {name: rng.choice(values) for name in rng.sample(names, rng.randint(0, 4))}
        with contextlib.suppress(SoapyError), Radio(args) as radio:
            opened += 1
            radio.start(rng.choice([1e3, 1e6, 1e8]), rng.choice(["CS16", "CU8", "CF32"]))
            for _ in range(3):
                code, values_read, _ = radio.read(rng.choice([1, 100, 70_000]), 0.0001)
                assert code == len(values_read) or code in (TIMEOUT, STREAM_ERROR, OVERFLOW)
    assert opened > 100


def test_several_threads_may_call(tmp_path: Path) -> None:
    over, numbers = threading.Event(), []
    with Radio(device(tmp_path, mtu=500)) as radio:
        radio.start(RATE)

        def read() -> None:
            while not over.is_set():
                code, values, _ = radio.numbers(300, 0.01)
                assert code > 0 or code in (TIMEOUT, OVERFLOW)
                numbers.append(values.copy())

        def disturb() -> None:
            rng = random.Random(1)
            while not over.is_set():
                radio.call("setGain", RX, 0, rng.uniform(0, 50))
                radio.call("setFrequency", RX, 0, rng.uniform(1e8, 2e8), None)
                radio.call("getFrequency", RX, 0)
                radio.call("setHardwareTime", rng.randrange(10**18), b"")
                radio.deactivate()
                radio.activate()

        threads = [threading.Thread(target=target) for target in (read, read, disturb)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        over.set()
        for thread in threads:
            thread.join()
    every = np.sort(np.concatenate(numbers))
    assert every.size > 100
    assert np.all(np.diff(every) > 0)  # no sample came twice


# Passes.


def test_a_simulated_pass_is_heard_from_where_it_is_now(tmp_path: Path) -> None:
    request = _request(60.0)
    epoch = time.time()
    with Feeder(request, tmp_path / "feed", source=FillSource()) as feeder:
        args = device(tmp_path, socket=tmp_path / "feed", rate=250e3, epoch=epoch)
        with Radio(args) as radio:
            radio.call("setFrequency", RX, 0, 137.91e6, None)
            radio.start()
            got = np.concatenate([radio.read(10_000)[1] for _ in range(20)])
            first = next(int(str(e["first"])) for e in events(written(args)) if e["event"] == "activated")
            tuned = replace(request, tuned_hz=137.91e6, format="cs16")
            flow = feeder.live.flow_at(tuned, first / 250e3)
            assert flow is not None
            part = flow.take(len(got), 60.0)
            expected = np.frombuffer(part.raw, "<i2").reshape(-1, 2) if part else np.empty(0)
    shorter = min(len(expected), len(got))
    assert shorter > 50_000
    assert np.array_equal(got[:shorter], expected[:shorter])


def test_a_pass_that_is_over_is_silence(tmp_path: Path) -> None:
    with Feeder(_request(0.2), tmp_path / "feed", source=FillSource()):
        args = device(tmp_path, socket=tmp_path / "feed", rate=250e3, format="CU8")
        for _ in range(2):
            with Radio(args) as radio:
                radio.start(stream_format="CU8")
                eventually("silence", lambda: np.all(radio.read(1000)[1] == 128))
        assert "feed ended" in [e["event"] for e in events(written(args))]


def test_what_the_pass_cannot_be_tuned_to_is_told(tmp_path: Path) -> None:
    with (
        Feeder(_request(10.0), tmp_path / "feed", source=FillSource()) as feeder,
        Radio(device(tmp_path, socket=tmp_path / "feed")) as radio,
    ):
        with pytest.raises(SoapyError, match="nobody sends samples"):
            radio.start(1e4)  # less than the mode needs
        assert "too few for mode" in feeder.refused[0]
    for path, says in ((tmp_path / "absent", "No such file"), (tmp_path / ("x" * 200), "too long")):
        with Radio(device(tmp_path, socket=path)) as radio, pytest.raises(SoapyError, match=says):
            radio.start(RATE)


def test_a_device_that_is_not_read_keeps_the_newest_of_a_pass(tmp_path: Path) -> None:
    with Feeder(_request(600.0), tmp_path / "feed", source=FillSource()):
        args = device(tmp_path, socket=tmp_path / "feed", rate=250e3, fifo=20_000, mtu=1000)
        with Radio(args) as radio:
            radio.start()
            eventually("samples", lambda: radio.read(1000)[0] > 0)

            def lost_at_once() -> int:
                time.sleep(3.2)  # more than the sender may run ahead
                eventually("samples", lambda: radio.read(1000)[0] > 0)
                return max((count for _, count in lost(written(args))), default=0)

            # Less where this machine is too slow for the sender.
            eventually("a long loss", lambda: lost_at_once() > 2.5 * 250e3)


def test_a_served_pass_has_its_faults(tmp_path: Path) -> None:
    """Losses, a stall and a cut, as `tramthu simulate --serve soapy` gives them."""
    wrong = Impairments(
        gaps=Gaps(at=((0.4, 0.1), (1.0, 0.02))), delivery=Delivery(stalls=((0.6, 0.2),), cuts=((2.0, 0.5),))
    )
    with served_device(_request(60.0, impairments=wrong), FillSource(), tmp_path / "log") as told:
        words = dict(word.split("=", 1) for word in told.split(" and ")[1].split(","))
        del words["driver"]
        with Radio(words | {"fifo": str(FED_FIFO)}) as radio:
            radio.start(stream_format="CU8")
            eventually("the cut", lambda: radio.read(10_000)[0] == STREAM_ERROR)
        eventually("the return", lambda: Path(words["control"]).read_text() == "plugged\n")
        with Radio(words | {"fifo": str(FED_FIFO)}) as radio:
            radio.start(stream_format="CU8")
            eventually("samples again", lambda: radio.read(10_000)[0] > 0)
    began = next(int(str(e["first"])) for e in events(tmp_path / "log") if e["event"] == "activated")
    ordered = [gap for gap in ((100_000, 25_000), (250_000, 5_000)) if gap[0] > began]
    assert [gap for gap in lost(tmp_path / "log") if gap[0] > began] == ordered


def _request(seconds: float, **changes: object) -> PassSimulation:
    return PassSimulation(None, None, START, START + timedelta(seconds=seconds), ebn0_db=10.0, **changes)  # type: ignore[arg-type]
