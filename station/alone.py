"""One daemon in one data folder: it holds a lock that ends with the process, however that ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from station.errors import StationError

LOCK_NAME = "daemon.lock"
_TRIES, _PAUSE_S = 3, 0.1


@contextmanager
def alone_in(data_dir: Path) -> Iterator[None]:
    """Hold the folder: two daemons would record a pass into one file.

    Raises:
        StationError: another daemon holds it.
    """
    with (data_dir / LOCK_NAME).open("a") as file:
        for left in reversed(range(_TRIES)):  # somebody may only be looking whether a daemon runs
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise StationError(
                        f"{data_dir}: another daemon works in this folder; end it first, or give another "
                        "data_dir"
                    ) from None
                time.sleep(_PAUSE_S)
        yield


def daemon_works_in(data_dir: Path) -> bool:
    """Whether a daemon holds the folder; nothing is made or changed."""
    try:
        with (data_dir / LOCK_NAME).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False
