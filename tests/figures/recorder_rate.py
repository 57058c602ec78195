"""10 MS/s cs16 from the simulated SoapySDR device to the disk, a decoder and the web busy beside it.

    python -m tests.figures.recorder_rate [--seconds 180] [--rate 10e6] [--folder /tmp] [--alone]
                                          [--sabotage loss|byte|levels]

The recorder is the station's own process, `python -m station.record`, on the true driver path: SoapySDR
loads our module, which plays a precomputed buffer in a loop, so that the generator costs little. Meanwhile a
decoder follows one channel of the growing recording and the web server is asked for its page all the time.

Judged from outside: the device's own log of what it lost, every recorded sample against the buffer (each of
its samples is its own number), the hash against the file, and processor time and peak memory of the whole
process from start to end as the kernel counts them. Figures: no sample lost, at most 35 % of one core over
the time of signal, at most 150 MB. Exit status 1 when one is missed. It needs 40 MB of disk for each second.

`--sabotage loss` lets the device lose samples, `byte` changes one byte of the recording, `levels` has the
plain Python form measure the levels: each turns a row red.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from scheduler.elements import load_elements
from sdr.index import IndexReader
from sim.soapy import DRIVER, device_args, environment, lost
from station.catalogue import Catalogue
from station.commands.options import SITES
from tests.station.conftest import ELEMENTS

MOST_CPU, MOST_MB = 0.35, 150.0
BUFFER = 1 << 21  # samples
CENTER_HZ = 1700e6
AHEAD_S, PATIENCE_S = 12.0, 120.0  # a busy machine takes long to begin
PLAIN = (
    "import sys, sdr.level_meter as m, sdr.level_sums as s; m.level_sums = s.plain_level_sums; "
    "import station.record as r; sys.exit(r.main())"
)


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    samples: int
    seconds: float
    recorded: int
    lost: int
    device_lost: int
    wrong: int
    hash_right: bool
    cpu_s: float
    peak_mb: float
    pages: int | None
    status: int

    def rows(self) -> list[tuple[str, str, bool]]:
        """Name, value, whether it is within the figures."""
        share = self.cpu_s / max(self.seconds, 1e-9)
        return [
            ("exit status of the recorder", str(self.status), self.status == 0),
            (
                "samples asked for / recorded",
                f"{self.samples} / {self.recorded}",
                self.recorded >= self.samples,
            ),
            (
                "lost, by its gaps / by the device",
                f"{self.lost} / {self.device_lost}",
                not self.lost + self.device_lost,
            ),
            ("samples that are not what was on air", str(self.wrong), not self.wrong),
            ("SHA-256 in index and metadata", "right" if self.hash_right else "wrong", self.hash_right),
            ("processor time over signal", f"{100 * share:.1f} % of a core", share <= MOST_CPU),
            ("peak memory", f"{self.peak_mb:.0f} MB", self.peak_mb <= MOST_MB),
            (
                "pages served meanwhile",
                "not asked for" if self.pages is None else str(self.pages),
                self.pages != 0,
            ),
        ]


def measure(folder: Path, seconds: float, rate: float, *, beside: bool = True, sabotage: str = "") -> Outcome:
    """Record once.

    Args:
        folder: on the disk to record to.
        seconds: of signal; what the device gives before the start is recorded too.
        rate: samples per second.
        beside: with a decoder and a web server.
        sabotage: "loss", "byte", "levels" or nothing.
    """
    np.arange(BUFFER, dtype="<u4").tofile(folder / "buffer.cs16")
    losses = [(round(0.7 * rate), 1234)] if sabotage == "loss" else []
    args = device_args(
        folder, losses, file=folder / "buffer.cs16", loop=1, format="CS16", rate=rate, mtu=65536
    )
    description = _describe(folder, seconds, rate, args)
    command = ["-c", PLAIN] if sabotage == "levels" else ["-m", "station.record"]
    with ExitStack() as stack:
        recorder = subprocess.Popen([sys.executable, *command, str(description)], env=environment())
        pages = stack.enter_context(_web(folder)) if beside else None
        if beside:
            stack.enter_context(_decoder(folder))
        usage, peak_mb = _watched(recorder)
    if sabotage == "byte":
        with (folder / "recording.sigmf-data").open("r+b") as file:
            file.seek(4_000_001)
            file.write(b"\x5a")
    index = IndexReader(folder / "recording.sigmf-index")
    wrong, sha256 = _compare(folder / "recording.sigmf-data", index)
    metadata = json.loads((folder / "recording.sigmf-meta").read_bytes())
    return Outcome(
        round(seconds * rate),
        index.committed / rate,
        index.committed,
        sum(gap.sample_count for gap in index.gaps),
        sum(count for _, count in lost(folder / "device.jsonl")),
        wrong,
        index.sha256 == sha256 == metadata["global"]["tramthu:sha256"],
        usage.ru_utime + usage.ru_stime,
        peak_mb,
        None if pages is None else len(pages),
        recorder.returncode,
    )


def _watched(recorder: subprocess.Popen[bytes]) -> tuple[resource.struct_rusage, float]:
    """Wait for its end; what it used, and its peak in MB.

    The kernel's own peak of an ended process counts what its parent held before it became another program.
    """
    peak_kib = 0
    while True:
        pid, raw_status, usage = os.wait4(recorder.pid, os.WNOHANG)
        if pid:
            recorder.returncode = os.waitstatus_to_exitcode(raw_status)
            return usage, peak_kib * 1024 / 1e6
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{recorder.pid}/status").read_text().splitlines()
            peak_kib = int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
        time.sleep(0.05)


def _describe(folder: Path, seconds: float, rate: float, args: dict[str, str]) -> Path:
    start = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
    site = SITES["lai-chau"]
    description = {
        "satellite": "METEOR-M2 4",
        "frequency_hz": CENTER_HZ,
        "site": {
            "name": site.name,
            "latitude_deg": site.latitude_deg,
            "longitude_deg": site.longitude_deg,
            "altitude_m": site.altitude_m,
        },
        "elements": load_elements(ELEMENTS)[1].to_omm(),
        "start": start.isoformat(),
        "end": (start + timedelta(seconds=seconds)).isoformat(),
        "receiver": {
            "type": "soapy", "driver": DRIVER, "args": args, "sample_rate": rate, "gain_db": "auto",
        },
    }  # fmt: skip
    path = folder / "observation.json"
    path.write_text(json.dumps(description))
    return path


@contextmanager
def _decoder(folder: Path) -> Iterator[None]:
    """One that follows a channel of the recording, as the station runs it."""
    index = folder / "recording.sigmf-index"
    deadline = time.monotonic() + PATIENCE_S
    while not index.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    command = [sys.executable, "-m", "station.cli", "decode", str(folder / "recording.sigmf-meta")]
    command += ["--downlink", "meteor_hrpt", "--channel", str(CENTER_HZ), "--follow", "--force"]
    command += ["--out", str(folder / "decoded")]
    with (folder / "decode.log").open("wb") as log:
        decoder = subprocess.Popen(["nice", "-n", "5", *command], stdout=log, stderr=log)
        try:
            yield
        finally:
            running = decoder.poll() is None
            decoder.terminate()
            decoder.wait(PATIENCE_S)
    if not running:
        raise RuntimeError(f"the decoder ended before the recorder: {(folder / 'decode.log').read_text()}")


@contextmanager
def _web(folder: Path) -> Iterator[list[int]]:
    """The station's page, asked for again and again; the sizes of the answers."""
    port, pages, stop = 18431 + os.getpid() % 1000, list[int](), threading.Event()
    (folder / "data").mkdir()
    Catalogue(folder / "data").close()
    command = [
        sys.executable,
        "-m",
        "station.cli",
        "serve",
        "--data-dir",
        str(folder / "data"),
        "--port",
        str(port),
    ]

    def ask() -> None:
        while not stop.wait(0.05):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    pages.append(len(answer.read()))
            except OSError:
                continue

    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        asker = threading.Thread(target=ask)
        asker.start()
        try:
            yield pages
        finally:
            stop.set()
            asker.join()
            server.terminate()
            server.wait(PATIENCE_S)


def _compare(data: Path, index: IndexReader) -> tuple[int, str]:
    """Samples outside the gaps that are not those of the buffer, and the hash of the file."""
    digest, wrong, position, first = hashlib.sha256(), 0, 0, None
    gaps = np.array([(gap.sample_index, gap.sample_index + gap.sample_count) for gap in index.gaps])
    with data.open("rb") as file:
        while raw := file.read(1 << 24):
            digest.update(raw)
            got = np.frombuffer(raw[: len(raw) // 4 * 4], "<u4")
            first = int(got[0]) if first is None else first
            numbers = np.arange(position, position + len(got), dtype=np.int64)
            differs = got != (numbers + first) % BUFFER
            for begin, end in gaps:
                differs[max(begin - position, 0) : max(end - position, 0)] = False
            wrong += int(np.count_nonzero(differs))
            position += len(got)
    return wrong, digest.hexdigest()


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--rate", type=float, default=10e6)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--alone", action="store_true", help="no decoder and no web server beside it")
    parser.add_argument("--sabotage", choices=("loss", "byte", "levels"), default="")
    wanted = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="recorder-", dir=wanted.folder))
    try:
        outcome = measure(
            folder, wanted.seconds, wanted.rate, beside=not wanted.alone, sabotage=wanted.sabotage
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{wanted.seconds:g} s of {wanted.rate / 1e6:g} MS/s cs16, {'alone' if wanted.alone else 'busy'}")
    for name, value, right in outcome.rows():
        print(f"  {name:40} {value:26} {'' if right else 'MISSED'}")
    return 0 if all(right for _, _, right in outcome.rows()) else 1


if __name__ == "__main__":
    sys.exit(main())
