"""The doctor's look at clock, computer and disk, through a false /sys and /proc."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sdr.clock_quality import ClockQuality
from station.catalogue import Booking, Catalogue
from station.config import StationConfig, parse_config
from station.doctor.check import Check, Places
from station.doctor.clock import clock_checks
from station.doctor.computer import computer_checks
from station.doctor.decoding import decoding_checks, measure_load
from station.doctor.disk import Speed, disk_checks, measure_speed
from tests.station.conftest import renamed, station_table

NOW = 1_800_000_000.0


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path / "sys", tmp_path / "proc", tmp_path / "dev")
    for folder in (made.sys, made.proc, made.dev / "shm"):
        folder.mkdir(parents=True)
    return made


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def _one(checks: list[Check], subject: str) -> Check:
    found = [check for check in checks if check.subject == subject]
    assert len(found) == 1, checks
    assert found[0].mend or found[0].state == "ok"
    return found[0]


@pytest.mark.parametrize(
    ("quality", "running", "state", "says"),
    [
        (ClockQuality("none", None, "nothing keeps the clock"), None, "warn", "nothing keeps it right"),
        (ClockQuality("none", None, ""), "chronyd", "warn", "chrony runs"),
        (ClockQuality("ntp", 0.02, "chrony, 1.2.3.4, stratum 3"), "chronyd", "ok", "right within 20 ms"),
        (ClockQuality("ntp", 0.4, "kernel"), "systemd-timesyn", "warn", "up to 2.7 km"),
        (ClockQuality("ntp", 5.0, "kernel"), None, "wrong", "up to 33.5 km"),
        (ClockQuality("gnss", 1e-6, "chrony, PPS, stratum 1"), "gpsd", "ok", "kept by chrony, PPS"),
    ],
)
def test_the_clock_is_kept_and_right(
    places: Places, quality: ClockQuality, running: str | None, state: str, says: str
) -> None:
    if running:
        _put(places.proc / "812/comm", running)
    found = _one(list(clock_checks(places, lambda: quality)), "clock")
    assert found.state == state
    assert says in found.said


@pytest.mark.parametrize(
    ("told", "state"),
    [(None, "warn"), ("1800000003", "ok"), ("1799990000", "warn"), ("946684800", "warn"), ("", "warn")],
)
def test_the_clock_with_a_battery(places: Places, told: str | None, state: str) -> None:
    if told is not None:
        _put(places.sys / "class/rtc/rtc0/since_epoch", told)
    checks = list(clock_checks(places, lambda: ClockQuality("ntp", 0.01), lambda: NOW))
    assert _one(checks, "battery clock").state == state


@pytest.mark.parametrize(
    ("word", "state", "says"),
    [
        ("0", "ok", "never too low"),
        ("50005", "wrong", "too low now"),
        ("50000", "warn", "was too low"),
        ("4", "wrong", "is slowed down by heat"),
        ("80000", "warn", "was slowed down by heat"),
    ],
)
def test_what_the_firmware_saw_of_its_supply(places: Places, word: str, state: str, says: str) -> None:
    _put(places.sys / "devices/platform/soc/soc:firmware/get_throttled", word)
    found = _one(list(computer_checks(places)), "power supply")
    assert found.state == state
    assert says in found.said


@pytest.mark.parametrize(("millidegrees", "state"), [("48000", "ok"), ("78000", "warn"), ("91000", "wrong")])
def test_heat(places: Places, millidegrees: str, state: str) -> None:
    _put(places.sys / "class/thermal/thermal_zone0/temp", "40000")
    _put(places.sys / "class/thermal/thermal_zone1/temp", millidegrees)
    assert _one(list(computer_checks(places)), "temperature").state == state


@pytest.mark.parametrize(
    ("governor", "driver", "state"),
    [
        ("powersave", "cpufreq-dt", "warn"),
        ("powersave", "intel_pstate", "ok"),
        ("ondemand", "cpufreq-dt", "ok"),
    ],
)
def test_a_processor_that_saves_power(places: Places, governor: str, driver: str, state: str) -> None:
    _put(places.sys / "devices/system/cpu/cpu0/cpufreq/scaling_governor", governor)
    _put(places.sys / "devices/system/cpu/cpu0/cpufreq/scaling_driver", driver)
    if os.cpu_count() == 1 and state == "ok":
        state = "warn"
    found = _one(list(computer_checks(places)), "processor")
    assert found.state == state
    assert governor in found.said


@pytest.mark.parametrize(("kib", "state"), [("8000000", "ok"), ("950000", "warn"), ("480000", "wrong")])
def test_memory(places: Places, kib: str, state: str) -> None:
    _put(places.proc / "meminfo", f"MemTotal:       {kib} kB\nMemFree: 1 kB")
    assert _one(list(computer_checks(places)), "memory").state == state


def _station(folder: Path, **receiver: object) -> StationConfig:
    chosen = receiver or {"type": "soapy", "name": "vhf", "sample_rate": 1e6}
    return parse_config(station_table(folder, **chosen))


FAST = Speed(100e6, 0.005)


@pytest.mark.parametrize(
    ("mount", "state", "says"),
    [
        ("ext4 /dev/sda1", "ok", "ext4"),
        ("ext4 /dev/mmcblk0p2", "warn", "SD card"),
        ("tmpfs tmpfs", "wrong", "memory"),
        ("nfs4 server:/x", "warn", "network"),
        ("fuse.sshfs me@there:", "warn", "network"),
        ("vfat /dev/sdb1", "warn", "forgets"),
    ],
)
def test_the_kind_of_disk(tmp_path: Path, places: Places, mount: str, state: str, says: str) -> None:
    data = tmp_path / "my data"
    data.mkdir()
    point = str(data).replace(" ", "\\040")
    _put(
        places.proc / "self/mountinfo",
        f"1 0 8:1 / / rw - xfs /dev/root rw\n2 1 8:2 / {point} rw,relatime shared:1 - {mount} rw",
    )
    checks = list(disk_checks(_station(data), tmp_path, places, lambda _: FAST))
    found = _one(checks, "file system")
    assert found.state == state
    assert says in found.said


@pytest.mark.parametrize(
    ("speed", "state"),
    [(FAST, "ok"), (Speed(7e6, 0.01), "warn"), (Speed(3e6, 0.01), "wrong"), (Speed(50e6, 2.5), "warn")],
)
def test_the_disk_is_held_against_what_recordings_need(
    tmp_path: Path, places: Places, speed: Speed, state: str
) -> None:
    found = _one(list(disk_checks(_station(tmp_path), tmp_path, places, lambda _: speed)), "disk speed")
    assert found.state == state
    assert "recordings need 4.0 MB/s" in found.said


def test_a_disk_that_fails_is_named(tmp_path: Path, places: Places) -> None:
    def fails(_folder: Path) -> Speed:
        raise OSError(5, "Input/output error")

    found = _one(list(disk_checks(_station(tmp_path), tmp_path, places, fails)), "disk speed")
    assert found.state == "wrong"
    assert "Input/output error" in found.said


def test_a_data_folder_that_takes_no_file_is_a_finding_and_no_end(tmp_path: Path, places: Places) -> None:
    """As /proc, or a file; root may write everywhere, as far as the rights go."""
    _put(places.proc / "self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/root rw")
    (tmp_path / "file").touch()
    checks = list(disk_checks(_station(tmp_path / "file"), tmp_path, places))
    assert _one(checks, "file system").state == "wrong"
    assert f"no file can be made in {tmp_path / 'file'}: Not a directory" in _one(checks, "file system").said
    assert _one(checks, "disk speed").state == "wrong"


def test_the_measurement_writes_and_leaves_nothing(tmp_path: Path) -> None:
    found = measure_speed(tmp_path)
    assert found.bytes_per_s > 0
    assert found.sync_s > 0
    assert not list(tmp_path.iterdir())


def test_room_is_reckoned_from_what_is_booked(
    tmp_path: Path, places: Places, booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four passes of 1000 s at 4 MB/s: 4 GB each."""
    begin = datetime.now(UTC)
    catalogue = Catalogue(tmp_path)
    for number in range(1, 5):
        start = begin + timedelta(hours=4 * number)
        catalogue.book(
            renamed(
                booking, f"pass{number}", receiver="vhf", start=start, end=start + timedelta(seconds=1000)
            )
        )
    catalogue.close()
    for free_gb, state in ((30.0, "ok"), (10.0, "warn"), (3.9, "wrong")):
        monkeypatch.setattr("station.doctor.disk.free_bytes", lambda _, free=free_gb: int(free * 1e9))
        found = _one(list(disk_checks(_station(tmp_path), tmp_path, places, lambda _: FAST)), "data folder")
        assert found.state == state, found
        assert "4.0 GB" in found.said or "16 GB" in found.said


def test_shared_memory_holds_the_rings(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "station.doctor.disk.free_bytes", lambda path: (64 << 20) if "shm" in str(path) else 10**12
    )
    checks = list(disk_checks(_station(tmp_path), tmp_path, places, lambda _: FAST))
    assert _one(checks, "shared memory").state == "warn"
    monkeypatch.undo()
    (places.dev / "shm").rmdir()
    checks = list(disk_checks(_station(tmp_path), tmp_path, places, lambda _: FAST))
    assert _one(checks, "shared memory").state == "wrong"


def test_a_folder_that_may_not_be_written(
    tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    checks = list(disk_checks(_station(tmp_path), tmp_path, places, lambda _: FAST))
    assert [(c.subject, c.state) for c in checks] == [("data folder", "wrong")]


@pytest.mark.parametrize(
    ("share", "state", "says"),
    [(0.1, "ok", "keeps up"), (0.8, "warn", "hardly"), (1.5, "warn", "lag behind"), (None, None, "")],
)
def test_decoding_is_held_against_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float | None, state: str | None, says: str
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    asked: list[tuple[str, float]] = []

    def measure(downlink: str, rate: float) -> float | None:
        asked.append((downlink, rate))
        return share

    found = list(decoding_checks(_station(tmp_path), measure))
    assert asked == [("meteor_lrpt", 1e6)]  # two satellites, one measurement
    if state is None:
        assert not found
    else:
        assert found[0].state == state
        assert says in found[0].said
        assert "meteor_lrpt" in found[0].said


def test_the_load_of_a_downlink_is_measured() -> None:
    load = measure_load("meteor_lrpt", 288e3)
    assert load is not None
    assert 0.001 < load < 20
    assert measure_load("no_such_downlink", 1e6) is None
