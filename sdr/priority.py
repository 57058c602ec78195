"""The recorder comes before everything else, where the system lets it."""

from __future__ import annotations

import contextlib
import os

_NICENESS = -10
_PRIORITY = 10  # of 1 … 99: above every ordinary process, below what others may have put there


def come_first() -> str:
    """Raise the calling thread, and those that it begins from now on, above ordinary work.

    Returns:
        What was granted, for the log; nothing is needed for a recording.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
        return f"niceness {_NICENESS}"
    return "no niceness: the system grants none"


def read_in_real_time() -> str:
    """Raise the calling thread above all of that; the threads that a driver begins later come with it.

    Returns:
        What was granted, for the log; nothing is needed for a recording.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
        return "reading in real time"
    return "no real time: the system grants none"
