"""What the recorder asks of the system: how good the clock is, room on the disk, priority."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdr import disk
from sdr.clock_quality import STA_PPSSIGNAL, STA_UNSYNC, ClockQuality, clock_quality, from_chrony, from_kernel
from sdr.disk import lower_rate

# chronyc(1), tracking, with -c: reference in hex and by name, stratum, time, then seconds and ppm.
CHRONY = (
    "{hex},{name},{stratum},1774322055.912,0.000012500,-0.0000031,0.0000214,"
    "-12.345,0.001,0.022,0.001500000,0.000450000,64.2,{leap}\n"
)


def chrony(name: str, stratum: int, leap: str = "Normal") -> str:
    return CHRONY.format(hex="50505300", name=name, stratum=stratum, leap=leap)


def test_a_clock_that_nothing_keeps_has_no_error_that_is_known() -> None:
    for state, status in ((5, 0), (0, STA_UNSYNC), (-1, 0)):
        assert from_kernel(state, status, 16_000_000).source == "none"
        assert from_kernel(state, status, 16_000_000).error_s is None
        # chrony without `rtcsync` keeps the clock, and the kernel does not know.
        assert from_kernel(state, status, 16_000_000, chrony=chrony("PPS", 1)).source == "gnss"


def test_what_keeps_the_clock_is_told_with_its_bound() -> None:
    assert from_kernel(0, 0, 25_000) == ClockQuality("ntp", 0.025, "kernel")
    assert from_kernel(0, STA_PPSSIGNAL, 12) == ClockQuality("gnss", 12e-6, "kernel, pulse per second")
    quality = from_kernel(0, 0, 25_000, chrony=chrony("PPS", 1))
    # |system time| + root delay / 2 + root dispersion
    assert (quality.source, quality.error_s) == ("gnss", pytest.approx(12.5e-6 + 0.75e-3 + 0.45e-3))
    assert quality.reference == "chrony, PPS, stratum 1"
    assert from_kernel(0, 0, 25_000, chrony=chrony("vn.pool.ntp.org", 3)).source == "ntp"


def test_a_server_with_the_name_of_a_reference_clock_is_a_server() -> None:
    for name, stratum in (("gps1.example.vn", 3), ("gps.vn", 1), ("PPS", 2)):
        assert from_kernel(0, 0, 25_000, chrony=chrony(name, stratum)).source == "ntp"
    assert from_kernel(0, 0, 25_000, chrony=chrony("GPS", 1)).source == "gnss"


def test_an_error_that_is_no_number_is_left_to_the_kernel() -> None:
    line = ",".join("nan" if place == 4 else word for place, word in enumerate(chrony("PPS", 1).split(",")))
    assert from_kernel(0, 0, 25_000, chrony=line).error_s == 0.025


@pytest.mark.parametrize(
    "line", ["", "506 Cannot talk to daemon", "a,b,c", chrony("PPS", 1, "Not synchronised")]
)
def test_what_chrony_does_not_tell_is_left_to_the_kernel(line: str) -> None:
    assert from_chrony(line) is None
    assert from_kernel(0, 0, 25_000, chrony=line).reference == "kernel"


def test_this_computers_clock_is_as_adjtimex_says() -> None:
    """By the C library's own structure, in a program that shares no table with ours."""
    program = Path("/tmp") / f"clock-{os.getpid()}"
    source = (
        "#include <sys/timex.h>\n#include <stdio.h>\nint main(void){struct timex t={0};int s=adjtimex(&t);"
        'printf("%d %d %ld", s, t.status, t.maxerror);return 0;}'
    )
    try:
        subprocess.run(["g++", "-x", "c++", "-", "-o", str(program)], input=source, text=True, check=True)
        words = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.split()
    finally:
        program.unlink(missing_ok=True)
    state, status, maxerror_us = (int(word) for word in words)
    theirs, ours = from_kernel(state, status, maxerror_us), clock_quality()
    if "chrony" not in ours.reference:
        assert ours.source == theirs.source
        assert (ours.error_s is None) == (theirs.error_s is None)
        if ours.error_s is not None and theirs.error_s is not None:
            assert ours.error_s == pytest.approx(theirs.error_s, abs=0.1)


def test_the_first_rate_that_fits_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rates = (2.4e6, 1e6, 250e3)  # 900 s of cu8: 4.32, 1.8 and 0.45 GB, and 0.1 GB in reserve
    expected = {10e9: None, 4.42e9: None, 4.41e9: 1e6, 1.9e9: 1e6, 1.89e9: 250e3, 0.55e9: 250e3, 0.54e9: None}
    for free, rate in expected.items():
        monkeypatch.setattr(disk, "free_bytes", lambda _, free=free: round(free))
        assert lower_rate(tmp_path, 900, rates, "cu8", 100_000_000) == rate


PRIORITY = """
import os, threading
from sdr.priority import come_first, read_in_real_time
def told():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), os.sched_getscheduler(0)
disk = []
first = come_first()
thread = threading.Thread(target=lambda: disk.extend(told()))
thread.start(); thread.join()
second = read_in_real_time()
print(first, "|", second, "|", *told(), *disk)
"""


def test_priority_is_taken_where_it_is_granted_and_never_needed() -> None:
    """The thread of the disk, begun in between, is nice to nobody either, and not in real time."""
    said = subprocess.run([sys.executable, "-c", PRIORITY], capture_output=True, text=True, check=True).stdout
    first, second, numbers = said.split("|")
    niceness, policy, disk_niceness, disk_policy = (int(number) for number in numbers.split())
    assert ("niceness -10" in first) == (niceness == -10)
    assert ("reading in" in second) == (policy == os.SCHED_FIFO)
    assert (disk_niceness, disk_policy) == (niceness, os.SCHED_OTHER)


def test_the_recorder_needs_little() -> None:
    """No scipy, no matplotlib, no satpy; what it does import is a third of its memory at most."""
    program = (
        "import sys, sdr.record, sdr.playback, sdr.rtl_tcp, sdr.soapy\n"
        "bad = {'scipy', 'matplotlib', 'satpy', 'pydantic', 'skyfield', 'pandas'} & set(sys.modules)\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(sorted(bad), peak.split()[1])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("[]")
    assert int(said.split()[-1]) < 50_000  # kB
