"""What the elements, a server and GNSS say about the machine's clock.

The newest epochs of several low satellites are never far from now when they have just been fetched:
catalogues renew them every few hours, and none lies more than hours ahead. So elements alone name a clock
that is a day off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from scheduler.elements import Elements

GNSS_OFF_S = 2.0
SERVER_OFF_S = 60.0  # its answer may have waited in a queue
AHEAD_OF_CLOCK_S = 3 * 3600.0
_SHARE_OF_BAD_EPOCHS = 10  # one in so many may be wrong: a real file of 3041 had some two years ahead
_LOW_REV_PER_DAY = 10.0  # higher ones are published with epochs ahead
_MANY_SATELLITES = 5
_STALE_MANY_S = 20 * 3600.0  # freshly fetched, and still the newest epoch is that old
_STALE_FEW_S = 2.5 * 86_400.0


class ClockState(Enum):
    """How the clock stands."""

    RIGHT = "right"
    BEHIND = "behind"
    AHEAD = "ahead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ClockFinding:
    """The state, by how many seconds (at least, when elements tell it; positive: ahead), and a sentence."""

    state: ClockState
    off_s: float
    said: str


def clock_against_elements(
    sets: Sequence[Elements],
    now: datetime,
    *,
    fetched: datetime | None = None,
    server_time: datetime | None = None,
    gnss_time: datetime | None = None,
) -> ClockFinding:
    """Judge the clock by the best witness there is: GNSS, a server's Date, the elements' own epochs.

    Args:
        sets: elements held, of any satellites.
        now: the clock's time.
        fetched: when the sets were fetched, by the same clock; None when they are from a file of any age.
        server_time: Date of a server's answer that came at `now`.
        gnss_time: the receiver's time at `now`.
    """
    if gnss_time is not None:
        return _against(now, gnss_time, GNSS_OFF_S, "GNSS")
    if server_time is not None:
        return _against(now, server_time, SERVER_OFF_S, "the server's Date")
    newest = _newest_epochs(sets)
    if not newest:
        return ClockFinding(ClockState.UNKNOWN, 0.0, "nothing is there to judge the clock by")
    wrong = len(newest) // _SHARE_OF_BAD_EPOCHS
    believed = newest[min(max(1, wrong), len(newest) - 1)]
    behind_s = (believed - now).total_seconds()
    if behind_s > AHEAD_OF_CLOCK_S:
        return ClockFinding(
            ClockState.BEHIND, -behind_s,
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, but elements have epochs up to "
            f"{believed:%Y-%m-%d %H:%M}: it is at least {_length(behind_s)} behind; set it",
        )  # fmt: skip
    stale_s = (now - newest[wrong]).total_seconds()
    allowed_s = _STALE_MANY_S if len(newest) >= _MANY_SATELLITES else _STALE_FEW_S
    if fetched is None:
        return ClockFinding(ClockState.UNKNOWN, 0.0, "the elements do not speak against the clock")
    if (stale_s := stale_s - (now - fetched).total_seconds()) > allowed_s:
        return ClockFinding(
            ClockState.AHEAD, stale_s,
            f"the newest of {len(newest)} satellites' elements was {_length(stale_s)} old when it was "
            f"fetched: the clock ({now:%Y-%m-%d %H:%M} UTC) is ahead, or the source "
            "is stale; compare it with GNSS",
        )  # fmt: skip
    return ClockFinding(ClockState.RIGHT, 0.0, "the clock agrees with freshly fetched elements")


def _against(now: datetime, true: datetime, allowed_s: float, witness: str) -> ClockFinding:
    off_s = (now - true).total_seconds()
    if abs(off_s) <= allowed_s:
        return ClockFinding(
            ClockState.RIGHT, off_s, f"the clock agrees with {witness} within {allowed_s:g} s"
        )
    state = ClockState.AHEAD if off_s > 0 else ClockState.BEHIND
    return ClockFinding(
        state, off_s,
        f"the clock says {now:%Y-%m-%d %H:%M:%S} UTC where {witness} says {true:%Y-%m-%d %H:%M:%S}: "
        f"it is {_length(abs(off_s))} {state.value}; set it",
    )  # fmt: skip


def _newest_epochs(sets: Sequence[Elements]) -> list[datetime]:
    """The newest epoch of each low satellite, newest first; of all when none is low."""
    low = [e for e in sets if e.mean_motion_rev_per_day > _LOW_REV_PER_DAY] or list(sets)
    newest: dict[int, datetime] = {}
    for elements in low:
        newest[elements.norad_id] = max(elements.epoch, newest.get(elements.norad_id, elements.epoch))
    return sorted(newest.values(), reverse=True)


def _length(seconds: float) -> str:
    if seconds < 180:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
