"""Where safety values come from: a file, an MQTT topic, a webhook. What they carry is not trusted.

A payload is a number ("7.5") or a JSON object with the value under a key ({"wind": {"gust": 7.5}}, key
"wind.gust"). What is neither is told in the log and counts as no value, so that it grows stale.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hardware.errors import SafetyError
from hardware.safety import Reading

log = logging.getLogger(__name__)

LONGEST = 4096


def parse_value(payload: bytes, key: str = "") -> float:
    """The number in a payload.

    Raises:
        SafetyError: too long, no JSON, no such key, or not a finite number.
    """
    if len(payload) > LONGEST:
        raise SafetyError(f"a value of {len(payload)} bytes; allowed are {LONGEST}")
    try:
        found = json.loads(payload)
        for part in key.split(".") if key else ():
            found = found[part]
        value = float(found)
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        wanted = f"an object with {key!r}" if key else "a number"
        raise SafetyError(f"{payload[:60]!r} is not {wanted}") from None
    if not math.isfinite(value):
        raise SafetyError(f"{payload[:60]!r} is not a finite number")
    return value


class Latest:
    """What a source is told, from any thread: the latest value, and the extremes between two looks.

    Args:
        name: for the log.
        key: of the value in a JSON object; empty for a plain number.
        now: POSIX seconds; a value's time is that of its arrival.
    """

    def __init__(self, name: str, key: str = "", *, now: Callable[[], float] = time.time) -> None:
        self.name, self._key, self._now = name, key, now
        self._lock = threading.Lock()
        self._reading: Reading | None = None
        self._unseen: tuple[Reading, ...] = ()  # lowest, highest, newest
        self._said = False

    def tell(self, payload: bytes) -> str:
        """Take a payload; returns what is wrong with it, or an empty string."""
        try:
            reading = Reading(parse_value(payload, self._key), self._now())
        except SafetyError as error:
            if not self._said:  # once, not ten times a second
                log.warning("safety: %s: %s", self.name, error)
            self._said = True
            return str(error)
        self._said = False
        with self._lock:
            self._reading = reading
            values = sorted((*self._unseen, reading), key=lambda one: one.value)
            self._unseen = (values[0], values[-1], reading)
        return ""

    def latest(self) -> Reading | None:
        """The latest value."""
        with self._lock:
            return self._reading

    def unseen(self) -> tuple[Reading, ...]:
        """The extremes and the newest since the last call: a gust between two looks is not lost."""
        with self._lock:
            found, self._unseen = self._unseen, ()
        return found

    def close(self) -> None:
        """Nothing to close."""


class ValueFile:
    """A file that something else rewrites; the value's time is that of its last change.

    What writes it should write beside it and rename: a half of "25.0" may be a number as well.

    Args:
        path: of the file; it may be absent for a while.
        key: of the value in a JSON object; empty for a plain number.
    """

    def __init__(self, path: Path, key: str = "") -> None:
        self._path, self._key = path, key
        self._said = ""

    def latest(self) -> Reading | None:
        """The value in the file, None where there is none that makes sense."""
        try:
            with self._path.open("rb") as file:
                reading = Reading(
                    parse_value(file.read(LONGEST + 1), self._key), os.fstat(file.fileno()).st_mtime
                )
        except (OSError, SafetyError) as error:
            if str(error) != self._said:  # once, not at each look
                self._said = str(error)
                log.warning("safety: %s: %s", self._path, error)
            return None
        self._said = ""
        return reading

    def unseen(self) -> tuple[Reading, ...]:
        """The value in the file."""
        reading = self.latest()
        return () if reading is None else (reading,)

    def close(self) -> None:
        """Nothing to close."""


class FlagFile:
    """The operator's word: while the file exists, motion is forbidden. Value 1 or 0, never stale.

    A folder that is not there, or cannot be looked into, counts as a flag: what cannot be asked has not
    agreed.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path, self._now = path, now
        self._said = ""

    def latest(self) -> Reading:
        """1 while the file is there."""
        return Reading(float(self._is_there()), self._now())

    def unseen(self) -> tuple[Reading, ...]:
        """1 while the file is there."""
        return (self.latest(),)

    def _is_there(self) -> bool:
        try:
            self._path.parent.stat()
        except OSError as error:
            self._say(error)
            return True
        try:
            self._path.lstat()
        except FileNotFoundError:
            self._said = ""
            return False
        except OSError as error:
            self._say(error)
        return True

    def _say(self, error: OSError) -> None:
        if str(error) != self._said:  # once, not at each look
            self._said = str(error)
            log.warning("safety: %s: %s; it counts as set", self._path, error)

    def close(self) -> None:
        """Nothing to close."""
