"""The recorder comes before everything else, where the system lets it."""

from __future__ import annotations

import contextlib
import os

_NICENESS = -10
_PRIORITY = 10  # of 1 … 99: above every ordinary process, below what others may have put there


def come_first() -> str:
    """Raise the calling thread above ordinary work, the rest of the process by its niceness.

    Returns:
        What was granted, for the log; nothing is needed for a recording.
    """
    granted = []
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
        granted.append(f"niceness {_NICENESS}")
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(_PRIORITY))
        granted.append("the reading thread in real time")
    return ", ".join(granted) or "no priority: the system grants none"
