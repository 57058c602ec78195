"""Whether the clock is right, what keeps it so, and whether it survives a power cut.

A satellite at 820 km moves 6.7 km over the ground in a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sdr.clock_quality import ClockQuality, clock_quality
from station.doctor.check import Check, Places, text_of

_KM_PER_S = 6.7
_WARN_S, _WRONG_S = 0.1, 1.0
_RTC_OFF_S = 60.0
_KEEPERS = {
    "chronyd": "chrony",
    "ntpd": "ntpd",
    "systemd-timesyn": "systemd-timesyncd",  # the kernel cuts names after 15 characters
    "gpsd": "gpsd",
    "ptp4l": "ptp4l",
}
_INSTALL = (
    "sudo apt-get install chrony; without a network a GNSS receiver with gpsd can feed it (refclock SHM 0)"
)


def clock_checks(
    places: Places,
    quality: Callable[[], ClockQuality] = clock_quality,
    now: Callable[[], float] = time.time,
) -> Iterator[Check]:
    """Who keeps it, how wrong it may be, and the clock with a battery."""
    yield _kept(quality(), _running(places))
    yield _battery(places, now())


def _kept(found: ClockQuality, running: list[str]) -> Check:
    by = f" ({', '.join(running)} runs)" if running else ""
    if found.source == "none" or found.error_s is None:
        said = f"nothing keeps it right{by}; a second off is {_KM_PER_S} km on the map"
        mend = f"see why it does not follow: systemctl status {running[0]}" if running else _INSTALL
        return Check("clock", "warn", said, mend)
    said = f"kept by {found.reference or found.source}{by}, right within {_error_words(found.error_s)}"
    if found.error_s < _WARN_S:
        return Check("clock", "ok", said)
    off_km = _KM_PER_S * found.error_s
    said += f", up to {off_km:.1f} km on the map"
    mend = "a nearer time server, or a GNSS receiver with gpsd; chronyc sources shows what there is"
    return Check("clock", "wrong" if found.error_s >= _WRONG_S else "warn", said, mend)


def _error_words(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _running(places: Places) -> list[str]:
    names = {text_of(path) for path in places.proc.glob("[0-9]*/comm")}
    return [called for name, called in _KEEPERS.items() if name in names]


def _battery(places: Places, now: float) -> Check:
    clocks = sorted(places.sys.glob("class/rtc/rtc*"))
    subject = "battery clock"
    if not clocks:
        said = "there is none: after a power cut without network the clock begins anywhere"
        mend = "a real-time clock module with a battery (DS3231), or a GNSS receiver"
        return Check(subject, "warn", said, mend)
    told = text_of(clocks[0] / "since_epoch")
    if not told.isdecimal():
        return Check(
            subject, "warn", "it is there but tells no time", "sudo hwclock --systohc; renew its battery"
        )
    off_s = int(told) - now
    if abs(off_s) > _RTC_OFF_S:
        said = (
            f"it is {abs(off_s):.0f} s {'ahead' if off_s > 0 else 'behind'}: the next start begins with that"
        )
        return Check(
            subject, "warn", said, "sudo hwclock --systohc --utc; if it happens again renew its battery"
        )
    return Check(subject, "ok", f"there, {abs(off_s):.0f} s off")
