"""What is read from: the header of a recording and its bytes from the first sample on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sdr.bytestream import ByteStream
from sdr.index import Gap


class ByteSource(Protocol):
    """Raw samples in order, and what is known about them.

    Attributes:
        while_waiting: Called many times a second while a growing file is waited for.
    """

    while_waiting: Callable[[], None] | None

    @property
    def start(self) -> datetime | None:
        """Aware time of the first sample where it may still become known; else the header has it."""

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Gaps known so far, in order."""

    @property
    def sample_count(self) -> int | None:
        """Samples in all, None while unknown."""

    @property
    def end(self) -> str | None:
        """Why the recording ended, where that is known."""

    @property
    def notes(self) -> Sequence[str]:
        """What was odd so far."""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""

    def skip(self, count: int) -> None:
        """Pass over bytes before anything is read."""

    def hash_while_reading(self) -> None:
        """From now on `sha256` costs no second reading."""

    def sha256(self) -> str:
        """SHA-256 (hex) of the file that holds the samples; nothing can be read afterwards."""

    def waiting_bytes(self) -> int | None:
        """Bytes of a growing file that could be read at once; None where it does not grow."""

    def close(self) -> None:
        """Close the files."""


@dataclass(frozen=True)
class SourceHeader:
    """What the file says about its samples."""

    format: str
    sample_rate: float | None = None
    center_frequency_hz: float | None = None
    start: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class StreamSource:
    """A finished file, plain or gzip'd."""

    start = end = None
    while_waiting: Callable[[], None] | None = None

    def __init__(
        self,
        stream: ByteStream,
        *,
        sample_count: int | None,
        gaps: tuple[Gap, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        self._stream = stream
        self._notes = notes
        self.sample_count = sample_count
        self.gaps = gaps

    @property
    def notes(self) -> Sequence[str]:
        """What was odd so far."""
        return (*self._notes, self._stream.note) if self._stream.note else self._notes

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""
        return self._stream.read(count)

    def skip(self, count: int) -> None:
        """Pass over bytes before anything is read."""
        self._stream.skip(count)

    def hash_while_reading(self) -> None:
        """From now on `sha256` costs no second reading."""
        self._stream.hash_while_reading()

    def sha256(self) -> str:
        """SHA-256 (hex) of the file as it lies on the disk; nothing can be read afterwards."""
        return self._stream.sha256()

    def waiting_bytes(self) -> None:
        """A finished file does not grow."""

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
