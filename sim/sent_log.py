"""The log of every frame sent, beside the recording."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from sdr.errors import DeviceError
from sim.downlink import SentSlot
from sim.errors import SimulationError
from sim.framing import IDLE_VCID
from sim.pass_signal import PassSignal
from sim.request import time_of


@dataclass(frozen=True)
class SentLine:
    """A frame that reached the antenna during the recording, wholly or in part.

    Attributes:
        counter: of its virtual channel.
        vcid: 63 idle (LRPT: 5 data); 0 where there are no virtual channels.
        first_sample: number in the file of its first coded symbol; before the file when negative.
        last_sample: of its last coded symbol (80k: behind the interleaver's span).
        time: UTC at which the first arrives.
        complete: all of it lies in the file, no gap in between, the satellite up all the while.
    """

    counter: int
    vcid: int
    first_sample: int
    last_sample: int
    time: str
    complete: bool


class SentLog:
    """STEM.sent.cadu (or .raw16) and STEM.sent.jsonl, growing.

    Raises:
        SimulationError: one of them exists, or the folder does not.
        DeviceError: the disk refuses, here and at any later line.
    """

    def __init__(self, stem: Path, *, raw_words: bool = False) -> None:
        with disk_errors():
            suffix = ".sent.raw16" if raw_words else ".sent.cadu"
            self._frames = stem.with_name(stem.name + suffix).open("xb")
            self._lines = stem.with_name(stem.name + ".sent.jsonl").open("x")
        self.sent = self.complete = self.data = 0

    def __enter__(self) -> SentLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close both files; may be called again."""
        with disk_errors(), contextlib.closing(self._lines):
            self._frames.close()

    def enter(self, slot: SentSlot, signal: PassSignal) -> None:
        """Log a frame, unless none of it falls into the recording."""
        line = sent_line(slot, signal)
        if line is None:
            return
        with disk_errors():
            self._frames.write(slot.frame.cadu)
            self._lines.write(json.dumps(asdict(line)) + "\n")
        self.sent += 1
        self.complete += line.complete
        self.data += line.complete and line.vcid != IDLE_VCID


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Say whose fault it is that a file cannot be written: the name's or the disk's."""
    try:
        yield
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        raise SimulationError(f"{error.filename}: {error.strerror}; choose another name or folder") from None
    except OSError as error:
        name = error.filename or "the log of the frames sent"
        raise DeviceError(f"{name}: the disk refuses to take it: {error.strerror}") from None


def sent_line(slot: SentSlot, signal: PassSignal) -> SentLine | None:
    """Where a frame lies in the recording, or None when it does not touch it."""
    request, places = signal.request, np.array([slot.first_place, slot.last_place])
    samples, times = signal.arrival(places)
    first, last = round(float(samples[0])), round(float(samples[1]))
    if last < 0 or first >= request.sample_count:
        return None
    inside = first >= 0 and last < request.sample_count
    up = bool(np.all(signal.path.elevation(np.linspace(times[0], times[1], 3)) > 0))
    gapless = not any(gap.first <= last and gap.first + gap.count > first for gap in signal.lost)
    return SentLine(
        counter=slot.frame.counter,
        vcid=slot.frame.vcid,
        first_sample=signal.file_index(first),
        last_sample=signal.file_index(last),
        time=time_of(request, float(times[0])).isoformat(),
        complete=inside and up and gapless,
    )
