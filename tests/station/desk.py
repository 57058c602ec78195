"""A whole station on a desk: the daemon and its workers as real processes, the sky in a SoapySDR device.

The simulated device's sample 0 is on the air at a given time, so that every process that opens it hears the
same sky at the same time, and each recorded sample has its number in the file that was sent.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scheduler.elements import Elements, load_elements
from scheduler.frames import Site, elevation
from sdr.index import IndexReader
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.simulate import simulate
from sim.soapy import device_args, environment
from station.catalogue import Booking, Catalogue, Observation
from tests.station.conftest import ELEMENTS, ROOT, station_file
from tests.waiting import wait_for as wait_for  # noqa: PLC0414 the figures take it from here

SITE = Site("Lai Châu", 22.4, 103.45, 900)
RATE = 250e3
FRAME_BYTES = 1024
_ONE_AT_A_TIME = threading.Lock()  # alembic makes but one database in a process at a time
_Raw = npt.NDArray[np.uint16]
_NEEDLE = 64  # samples that occur but once: 500 bits of noise
_START_DOUBT = 25_000  # 0.1 s
MARKER_BYTES = 4


@dataclass(frozen=True)
class Sent:
    """A frame that was sent whole, and where in the file: first and last sample."""

    frame: bytes
    first: int
    last: int


@dataclass(frozen=True)
class Sky:
    """What the device hears: a simulated link in cu8, and the log of what it holds."""

    stem: Path
    sample_count: int

    @property
    def samples(self) -> Path:
        """Raw samples."""
        return self.stem.with_name(f"{self.stem.name}.sigmf-data")

    def sent(self) -> list[Sent]:
        """Every frame that lies wholly in the file."""
        lines = self.stem.with_name(f"{self.stem.name}.sent.jsonl").read_text().splitlines()
        frames = cut(self.stem.with_name(f"{self.stem.name}.sent.cadu").read_bytes())
        every = zip(frames, map(json.loads, lines), strict=True)
        return [Sent(f, line["first_sample"], line["last_sample"]) for f, line in every if line["complete"]]


def make_sky(stem: Path, start: datetime, seconds: float, source: PacketSource | None, **words: Any) -> Sky:
    """Simulate a LRPT link at 8 dB; `words` go to the simulator."""
    given = {"elements": None, "site": None, "ebn0_db": 8.0} | words
    request = PassSimulation(
        start=start,
        end=start + timedelta(seconds=seconds),
        mode="72k",
        sample_rate=RATE,
        format="cu8",
        **given,
    )
    return Sky(stem, simulate(request, stem, source=source).sample_count)


class Desk:
    """One station with one pass, which is under way or about to begin.

    Args:
        folder: empty.
        sky: that the device hears.
        epoch: POSIX time at which its first sample is on the air.
        start: of the recording, POSIX.
        end: of the recording, POSIX.
        words: further words for the device.
        elements: of the satellite; of the METEOR of 2024 without.
    """

    def __init__(
        self,
        folder: Path,
        sky: Sky,
        *,
        epoch: float,
        start: float,
        end: float,
        words: Mapping[str, Any] | None = None,
        elements: Elements | None = None,
    ) -> None:
        self.folder, self.sky, self.epoch = folder, sky, epoch
        folder.mkdir(parents=True, exist_ok=True)
        args = device_args(
            folder, file=sky.samples, format="CU8", rate=RATE, epoch=epoch, **dict(words or {})
        )
        station_file(folder, receiver=simulated_radio(args, RATE, name="radio"))
        self.data, self.control, self.device_log = (
            folder / "data",
            folder / "control",
            folder / "device.jsonl",
        )
        self.daemon: subprocess.Popen[bytes] | None = None
        self.variables = environment()
        self.name = self._book(start, end, elements or load_elements(ELEMENTS)[1])

    def _book(self, start: float, end: float, elements: Elements) -> str:
        with _ONE_AT_A_TIME:
            catalogue = Catalogue(self.data)
        rise, fall = (datetime.fromtimestamp(t, UTC) for t in (start, end))
        made = catalogue.book(
            Booking(
                name="the_pass",
                key="the_pass",
                satellite="METEOR-M2 4",
                norad_id=59051,
                downlink="meteor_lrpt",
                frequency_hz=137.9e6,
                site=asdict(SITE),
                elements=elements.to_omm(),
                aos=rise,
                tca=rise + (fall - rise) / 2,
                los=fall,
                start=rise,
                end=fall,
                max_elevation_deg=60.0,
                receiver="radio",
                antenna="antenna",
            )
        )
        catalogue.close()
        assert made is not None
        return made.name

    def patch(self, code: str) -> None:
        """Let every process of the station run some code when it begins: a sabotage."""
        (self.folder / "sitecustomize.py").write_text(code)
        self.variables["PYTHONPATH"] = str(self.folder)

    def begin(self) -> None:
        """Begin the daemon, as an init system does at once when it died."""
        self.daemon = begin_daemon(self.folder, self.variables)

    def pid(self, who: str) -> int:
        """Process id of the `recorder`, `decoder` or `daemon`; 0 while there is none."""
        if who == "daemon":
            return self.daemon.pid if self.daemon and self.daemon.poll() is None else 0
        words = {"recorder": b"station.record", "decoder": b"--follow"}[who]
        found = workers_of(self.folder, words)
        return next((pid for pid in found if who == "decoder" or self._records(pid)), 0)

    def _records(self, pid: int) -> bool:
        """Whether a recorder is no spare one: it has the file of samples open."""
        data = self.observed / "recording.sigmf-data"
        try:
            return any(link.readlink() == data for link in Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            return False

    def kill(self, *who: str) -> float:
        """Kill -9 them at once; POSIX time just before."""
        pids = [self.pid(one) for one in who]
        at = time.time()
        for pid in pids:
            if pid:
                os.kill(pid, signal.SIGKILL)
        if "daemon" in who and self.daemon is not None:
            self.daemon.wait()
        return at

    def stop(self) -> None:
        """End the daemon in order, and whatever was left behind."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(120)
        kill_workers(self.folder)

    def observation(self) -> Observation:
        """As it stands."""
        catalogue = Catalogue(self.data, read_only=True)
        try:
            return catalogue.observation(self.name)
        finally:
            catalogue.close()

    def is_decoded(self) -> bool:
        """Whether the decoding is over, well or not."""
        return self.observation().job("decode").state in ("done", "failed")

    @property
    def observed(self) -> Path:
        """Folder of the observation."""
        return self.data / "observations" / self.name

    def index(self) -> IndexReader:
        """Of the recording."""
        return IndexReader(self.observed / "recording.sigmf-index")

    def recorded_bytes(self) -> int:
        """Size of the file of samples; 0 before there is one."""
        path = self.observed / "recording.sigmf-data"
        return path.stat().st_size if path.exists() else 0

    def first_sample(self) -> int:
        """Number in the sky's file of the recording's first sample, by its start time."""
        start = self.index().start
        assert start is not None
        return round((start.timestamp() - self.epoch) * RATE)

    def stretches(self) -> list[Stretch]:
        """What lies between the gaps, found in what was on the air by its samples.

        AssertionError where it is not there within what the gaps say of themselves.
        """
        first, index = self.first_sample(), self.index()
        sent = np.memmap(self.sky.samples, np.uint16, mode="r")
        have = np.fromfile(self.observed / "recording.sigmf-data", np.uint16)[: index.committed]
        found, begin, doubt = [], 0, _START_DOUBT
        for gap in (*index.gaps, None):
            end = gap.sample_index if gap else have.size
            if end - begin >= _NEEDLE:
                found.append(_located(have, sent, begin, end, begin + first, doubt))
            if gap:
                begin, doubt = gap.sample_index + gap.sample_count, doubt + gap.uncertainty
        return found

    def missed_frames(self) -> tuple[int, int]:
        """Frames that were sent wholly while samples were recorded, and how many of them were not decoded."""
        heard = [(one.sent_first, one.sent_first + one.count) for one in self.stretches()]
        whole = [
            one.frame[MARKER_BYTES:]
            for one in self.sky.sent()
            if any(begin <= one.first and one.last < end for begin, end in heard)
        ]
        received = cut((self.observed / "decoded/frames.cadu").read_bytes())
        decoded = {frame[MARKER_BYTES:] for frame in received}
        return len(whole), sum(frame not in decoded for frame in whole)


@dataclass(frozen=True)
class Stretch:
    """Samples without a gap.

    Attributes:
        first: number of the first one in the recording.
        count: of samples.
        sent_first: number of the first one in the sky's file.
        off: by how many samples it lies later in the recording than its time says.
        wrong: samples that are not those that were sent.
    """

    first: int
    count: int
    sent_first: int
    off: int
    wrong: int


def _located(
    have: npt.NDArray[np.uint16],
    sent: npt.NDArray[np.uint16],
    begin: int,
    end: int,
    expected: int,
    doubt: int,
) -> Stretch:
    window = max(expected - doubt, 0)
    hay = sent[window : expected + doubt + _NEEDLE].tobytes()
    at = hay.find(have[begin : begin + _NEEDLE].tobytes())
    assert at >= 0, f"sample {begin} of the recording was not on the air within {doubt} samples of its time"
    sent_first = window + at // 2
    there = sent[sent_first : sent_first + end - begin]
    wrong = int(np.count_nonzero(have[begin : begin + there.size] != there))
    return Stretch(begin, end - begin, sent_first, expected - sent_first, wrong)


def workers_of(folder: Path, word: bytes) -> list[int]:
    """Process ids of the workers of a station in a folder whose command line holds a word."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"station.child" in line and word in line and os.fsencode(folder) + b"/" in line:
                found.append(int(entry.name))
    return found


def kill_workers(folder: Path, word: bytes = b"") -> None:
    """Kill -9 all of them."""
    for pid in workers_of(folder, word):
        os.kill(pid, signal.SIGKILL)


def simulated_radio(args: Mapping[str, Any], rate: float, **more: Any) -> dict[str, Any]:
    """The receiver table of a simulated device."""
    table = {"type": "soapy", "driver": "tramthu_sim", "sample_rate": rate, "gain_db": 30, "args": args}
    return table | more


def begin_daemon(folder: Path, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """That of the `station.toml` in a folder; what it says goes to `daemon.log` there."""
    command = [sys.executable, "-m", "station.cli", "run", "-c", str(folder / "station.toml")]
    with (folder / "daemon.log").open("ab") as log:
        return subprocess.Popen(command, stderr=log, cwd=ROOT, env=variables)


def up_now(minutes: float) -> Elements:
    """Elements, fresh today, of a satellite that rose just now and stays for some minutes."""
    template = load_elements(ELEMENTS)[1].to_omm()
    now = datetime.now(UTC)
    site = SITE
    times = now.timestamp() + np.array([-60.0, 0.0, 30.0, 60 * minutes])
    for node in range(0, 360, 6):
        for anomaly in range(0, 360, 3):
            omm = template | {
                "EPOCH": now.strftime("%Y-%m-%dT%H:%M:%S.%f"),
                "RA_OF_ASC_NODE": node,
                "MEAN_ANOMALY": anomaly,
            }
            made = Elements.from_omm(omm)
            above = elevation(site, made, times)[1]
            if above[0] < 0 < above[1] and above[3] > 5:
                return made
    raise AssertionError("no such orbit")


def cut(content: bytes) -> list[bytes]:
    """CADUs of a file."""
    return [content[i : i + FRAME_BYTES] for i in range(0, len(content), FRAME_BYTES)]
