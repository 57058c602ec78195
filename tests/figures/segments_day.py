"""A day of a geostationary satellite in rolling segments, as fast as it goes: memory, and nothing is lost.

    python -m tests.figures.segments_day [--hours 24] [--rate 10000] [--segment 600] [--keep 4] [--sabotage]

One process records with the station's recorder from a receiver that needs no time, another follows the
segments as one stream; the recorder goes no further ahead than the segments that are kept. Every hour of
samples each tells its resident memory. Judged: both are as large after the last hour as after the first, to
2 MB; every sample that was read is the one that was sent, at its place; just the segments that are to
be kept are left, and each but the last ends as continued. Exit status 1 when one is missed.

`--sabotage` keeps a little of every hour in both processes, and all segments: these rows turn red.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sdr.formats import to_samples
from sdr.index import CONTINUED, IndexReader
from sdr.receiver import Block, Opened, Tuning
from sdr.record import open_writer, record
from sdr.recording import open_recording

MOST_GROWTH_MB = 2.0
BLOCK = 1 << 16  # samples; the receiver repeats one block
GAP_EVERY = 1000  # blocks
LEAK_BYTES = 4 << 20
START = datetime(2026, 3, 24, tzinfo=UTC)


@dataclass(frozen=True)
class Day:
    """What is recorded."""

    hours: float
    rate: float
    segment_s: float
    keep: int
    sabotage: bool

    @property
    def samples(self) -> int:
        """In all, in whole blocks."""
        return int(self.hours * 3600 * self.rate) // BLOCK * BLOCK


def resident_mb() -> float:
    """Of this process, memory that it shares with nobody."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))) / 1e3


def block_bytes() -> bytes:
    """The block that is sent again and again."""
    return np.random.default_rng(11).integers(0, 256, 2 * BLOCK, np.uint8).tobytes()


class Hours:
    """Resident memory at the end of every hour of samples."""

    def __init__(self, day: Day) -> None:
        self._day, self.mb = day, list[float]()
        self._leak: list[bytes] = []

    def reach(self, sample: int) -> None:
        """So far it went."""
        if sample >= (len(self.mb) + 1) * 3600 * self._day.rate:
            if self._day.sabotage:
                self._leak.append(bytes(bytearray(b"\x01") * LEAK_BYTES))
            self.mb.append(resident_mb())


class Repeating:
    """A receiver as fast as it goes, that waits for the reader; some samples are lost now and then."""

    paced = False

    def __init__(self, day: Day, position: Path) -> None:
        self._day, self._position, self._raw = day, position, block_bytes()
        self.sent, self.hours = 0, Hours(day)

    def open(self, tuning: Tuning) -> Opened:
        """Nothing to open."""
        return Opened("repeating", "cu8", tuning.frequency_hz, tuning.sample_rate)

    def read(self, count: int, timeout_s: float) -> Block:  # noqa: ARG002 it gives whole blocks
        """One block, or a loss of that length and the next one."""
        ahead = 1.5 * self._day.segment_s * self._day.rate
        while self.sent > self._read_so_far() + ahead:
            time.sleep(0.002)
        lost = BLOCK if (self.sent // BLOCK) % GAP_EVERY == GAP_EVERY - 1 else 0
        self.sent += BLOCK + lost
        self.hours.reach(self.sent)
        at = START.timestamp() + (self.sent - BLOCK) / self._day.rate
        return Block(self._raw, lost, "rain" if lost else "", time=at)

    def close(self) -> None:
        """Nothing to close."""

    def _read_so_far(self) -> int:
        try:
            return int(self._position.read_text() or 0)
        except FileNotFoundError:
            return 0


def run_recorder(day: Day, folder: Path) -> None:
    """One of the two processes."""
    receiver = Repeating(day, folder / "position")
    opened = receiver.open(Tuning(1692.14e6, day.rate))
    keep = None if day.sabotage else day.keep
    writer = open_writer(opened, folder / "day", segment_s=day.segment_s, keep_segments=keep)
    record(receiver, writer, duration_s=day.samples / day.rate, reserve_bytes=0, block_s=BLOCK / day.rate)
    (folder / "recorder.json").write_text(json.dumps(receiver.hours.mb))


def run_reader(day: Day, folder: Path) -> None:
    """The other one."""
    expected, wrong, hours = to_samples(block_bytes(), "cu8"), 0, Hours(day)
    index = folder / "day.sigmf-index"
    while not index.exists():
        time.sleep(0.05)
    with open_recording(index, follow=True) as reader:
        for number, samples in enumerate(reader.blocks(BLOCK)):
            lost = number % GAP_EVERY == GAP_EVERY - 1
            right = not samples.any() if lost else np.array_equal(samples, expected[: len(samples)])
            wrong += 0 if right else len(samples)
            new = folder / "position.new"
            new.write_text(str(reader.position))
            new.replace(folder / "position")
            hours.reach(reader.position)
        told = {"mb": hours.mb, "samples": reader.position, "wrong": wrong, "notes": list(reader.notes)}
    (folder / "reader.json").write_text(json.dumps(told))


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    recorder_mb: list[float]
    reader_mb: list[float]
    asked: int
    read: int
    wrong: int
    notes: list[str]
    left: list[int]
    wanted: list[int]
    joined: bool

    def rows(self) -> list[tuple[str, str, bool]]:
        """Name, value, whether it is within the figures."""
        return [
            *(
                (
                    f"{who}, after the first and the last hour",
                    f"{mb[0]:.1f} and {mb[-1]:.1f} MB",
                    abs(mb[-1] - mb[0]) <= MOST_GROWTH_MB,
                )
                for who, mb in (("recorder", self.recorder_mb), ("reader", self.reader_mb))
            ),
            (
                "samples sent / read / wrong",
                f"{self.asked} / {self.read} / {self.wrong}",
                self.asked == self.read and not self.wrong and not self.notes,
            ),
            ("segments left", f"{self.left[0]} to {self.left[-1]}", self.left == self.wanted),
            ("all but the last continued", "yes" if self.joined else "no", self.joined),
        ]


def measure(day: Day, folder: Path) -> Outcome:
    """Record and read such a day."""
    words = [str(day.hours), str(day.rate), str(day.segment_s), str(day.keep), str(int(day.sabotage))]
    both = [
        subprocess.Popen([sys.executable, "-m", __spec__.name, "--role", role, str(folder), *words])
        for role in ("recorder", "reader")
    ]
    try:
        while any(process.poll() is None for process in both):
            if any(process.poll() for process in both):
                raise RuntimeError("one of the two processes failed; see above")
            time.sleep(0.1)
    finally:
        for process in both:
            process.kill()
            process.wait()
    reader = json.loads((folder / "reader.json").read_text())
    indices = [IndexReader(path) for path in folder.glob("day*.sigmf-index")]
    by_number = {index.header.segment: index for index in indices}
    left, last = sorted(by_number), -(-day.samples // round(day.segment_s * day.rate)) - 1
    return Outcome(
        json.loads((folder / "recorder.json").read_text()),
        reader["mb"],
        day.samples,
        reader["samples"],
        reader["wrong"],
        reader["notes"],
        left,
        list(range(max(last - day.keep + 1, 0), last + 1)),
        [by_number[number].end for number in left] == [*[CONTINUED] * (len(left) - 1), "finished"],
    )


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rate", type=float, default=10e3)
    parser.add_argument("--segment", type=float, default=600.0)
    parser.add_argument("--keep", type=int, default=4)
    parser.add_argument("--sabotage", action="store_true")
    parser.add_argument("--role", nargs=7, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        role, folder, *numbers = given.role
        hours, rate, segment_s, keep, sabotage = (float(number) for number in numbers)
        run = {"recorder": run_recorder, "reader": run_reader}[role]
        run(Day(hours, rate, segment_s, int(keep), bool(sabotage)), Path(folder))
        return 0
    folder = Path(tempfile.mkdtemp(prefix="segments-"))
    try:
        outcome = measure(Day(given.hours, given.rate, given.segment, given.keep, given.sabotage), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{given.hours:g} h at {given.rate:g} samples/s in segments of {given.segment:g} s")
    for name, value, right in outcome.rows():
        print(f"  {name:44} {value:34} {'' if right else 'MISSED'}")
    return 0 if all(right for _, _, right in outcome.rows()) else 1


if __name__ == "__main__":
    sys.exit(main())
