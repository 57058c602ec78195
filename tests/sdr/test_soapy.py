"""The SoapySDR receiver through the real library and the simulated device, which logs what it was told."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdr import soapy_library
from sdr.errors import DeviceError
from sdr.receiver import Block, Tuning
from sdr.soapy import SoapyReceiver
from sdr.soapy_drivers import DRIVERS, no_module
from sdr.soapy_settings import Clocks, nearest_rate
from sim.soapy import device_args, events, lost, plugin_folder, settings_of

RATE = 250_000
TUNING = Tuning(137.9e6, RATE, gain_db=30.4)

pytestmark = pytest.mark.usefixtures("simulated_radio")


def radio(folder: Path, *, losses: Any = (), stalls: Any = (), **options: Any) -> SoapyReceiver:
    """A receiver of the simulated device; upper-case options are the receiver's, the others the device's."""
    ours = {name.lower(): options.pop(name) for name in list(options) if name.isupper()}
    serial = ours.pop("serial", None)
    return SoapyReceiver(
        "tramthu_sim", serial=serial, args=device_args(folder, losses, stalls, **options), **ours
    )


def receive(receiver: SoapyReceiver, count: int, tuning: Tuning = TUNING) -> list[Block]:
    """That many samples, losses counted in."""
    receiver.open(tuning)
    blocks: list[Block] = []
    deadline = time.monotonic() + 60
    while count > 0:
        assert time.monotonic() < deadline, "nothing comes"
        block = receiver.read(min(count, 25_000), 0.5)
        count -= block.lost + len(block.raw) // 4
        blocks += [block] if block.raw else []
    receiver.close()
    return blocks


def read_on(receiver: SoapyReceiver, got: list[int]) -> None:
    """Read for ever; `got` counts the samples of each block."""
    while True:
        got.append(len(receiver.read(10_000, 0.2).raw) // 4)


def numbers(blocks: list[Block]) -> np.ndarray:
    """The device's own count of every sample."""
    return np.concatenate([np.frombuffer(block.raw, "<u4") for block in blocks])


def losses_of(blocks: list[Block]) -> list[tuple[int, int]]:
    """(first, count) as the receiver tells them."""
    at, found = 0, []
    for block in blocks:
        if block.lost:
            found.append((at, block.lost))
        at += block.lost + len(block.raw) // 4
    return found


def test_what_the_device_really_did_is_told(tmp_path: Path) -> None:
    tuning = Tuning(137.9e6, RATE, 30.4, "HF", True, 2.5, 200_000, dc_correction=True, iq_correction=True)
    receiver = radio(tmp_path, frequency_error=12.5)
    opened = receiver.open(tuning)
    receiver.close()
    assert opened.device == "SoapySDR simulated receiver (tramthu_sim)"
    assert (opened.frequency_hz, opened.sample_rate) == (137.9e6 + 12.5, RATE)
    assert (opened.gain_db, opened.antenna, opened.format) == (30.0, "HF", "cs16")
    assert (opened.time_source, opened.smallest_visible_loss) == ("device", 1)
    assert opened.facts["ppm_corrected"] == "by the device"
    assert opened.facts["bias_tee"] is True
    assert 0 <= opened.facts["time_alignment_s"] < 1
    was_set = settings_of(tmp_path / "device.jsonl")
    assert was_set["sample rate"] == RATE
    assert was_set["frequency"] == 137.9e6
    assert (was_set["antenna"], was_set["biastee"], was_set["ppm"]) == ("HF", "true", 2.5)
    assert (was_set["gain mode"], was_set["bandwidth"]) == (0, 200_000)
    assert was_set["dc offset mode"] == 1
    assert opened.notes == ("the radio's automatic balance of I and Q stays off",)


def test_a_bias_tee_is_switched_off_where_it_is_not_wanted(tmp_path: Path) -> None:
    receiver = radio(tmp_path, bias_key="biasT_ctrl")
    receiver.open(TUNING)
    receiver.close()
    assert settings_of(tmp_path / "device.jsonl")["biasT_ctrl"] == "false"


@pytest.mark.parametrize("key", ["biastee", "bias_tx", "biasT_ctrl", "biastee_rx"])
def test_a_bias_tee_is_found_by_the_names_that_drivers_give_it(tmp_path: Path, key: str) -> None:
    receiver = radio(tmp_path, bias_key=key)
    opened = receiver.open(Tuning(137.9e6, RATE, bias_tee=True))
    receiver.close()
    assert settings_of(tmp_path / "device.jsonl")[key] == "true"
    assert opened.notes == ()


def test_a_device_without_bias_tee_and_corrections_says_so(tmp_path: Path) -> None:
    receiver = radio(tmp_path, bias_key="something_else", corrections=0)
    opened = receiver.open(Tuning(137.9e6, RATE, bias_tee=True, dc_correction=True, iq_correction=True))
    receiver.close()
    assert [note.split(";")[0] for note in opened.notes] == [
        "the radio cannot remove its DC offset by itself",
        "the radio's automatic balance of I and Q stays off",
        "the radio does not switch a bias tee",
    ]


def test_gains_by_element(tmp_path: Path) -> None:
    receiver = radio(tmp_path)
    opened = receiver.open(Tuning(137.9e6, RATE, gain_db=3, gains_db={"lna": 12, "MIX": 9, "VGA": 40}))
    receiver.close()
    assert opened.facts["gains_db"] == {"LNA": 12, "MIX": 9, "VGA": 15}
    assert opened.gain_db == 36
    assert opened.notes == ("the gain VGA is 15 dB, 40 dB cannot be had",)


def test_automatic_gain(tmp_path: Path) -> None:
    receiver = radio(tmp_path)
    assert receiver.open(Tuning(137.9e6, RATE)).gain_db is None
    receiver.close()
    assert settings_of(tmp_path / "device.jsonl")["gain mode"] == 1


def test_a_crystal_that_the_device_cannot_correct_is_tuned_around(tmp_path: Path) -> None:
    """A crystal 20 ppm fast: everything is 20 ppm higher than the device tells."""
    receiver = radio(tmp_path, corrections=0)
    opened = receiver.open(Tuning(137.9e6, RATE, ppm=20))
    receiver.close()
    asked = settings_of(tmp_path / "device.jsonl")["frequency"]
    assert asked * (1 + 20e-6) == pytest.approx(137.9e6, abs=0.01)
    assert opened.frequency_hz == pytest.approx(137.9e6, abs=0.01)
    assert opened.sample_rate == pytest.approx(RATE * (1 + 20e-6), abs=1e-6)
    assert opened.facts["ppm_corrected"] == "by tuning and by the stated sample rate"


@pytest.mark.parametrize("ppm", [50, -50])
def test_a_crystal_that_the_device_cannot_correct_loses_nothing(tmp_path: Path, ppm: float) -> None:
    """Stamps count in the device's own seconds: blocks long enough that its error is some samples."""
    receiver = radio(tmp_path, corrections=0, mtu=65536)
    receiver.open(Tuning(137.9e6, 1_000_000, ppm=ppm))
    got = [receiver.read(100_000, 5.0) for _ in range(12)]
    receiver.close()
    assert sum(len(block.raw) for block in got) // 4 > 5 * 65536
    assert losses_of(got) == []


@pytest.mark.parametrize(
    ("tuning", "options", "message"),
    [
        ({"antenna": "J1"}, {}, "no antenna port 'J1'; there are RX, HF"),
        ({"gains_db": {"AMP": 1}}, {}, "no gain 'AMP'; there are LNA, MIX, VGA"),
        ({}, {"rate_error": "nan"}, "says that it gives nan samples/s instead of 250000"),
        ({}, {"rate_error": -250_000}, "says that it gives 0 samples/s instead of 250000"),
        ({}, {"rate_error": 7500}, r"says that it gives 257500 samples/s instead of 250000"),
        ({}, {"rate_error": "inf"}, "says that it gives inf samples/s"),
        ({}, {"rate": 2_400_000}, "cannot give 250000 samples/s; choose a rate that it gives: 2400000$"),
        ({"sample_rate": 1e9}, {}, "cannot give 1000000000 samples/s; .* that it gives: 1000-100000000$"),
        ({}, {"frequency_error": 1e6}, "says that it is tuned to 138900000 Hz instead of 137900000"),
        ({}, {"SETTINGS": {"dither": "1"}}, "no setting 'dither'; there are biastee"),
        ({}, {"SETTINGS": {"biastee": "true"}}, "feeds a preamplifier: use bias_tee = true or false"),
        ({}, {"CLOCKS": Clocks(clock_source="gpsdo")}, "no clock_source 'gpsdo'; there are none"),
        ({}, {"FORMAT": "cu8", "format": "CF32"}, None),
        ({}, {"devices": 0}, "no radio found for driver=tramthu_sim.*is it plugged in"),
        ({}, {"devices": 2}, "2 radios of driver tramthu_sim; choose one by its serial: sim0, sim1"),
        ({}, {"SERIAL": "sim7"}, "no radio found for driver=tramthu_sim, serial=sim7"),
        (
            {},
            {"SERIAL": "a", "serials": "a:a"},
            "2 radios of driver tramthu_sim have the serial a; give",
        ),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do(
    tmp_path: Path, tuning: dict[str, Any], options: dict[str, Any], message: str | None
) -> None:
    receiver = radio(tmp_path, **options)
    wanted = Tuning(**({"frequency_hz": 137.9e6, "sample_rate": RATE} | tuning))
    if message is None:
        assert receiver.open(wanted).format == "cu8"
    else:
        with pytest.raises(DeviceError, match=message):
            receiver.open(wanted)
    receiver.close()


def test_a_device_in_use(tmp_path: Path) -> None:
    receiver = radio(tmp_path)
    (tmp_path / "control").write_text("busy")
    with pytest.raises(DeviceError, match=r"is there but cannot be opened .*another program using it"):
        receiver.open(TUNING)


def test_a_module_that_is_not_installed() -> None:
    there = "no module for driver '{}'; installed are tramthu_sim: {}"
    for name, mend in (
        ("bladerf", "sudo apt-get install soapysdr-module-bladerf"),
        ("rtl_sdr", "did you mean 'rtlsdr'"),
        ("never", "install the SoapySDR module for never"),
    ):
        with pytest.raises(DeviceError, match=there.format(name, mend)):
            SoapyReceiver(name).open(TUNING)


def test_the_simulated_driver_that_is_not_found_names_the_variable() -> None:
    said, mend = no_module("tramthu_sim", [])
    assert said == "SoapySDR has no module for driver 'tramthu_sim'; installed are none"
    assert mend.startswith("make kernels builds it")
    assert f"SOAPY_SDR_PLUGIN_PATH={plugin_folder()}" in mend


def test_an_absent_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soapy_library, "LIBRARY", "libSoapySDR.so.absent")
    soapy_library.library.cache_clear()
    with pytest.raises(DeviceError, match=r"apt-get install libsoapysdr0\.8"):
        SoapyReceiver("rtlsdr").open(TUNING)
    soapy_library.library.cache_clear()


def test_a_driver_must_be_named() -> None:
    with pytest.raises(DeviceError, match=r"name the SoapySDR driver"):
        SoapyReceiver("").open(TUNING)


def test_stamped_losses_are_exact(tmp_path: Path) -> None:
    wanted = [(1000, 1), (12_345, 678), (16_384, 16_384), (100_000, 50_000)]
    blocks = receive(radio(tmp_path, losses=wanted, pace=0, timeouts=7, short_reads=5), 200_000)
    assert lost(tmp_path / "device.jsonl") == wanted
    assert losses_of(blocks) == wanted
    assert all(block.lost_uncertainty == 0 for block in blocks)
    expected = np.delete(np.arange(200_000), np.concatenate([np.arange(a, a + n) for a, n in wanted]))
    assert np.array_equal(numbers(blocks), expected)


def test_stamped_losses_that_no_overflow_tells_are_found_too(tmp_path: Path) -> None:
    blocks = receive(radio(tmp_path, losses=[(5000, 77)], pace=0, overflow_code=0), 20_000)
    assert losses_of(blocks) == [(5000, 77)]


def test_times_are_utc_by_the_clock_of_the_device(tmp_path: Path) -> None:
    before = time.time()
    blocks = receive(radio(tmp_path, losses=[(50_000, 1000)], mtu=1000), 100_000)
    took_s = time.time() - before
    at = 0
    for block in blocks:
        at += block.lost
        assert block.time is not None
        assert block.time - blocks[0].time == pytest.approx(at / RATE, abs=1e-5)
        at += len(block.raw) // 4
    assert 0 <= blocks[0].time - before < took_s


def test_times_follow_the_crystal_of_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crystal 1 % fast, asked for its time at every block: 2 s of its own are 20 ms less."""
    monkeypatch.setattr("sdr.stamped._ASK_AGAIN_S", 0.0)
    monkeypatch.setattr("sdr.stamped._MOST_DRIFT", math.inf)
    blocks = receive(radio(tmp_path, crystal_ppm=1e4, mtu=1000), round(2 * RATE))
    count = sum(block.lost + len(block.raw) // 4 for block in blocks[:-1])
    assert blocks[0].time is not None
    assert blocks[-1].time is not None
    assert 0.005 < count / RATE - (blocks[-1].time - blocks[0].time) < 0.2


def test_a_loss_without_stamps_is_found_by_the_clock(tmp_path: Path) -> None:
    blocks = receive(
        radio(tmp_path, losses=[(300_000, 60_000)], stamps=0, overflow_code=0, mtu=2048), 600_000
    )
    (found,) = [block for block in blocks if block.lost]
    ((place, length),) = losses_of(blocks)
    assert abs(place - 300_000) <= found.lost_uncertainty < 50_000
    assert abs(length - 60_000) <= found.lost_uncertainty
    assert "found by the clock" in found.cause


def test_an_overflow_without_stamps_is_placed_exactly(tmp_path: Path) -> None:
    blocks = receive(radio(tmp_path, losses=[(300_000, 30_000)], stamps=0, mtu=2048), 600_000)
    first, *_ = losses_of(blocks)
    assert first[0] == 300_000
    assert "overflow" in next(block.cause for block in blocks if block.lost)
    assert sum(length for _, length in losses_of(blocks)) == pytest.approx(30_000, abs=5000)


def test_stamps_can_be_distrusted(tmp_path: Path) -> None:
    receiver = radio(tmp_path, TRUST_STAMPS=False)
    opened = receiver.open(TUNING)
    receiver.close()
    assert opened.time_source == "clock"
    assert opened.smallest_visible_loss == pytest.approx(0.15 * 16384, abs=1)


def test_a_device_that_dies_gives_what_it_had_and_then_says_so(tmp_path: Path) -> None:
    for stamps in (0, 1):
        receiver = radio(tmp_path, die_at=30_000, pace=0, stamps=stamps)
        receiver.open(TUNING)
        with pytest.raises(DeviceError, match="the radio stopped: STREAM_ERROR"):
            read_on(receiver, got := [])
        receiver.close()
        assert sum(got) == 30_000


def test_a_device_that_falls_silent_is_noticed(tmp_path: Path) -> None:
    receiver = radio(tmp_path, silent_at=30_000)
    receiver.open(TUNING)
    with pytest.raises(DeviceError, match=r"sent nothing for .*still plugged in"):
        read_on(receiver, [])
    receiver.close()


def test_a_device_that_was_away_is_opened_again(tmp_path: Path) -> None:
    control = tmp_path / "control"
    receiver = radio(tmp_path, mtu=2048)
    receiver.open(TUNING)
    assert receiver.read(1000, 5).raw
    control.write_text("unplugged")
    with pytest.raises(DeviceError, match=r"stopped|nothing"):
        read_on(receiver, [])
    with pytest.raises(DeviceError, match="no radio found"):
        receiver.open(TUNING)
    threading.Timer(0.3, control.write_text, ["plugged"]).start()
    deadline = time.monotonic() + 30
    while True:
        try:
            receiver.open(TUNING)
            break
        except DeviceError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert receiver.read(1000, 5).raw
    receiver.close()


def test_a_stuck_device_is_reset_on_the_usb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DRIVERS, "tramthu_sim", type(DRIVERS["rtlsdr"])("x", True, ("0bda:2838",)))
    asked: list[tuple[str, tuple[str, ...]]] = []

    def reset(serial: str, products: tuple[str, ...]) -> None:
        asked.append((serial, products))
        (tmp_path / "control").write_text("plugged")

    receiver = radio(tmp_path, SERIAL="sim0", RESET=reset)
    (tmp_path / "control").write_text("busy")
    for _ in range(2):
        with pytest.raises(DeviceError, match="cannot be opened"):
            receiver.open(TUNING)
    assert asked == []
    receiver.open(TUNING)
    assert asked == [("sim0", ("0bda:2838",))]
    assert receiver.read(1000, 5).raw
    receiver.close()


def test_stream_arguments_reach_the_driver(tmp_path: Path) -> None:
    receiver = radio(tmp_path, STREAM_ARGS={"buffers": "8"})
    receiver.open(TUNING)
    receiver.close()
    assert any(event["event"] == "activated" for event in events(tmp_path / "device.jsonl"))


@pytest.mark.parametrize(
    ("wanted", "ranges", "given"),
    [
        (250e3, [(225_001, 300e3), (900_001, 3.2e6)], 250e3),
        (3.21e6, [(225_001, 300e3), (900_001, 3.2e6)], 3.2e6),
        (2.5e6, [(2.5e6, 2.5e6), (10e6, 10e6)], 2.5e6),
        (1e6, [], 1e6),
        (1e6, [(float("nan"), 1e6), (0, 0)], 1e6),
    ],
)
def test_the_nearest_rate(wanted: float, ranges: list[tuple[float, float]], given: float) -> None:
    assert nearest_rate(wanted, ranges) == given
