"""A ring of samples in shared memory, between the thread that reads the device and the one for the disk.

The file in /dev/shm outlives its process: what a killed recorder had received and not yet brought to the disk
is taken from it by the next one. Layout, native byte order, every word 8 bytes and aligned:

    0       words: see `_WORDS`
    256     length of the path of the recording it belongs to, and that path; 0 where nobody said it
    4096    events: 4096 slots of 256 bytes: position, samples, uncertainty, bytes of the cause, cause (UTF-8)
    1 MiB + 4096   samples, `capacity` bytes; byte number n ever put lies at n % capacity

Positions count bytes ever put, so they only grow. Gaps are events and take no room; the positions of
followers are counted without them. Only the reading thread writes head, the events and the samples; only the
writing thread writes the tail. That is three words, so it is there twice: the newer one is made whole before
`turn`, whose lowest bit says which one holds, names it. A kill in between leaves the older one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sdr.index_line import Gap

RING_FOLDER = Path("/dev/shm")  # noqa: S108 the only place where Linux promises memory
_MAGIC = int.from_bytes(b"tramthu2", "little")
_WORDS = (
    "magic",
    "capacity",
    "nonce",
    "head",
    "announced",
    "event_head",
    "stamp_sample",
    "turn",
    "tail",
    "tail_sample",
    "event_tail",
)
_PLACE = {name: place for place, name in enumerate(_WORDS)}
_TAIL = _WORDS[-3:]
_STAMP = len(_WORDS) + len(_TAIL)  # a float64: `stamp_sample` in seconds since boot, 0 where unknown
_SLOTS, _SLOT = 4096, 256
_SLOT_HEAD = struct.Struct("@QQQQ")
_PATH_AT, _PATH_HEAD = 256, struct.Struct("@Q")
_EVENTS_AT = 4096
_DATA_AT = _EVENTS_AT + _SLOTS * _SLOT
_LEAST_BYTES = 1 << 20
NOT_KEPT = (1 << 63) - 1
"""A tail sample that lies behind every recording: the disk has left."""


@dataclass(frozen=True)
class Event:
    """Samples lost just before the byte at `position`."""

    position: int
    sample_count: int
    uncertainty: int
    cause: str


def ring_path(stem: Path) -> Path:
    """The file in memory that belongs to a recording on the disk."""
    name = hashlib.sha256(os.fsencode(os.path.realpath(stem))).hexdigest()[:20]
    return RING_FOLDER / f"tramthu-{os.getuid()}-{name}.ring"


class Ring:
    """One ring; make one with `create` or `attach`."""

    def __init__(self, path: Path, file: mmap.mmap, descriptor: int = -1) -> None:
        self.path, self._file, self._descriptor = path, file, descriptor
        self._view = memoryview(file)
        self._words = np.frombuffer(file, np.uint64, _STAMP)
        self._stamp = np.frombuffer(file, np.float64, 1, 8 * _STAMP)
        self.capacity = int(self._words[_PLACE["capacity"]])

    @classmethod
    def create(cls, path: Path, capacity: int, tail_sample: int = 0, recording: Path | None = None) -> Ring:
        """A new ring in the place of whatever lies there; as large as memory allows, at most `capacity`.

        Where there is no shared memory, it is one that nobody else can see and that dies with its process.

        Args:
            path: `ring_path` of the recording.
            capacity: bytes; a multiple of 4096 is taken of it.
            tail_sample: of the recording, with which the ring begins.
            recording: path without suffix, for whoever finds the ring.
        """
        capacity = max(capacity, _LEAST_BYTES) // 4096 * 4096
        descriptor = -1
        try:
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            capacity = _allocated(descriptor, capacity)
            file = mmap.mmap(descriptor, _DATA_AT + capacity)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if descriptor >= 0:
                os.close(descriptor)
                path.unlink(missing_ok=True)
            descriptor, file = -1, mmap.mmap(-1, _DATA_AT + capacity)
        words = np.frombuffer(file, np.uint64, _STAMP)
        words[_PLACE["capacity"]], words[_PLACE["tail_sample"]] = capacity, tail_sample
        name = os.fsencode(os.path.realpath(recording)) if recording is not None else b""
        if _PATH_AT + _PATH_HEAD.size + len(name) <= _EVENTS_AT:
            _PATH_HEAD.pack_into(file, _PATH_AT, len(name))
            file[_PATH_AT + _PATH_HEAD.size : _PATH_AT + _PATH_HEAD.size + len(name)] = name
        words[_PLACE["nonce"]] = int.from_bytes(os.urandom(6), "little")
        words[_PLACE["magic"]] = _MAGIC
        del words
        return cls(path, file, descriptor)

    @classmethod
    def attach(cls, path: Path) -> Ring | None:
        """The ring that another process made; None when there is none, or not a whole one."""
        with contextlib.suppress(OSError, ValueError), path.open("r+b") as opened:
            file = mmap.mmap(opened.fileno(), 0)
            words = np.frombuffer(file, np.uint64, _STAMP).tolist()
            if words[0] == _MAGIC and len(file) == _DATA_AT + words[1] and words[1]:
                return cls(path, file)
        return None

    @property
    def recording(self) -> Path | None:
        """Path of the recording that it belongs to, without suffix; None where nobody said it."""
        (length,) = _PATH_HEAD.unpack_from(self._file, _PATH_AT)
        at = _PATH_AT + _PATH_HEAD.size
        return Path(os.fsdecode(self._file[at : min(at + length, _EVENTS_AT)])) if length else None

    @property
    def shared(self) -> bool:
        """Whether another process can see it."""
        return self._descriptor >= 0

    @property
    def nonce(self) -> int:
        """Tells it from every other ring that was at its path, or will be."""
        return self.word("nonce")

    def word(self, name: str) -> int:
        """One of the words at the head of the file."""
        place = _PLACE[name]
        if name in _TAIL and int(self._words[_PLACE["turn"]]) % 2:
            place += len(_TAIL)
        return int(self._words[place])

    def free(self) -> int:
        """Bytes that can be put."""
        return self.capacity - self.word("head") + self.word("tail")

    def put(self, raw: bytes | memoryview) -> bool:
        """Append bytes; False, and nothing is changed, when there is no room for all of them."""
        if len(raw) > self.free():
            return False
        head = self.word("head")
        self._words[_PLACE["announced"]] = head + len(raw)
        at = head % self.capacity
        first = min(len(raw), self.capacity - at)
        view = memoryview(raw)
        self._view[_DATA_AT + at : _DATA_AT + at + first] = view[:first]
        self._view[_DATA_AT : _DATA_AT + len(raw) - first] = view[first:]
        self._words[_PLACE["head"]] = head + len(raw)
        return True

    def put_gap(self, gap: Gap) -> bool:
        """Samples are missing behind what was put so far; False when too many such events wait."""
        place = self.word("event_head")
        if place - self.word("event_tail") >= _SLOTS:
            return False
        cause = gap.cause.encode(errors="replace")[: _SLOT - _SLOT_HEAD.size]
        at = _EVENTS_AT + place % _SLOTS * _SLOT
        head = (self.word("head"), gap.sample_count, gap.uncertainty, len(cause))
        _SLOT_HEAD.pack_into(self._file, at, *head)
        self._file[at + _SLOT_HEAD.size : at + _SLOT_HEAD.size + len(cause)] = cause
        self._words[_PLACE["event_head"]] = place + 1
        return True

    def event(self, place: int) -> Event | None:
        """The event of that number; None when it has not happened yet."""
        if place >= self.word("event_head"):
            return None
        at = _EVENTS_AT + place % _SLOTS * _SLOT
        position, count, uncertainty, length = _SLOT_HEAD.unpack_from(self._file, at)
        text = bytes(self._file[at + _SLOT_HEAD.size : at + _SLOT_HEAD.size + min(length, _SLOT)])
        return Event(position, count, uncertainty, text.decode(errors="ignore"))

    def piece(self, position: int, most: int) -> memoryview:
        """Up to `most` bytes from a position on, in one piece, as they lie there; none at the head."""
        at = position % self.capacity
        count = min(most, self.word("head") - position, self.capacity - at)
        return self._view[_DATA_AT + at : _DATA_AT + at + max(count, 0)]

    def copied(self, position: int, count: int) -> bytes | None:
        """That many bytes, for a follower; None when they are overwritten, or not there yet."""
        if position + count > self.word("head"):
            return None
        first = bytes(self.piece(position, count))
        raw = first + bytes(self.piece(position + len(first), count - len(first)))
        return raw if position >= self.word("announced") - self.capacity else None

    def release(self, position: int, tail_sample: int, event_tail: int) -> None:
        """Everything before that position is safe on the disk."""
        turn = self.word("turn") + 1
        at = _PLACE[_TAIL[0]] + turn % 2 * len(_TAIL)
        for place, word in enumerate((position, tail_sample, event_tail), at):
            self._words[place] = word
        self._words[_PLACE["turn"]] = turn

    def place_of(self, sample: int, bytes_per_sample: int) -> tuple[int, int, Event | None]:
        """Where a sample of the recording lies that is not before the tail.

        Returns:
            Its position; the number of the next event there; and, where the sample lies within a gap, what is
            left of that from the sample on: it comes before everything else.
        """
        position, at, place = self.word("tail"), self.word("tail_sample"), self.word("event_tail")
        while at < sample:
            event = self.event(place)
            if event is not None and event.position == position:
                at, place = at + event.sample_count, place + 1
                if at > sample:
                    return position, place, replace(event, sample_count=at - sample)
                continue
            step = sample - at
            if event is not None:
                step = min(step, (event.position - position) // bytes_per_sample)
            position, at = position + step * bytes_per_sample, at + step
        return position, place, None

    def touch(self) -> None:
        """Show that it is in use; others remove what is old."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def stamp(self, sample: int, time_s: float, monotonic_s: float | None = None) -> None:
        """The time of a sample: what a later recorder counts its gap from.

        It is kept as time since boot, as the ring is: whoever sets the clock does not move it.

        Args:
            sample: of the recording.
            time_s: when it was in the air, POSIX seconds.
            monotonic_s: the same by `time.monotonic`, where that is known better.
        """
        if monotonic_s is None:
            since_boot_s = time_s + _boot_ahead_of(time.time)
        else:
            since_boot_s = monotonic_s + _boot_ahead_of(time.monotonic)
        self._stamp[0] = 0.0  # never an old time with a new number
        self._words[_PLACE["stamp_sample"]] = sample
        self._stamp[0] = since_boot_s

    @property
    def stamped(self) -> tuple[int, float] | None:
        """A sample of the recording and its POSIX time by the clock of now; None while unknown."""
        since_boot_s, sample = float(self._stamp[0]), self.word("stamp_sample")
        if not since_boot_s or float(self._stamp[0]) != since_boot_s:  # it is being changed
            return None
        return sample, since_boot_s - _boot_ahead_of(time.time)

    def close(self, *, remove: bool = False) -> None:
        """Let the memory go; `remove` takes the file away too."""
        if remove:
            self.path.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._view.release()
        del self._words, self._stamp
        with contextlib.suppress(BufferError):  # a piece that somebody still holds
            self._file.close()


def _boot_ahead_of(clock: Callable[[], float]) -> float:
    """Seconds since boot less those of that clock; the closest of some looks, as each can be interrupted."""
    looks = []
    for _ in range(3):
        before = time.clock_gettime(time.CLOCK_BOOTTIME)
        at = clock()
        after = time.clock_gettime(time.CLOCK_BOOTTIME)
        looks.append((after - before, (before + after) / 2 - at))
    return min(looks)[1]


def _allocated(descriptor: int, capacity: int) -> int:
    """Give the file its memory now, as writing where there is none kills a process; what could be had."""
    while True:
        try:
            os.ftruncate(descriptor, _DATA_AT + capacity)
            os.posix_fallocate(descriptor, 0, _DATA_AT + capacity)
        except OSError:
            if capacity < 2 * _LEAST_BYTES:
                raise
            capacity = capacity // 8192 * 4096
        else:
            return capacity
