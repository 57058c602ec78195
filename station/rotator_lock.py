"""One rotator, one driver: a recording always gets it, whoever drives by hand gives way.

Two locks lie in /run/lock, named after the address of rotctld, so that they hold for all stations of this
machine: `.lock` is held by whoever drives, `.wanted` by each recorder that drives or waits. Locks end with
their process, however that ends. Where /run/lock cannot be used, everybody drives as if alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from hardware.errors import HardwareError
from station.config import RotatorSection

FOLDER = Path("/run/lock")
_LOOK_S = 0.1


@contextmanager
def held_by_recorder(section: RotatorSection, who: str, over: Callable[[], bool]) -> Iterator[None]:
    """Wait until nobody else drives it, then hold it; who drives by hand sees that and ends.

    Args:
        section: the rotator.
        who: the recording, for others to read.
        over: whether waiting has no sense any more.

    Raises:
        HardwareError: somebody else held it until `over`.
    """
    with _opened(section, "wanted") as wanted, _opened(section, "lock") as lock:
        if wanted is not None:
            fcntl.flock(wanted, fcntl.LOCK_SH)
        while not _taken(lock):
            if over():
                raise HardwareError(f"the rotator was held by {_holder(lock)} all the time")
            time.sleep(_LOOK_S)
        _sign(lock, who)
        yield


@contextmanager
def held_by_hand(section: RotatorSection, who: str) -> Iterator[Callable[[], bool]]:
    """Hold it as long as no recording wants it; gives a function that tells whether one does.

    Raises:
        HardwareError: a recording, or somebody else, drives it.
    """
    with _opened(section, "wanted") as wanted, _opened(section, "lock") as lock:

        def called_away() -> bool:
            if wanted is None or _taken(wanted):
                if wanted is not None:
                    fcntl.flock(wanted, fcntl.LOCK_UN)
                return False
            return True

        free = _taken(lock)
        if called_away() or not free:
            holder = "a recording that begins" if free else _holder(lock)
            raise HardwareError(
                f"the rotator at {section.host}:{section.port} is taken by {holder}; end that first"
            )
        _sign(lock, who)
        yield called_away


def recorder_drives(section: RotatorSection) -> bool | None:
    """Whether a recorder drives it, or waits for it; None where that cannot be known."""
    with _opened(section, "wanted") as wanted:
        return None if wanted is None else not _taken(wanted)


@contextmanager
def _opened(section: RotatorSection, kind: str) -> Iterator[int | None]:
    """A descriptor of the file, made where it is missing; None where that is not possible."""
    name = re.sub(r"[^0-9A-Za-z.-]", "_", f"{section.host}-{section.port}")
    descriptor = _descriptor(FOLDER / f"tramthu-rotator-{name}.{kind}")
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _descriptor(path: Path) -> int | None:
    # Another user's file in a sticky folder may not be opened with O_CREAT (fs.protected_regular).
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError:
            continue
        with suppress(OSError):
            os.fchmod(descriptor, 0o666)
        return descriptor
    return None


def _taken(descriptor: int | None) -> bool:
    if descriptor is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(descriptor: int | None, who: str) -> None:
    if descriptor is None:
        return
    since = datetime.now(UTC).isoformat(timespec="seconds")
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"who": who, "since": since, "pid": os.getpid()}).encode(), 0)


def _holder(descriptor: int | None) -> str:
    """Who signed last, and since when."""
    try:
        said = json.loads(os.pread(descriptor or -1, 4096, 0))
        since = datetime.fromisoformat(said["since"])
        return f"{said['who']} (process {said['pid']}) since {since:%Y-%m-%d %H:%M:%S} UTC"
    except (OSError, ValueError, KeyError, TypeError):
        return "somebody else"
