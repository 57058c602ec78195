"""Power, heat, speed and memory of the computer itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

from station.doctor.check import Check, Places, text_of

_UNDER_VOLTAGE, _CAPPED, _THROTTLED, _SOFT_HOT = 1, 2, 4, 8  # and the same 16 bits up: since the start
_HOT_C, _TOO_HOT_C = 75.0, 85.0
_LEAST_CORES = 2
_SMALL_GIB, _TOO_SMALL_GIB = 1.8, 0.9
_VCGENCMD_S = 3.0
_LAZY = {"powersave", "conservative"}
_FAST_ANYWAY = {"intel_pstate", "intel_cpufreq", "amd-pstate", "amd-pstate-epp"}


def computer_checks(places: Places) -> Iterator[Check]:
    """All that this computer tells of."""
    if (power := _power(places)) is not None:
        yield power
    if (heat := _heat(places)) is not None:
        yield heat
    yield _speed(places)
    yield _memory(places)


def _power(places: Places) -> Check | None:
    """Raspberry Pi: what its firmware saw of its supply; None on other computers."""
    word = _throttled(places)
    if word is None:
        return None
    now, ever = word & 0xF, word >> 16 & 0xF
    mend = "a supply of 5 V and 3 A or more, a short thick cable; a hub with its own supply for the radio"
    if now & _UNDER_VOLTAGE:
        return Check(
            "power supply", "wrong", "the voltage is too low now: samples get lost, the disk may fail", mend
        )
    if ever & _UNDER_VOLTAGE:
        return Check("power supply", "warn", "the voltage was too low since the last start", mend)
    if (now | ever) & (_CAPPED | _THROTTLED | _SOFT_HOT):
        when = "is" if now & (_CAPPED | _THROTTLED | _SOFT_HOT) else "was"
        state = "wrong" if now & _THROTTLED else "warn"
        return Check(
            "power supply", state, f"the computer {when} slowed down by heat", "a fan or a larger heat sink"
        )
    return Check("power supply", "ok", "never too low since the last start")


def _throttled(places: Places) -> int | None:
    for path in places.sys.glob("devices/platform/soc*/*/get_throttled"):
        return _hexadecimal(text_of(path))
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "get_throttled"], capture_output=True, text=True, timeout=_VCGENCMD_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _hexadecimal(done.stdout.strip().rpartition("=")[2])


def _hexadecimal(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None


def _heat(places: Places) -> Check | None:
    told = [text_of(path) for path in places.sys.glob("class/thermal/thermal_zone*/temp")]
    degrees = [int(text) / 1000 for text in told if text.lstrip("-").isdecimal()]
    if not degrees:
        return None
    hottest = max(degrees)
    state = "ok" if hottest < _HOT_C else "warn" if hottest < _TOO_HOT_C else "wrong"
    mend = "" if state == "ok" else "a fan, a heat sink, shade; dust off what is there"
    return Check("temperature", state, f"{hottest:.0f} °C at its hottest", mend)


def _speed(places: Places) -> Check:
    folder = places.sys / "devices/system/cpu"
    governors = {text_of(path) for path in folder.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""}
    drivers = {text_of(path) for path in folder.glob("cpu[0-9]*/cpufreq/scaling_driver")}
    cores = len(os.sched_getaffinity(0))
    said = f"{cores} cores" + (f", governor {', '.join(sorted(governors))}" if governors else "")
    if governors & _LAZY and not drivers & _FAST_ANYWAY:
        mend = (
            "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor (each start)"
        )
        return Check("processor", "warn", f"{said}: it may answer a burst of samples too late", mend)
    if cores < _LEAST_CORES:
        said += ": recording, decoding and the page share one"
        return Check("processor", "warn", said, "a computer with two cores or more")
    return Check("processor", "ok", said)


def _memory(places: Places) -> Check:
    """Maps need it: satpy holds a whole pass."""
    for line in text_of(places.proc / "meminfo").splitlines():
        name, _, rest = line.partition(":")
        kib = rest.split()[:1]
        if name == "MemTotal" and kib and kib[0].isdecimal():
            gib = int(kib[0]) / (1 << 20)
            state = "ok" if gib >= _SMALL_GIB else "warn" if gib >= _TOO_SMALL_GIB else "wrong"
            mend = (
                "" if state == "ok" else "make the maps elsewhere (tramthu products), or add swap on a disk"
            )
            return Check("memory", state, f"{gib:.1f} GiB", mend)
    return Check("memory", "warn", "it cannot be asked on this system")
