"""How good this computer's clock is, as far as the kernel and chrony say without being asked twice.

Source: adjtimex(2) and <sys/timex.h> of Linux: `maxerror` is the bound that NTP keeps of the clock's error,
it grows by 500 ppm while nothing corrects it; STA_UNSYNC means that nothing keeps it. chronyc(1), `tracking`:
the clock's error is bounded by |system time| + root delay / 2 + root dispersion.
"""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from dataclasses import asdict, dataclass
from typing import Any

STA_UNSYNC, STA_PPSSIGNAL = 0x0040, 0x0100
_TIME_ERROR = 5
_CHRONY_S = 0.5  # the device is open by then, and its buffers are short
# Names (of up to 4 letters) that chrony gives to the reference clocks of a GNSS receiver.
_GNSS = ("PPS", "GPS", "GNSS", "NMEA", "SHM", "SOCK", "PHC")


class Timex(ctypes.Structure):
    """struct timex of Linux, without its tail; the kernel writes all of it, hence the room at the end."""

    _fields_ = [
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long), ("esterror", ctypes.c_long), ("status", ctypes.c_int),
        ("constant", ctypes.c_long), ("precision", ctypes.c_long), ("tolerance", ctypes.c_long),
        ("tail", ctypes.c_char * 256),
    ]  # fmt: skip


@dataclass(frozen=True)
class ClockQuality:
    """What keeps the clock, and how wrong it may be.

    Attributes:
        source: "gnss", "ntp", or "none" where nothing keeps it (or nobody knows).
        error_s: bound of its error, None without a source.
        reference: what keeps it, in the words of the kernel or of chrony.
    """

    source: str
    error_s: float | None = None
    reference: str = ""

    def to_mapping(self) -> dict[str, Any]:
        """For the index and the metadata."""
        return asdict(self)


def clock_quality() -> ClockQuality:
    """The clock's quality now; takes some milliseconds, half a second where chrony does not answer."""
    return from_kernel(*_adjtimex(), chrony=_chrony())


def from_kernel(state: int, status: int, maxerror_us: int, *, chrony: str = "") -> ClockQuality:
    """What the kernel's words mean.

    Args:
        state: what adjtimex returned; negative when it cannot be asked.
        status: its bits.
        maxerror_us: microseconds.
        chrony: the line of `chronyc -c tracking`, empty without chrony.
    """
    if (tracked := from_chrony(chrony)) is not None:
        return tracked  # without its `rtcsync` the kernel says nothing of what chrony does
    if state < 0 or state == _TIME_ERROR or status & STA_UNSYNC:
        return ClockQuality("none", None, "nothing keeps the clock")
    if status & STA_PPSSIGNAL:
        return ClockQuality("gnss", maxerror_us / 1e6, "kernel, pulse per second")
    return ClockQuality("ntp", maxerror_us / 1e6, "kernel")


def from_chrony(line: str) -> ClockQuality | None:
    """The quality that a line of `chronyc -c tracking` states; None when it is none, or keeps no time."""
    words = line.strip().split(",")
    if len(words) < 14 or words[13] == "Not synchronised":
        return None
    try:
        offset_s, root_delay_s, root_dispersion_s = (float(words[place]) for place in (4, 10, 11))
    except ValueError:
        return None
    error_s = abs(offset_s) + root_delay_s / 2 + root_dispersion_s
    if not math.isfinite(error_s):
        return None
    # A clock of its own makes this computer stratum 1; a server may be called gps1.example.vn.
    own = words[2] == "1" and len(words[1]) <= 4
    source = "gnss" if own and words[1].upper().startswith(_GNSS) else "ntp"
    return ClockQuality(source, round(error_s, 9), f"chrony, {words[1]}, stratum {words[2]}")


def _adjtimex() -> tuple[int, int, int]:
    asked = Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked))
    except (OSError, AttributeError):
        return -1, STA_UNSYNC, 0
    return int(state), int(asked.status), int(asked.maxerror)


def _chrony() -> str:
    program = shutil.which("chronyc")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, "-c", "tracking"], capture_output=True, timeout=_CHRONY_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
