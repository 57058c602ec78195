"""Live result and replay result are the same bits, and a frame is seen soon after its last sample.

    python tests/figures/live_equals_replay.py [--chains lrpt_72k,ahrpt] [--sabotage samples|commit]

A simulated pass is written by a recorder as fast as life, in pieces of 20 ms, while `tramthu decode --follow`
runs as a process of its own. Somebody watches live.json as the web does. The latency of a good frame is
from when the piece with its last sample is handed to the recorder to when a live.json that counts the frame
is read; where it ends is told by the decoder's report (in the interleaved mode 17.92 s after it begins). Then
the finished recording is decoded anew at another time of day, and every file but those that tell of the run
itself must be the same. Beside the latency by the clock stands the decoder's own, counted in samples, which a
busy machine does not change, and its lag: seconds of samples that lay ready to be read. Beyond 0.25 s from
commit to commit that is time in which it worked, or others had the processor.

--sabotage samples blanks 30 ms of the recording before the replay; --sabotage commit lets the recorder commit
every 3 s only. Exit status 1 when a file differs, no frame came, or one was seen later than 2 s.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from scheduler.elements import load_elements, select
from scheduler.passes import Site
from sdr.recording import RecordingWriter, open_recording
from sim.request import PassSimulation
from sim.simulate import simulate

ROOT = Path(__file__).resolve().parents[2]
ELEMENTS = ROOT / "scheduler/data/elements/meteor_2024-07-16.txt"
PLACE = (22.40, 103.45, 900.0)
MOST_S = 2.0
PIECE_S, COMMIT_S, SABOTAGED_COMMIT_S = 0.02, 0.25, 3.0
NOT_COMPARED = ("live.json", "run.json")
_STARTUP_S, _AFTERWARDS_S, _LOOK_S = 60.0, 120.0, 0.005


@dataclass(frozen=True)
class Chain:
    """A pass to be received.

    Attributes:
        downlink, mode: of the decoder, and of the simulator.
        seconds: of signal.
        orbit: whether METEOR-M2 4 passes over Lai Châu with its camera; else a transmitter that moves.
        bound: whether `MOST_S` is asked of it.
    """

    downlink: str
    mode: str
    seconds: float
    sample_rate: float
    orbit: bool
    bound: bool


CHAINS = {
    "lrpt_72k": Chain("meteor_lrpt_72k", "72k", 60, 288e3, orbit=True, bound=True),
    "ahrpt": Chain("metop_ahrpt", "metop_ahrpt", 20, 4e6, orbit=False, bound=True),
    "hrpt": Chain("noaa_hrpt", "noaa_hrpt", 20, 3e6, orbit=False, bound=True),
    "lrpt_80k": Chain("meteor_lrpt_80k", "80k", 60, 288e3, orbit=True, bound=True),
}


@dataclass(frozen=True)
class Outcome:
    """What came of a chain: latencies in seconds, one per good frame; names of the files that differ."""

    seconds: float
    latencies_s: tuple[float, ...]
    own_largest_s: float | None
    lag_s: float
    cpu_s_per_s: float
    different: tuple[str, ...]
    files: int


def request_of(chain: Chain, seconds: float) -> PassSimulation:
    """The pass: the middle of one over Lai Châu, or a transmitter with MetOp's Doppler."""
    start = datetime(2024, 7, 17, 7, 40, tzinfo=UTC)
    end = start + timedelta(seconds=seconds)
    common: dict[str, Any] = {
        "mode": chain.mode,
        "sample_rate": chain.sample_rate,
        "format": "cs16",
        "ebn0_db": 8.0,
    }
    if chain.orbit:
        elements = select(load_elements(ELEMENTS), "METEOR-M2 4")
        return PassSimulation(elements, Site("Lai Châu", *PLACE), start, end, **common)
    return PassSimulation(None, None, start, end, doppler_hz=30e3, doppler_rate_hz_s=-400.0, **common)


class Recorder(threading.Thread):
    """Writes a finished recording anew as fast as life, once `begin` is set."""

    def __init__(self, source: Path, stem: Path, commit_s: float) -> None:
        super().__init__()
        with open_recording(source) as reader:
            info = reader.info
        self.begin, self.rate = threading.Event(), info.sample_rate
        self._raw = np.memmap(source.with_name(source.name + ".sigmf-data"), np.uint8, "r")
        self._writer = RecordingWriter(
            stem, format=info.format, sample_rate=info.sample_rate, start=info.start,
            center_frequency_hz=info.center_frequency_hz, commit_interval_s=commit_s,
        )  # fmt: skip
        self.handed: list[tuple[int, float]] = []  # samples up to here, and when

    def run(self) -> None:
        while not self.begin.wait(0.2):  # a receiver that is being opened: heartbeats, no samples
            self._writer.commit()
        began, size = time.monotonic(), 4
        piece = max(round(PIECE_S * self.rate), 1) * size
        for at in range(0, len(self._raw), piece):
            end = min(at + piece, len(self._raw))
            due = began + end / size / self.rate
            time.sleep(max(due - time.monotonic(), 0.0))
            self.handed.append((end // size, time.monotonic()))
            self._writer.write_raw(self._raw[at:end].tobytes())
        self._writer.close()

    def handed_at(self, samples: np.ndarray) -> np.ndarray:
        """When the pieces with these samples were handed over."""
        ends, times = (np.array(column) for column in zip(*self.handed, strict=True))
        return np.asarray(times[np.minimum(np.searchsorted(ends, samples), len(ends) - 1)])


class Watcher(threading.Thread):
    """Reads live.json whenever it is new: (when, good frames)."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._stop_now = path, threading.Event()
        self.seen: list[tuple[float, int]] = []

    def run(self) -> None:
        newest = None
        while not self._stop_now.wait(_LOOK_S):
            try:
                state = self._path.stat()
                if (state.st_ino, state.st_mtime_ns) != newest:
                    newest = (state.st_ino, state.st_mtime_ns)
                    self.seen.append((time.monotonic(), json.loads(self._path.read_text())["frames_good"]))
            except OSError:
                continue

    def finish(self) -> None:
        self._stop_now.set()
        self.join()


def command(chain: Chain, stem: Path, out: Path, *more: str) -> list[str]:
    """`tramthu decode`, elements and site frozen with the observation."""
    known = ["--elements", str(ELEMENTS), "--satellite", "METEOR-M2 4", "--site", "Lai Châu,22.40,103.45,900"]
    return [
        sys.executable, "-c", "from station.cli import main; main()",
        "decode", f"{stem}.sigmf-data", "--downlink", chain.downlink, "--out", str(out),
        *(known if chain.orbit else []), *more,
    ]  # fmt: skip


def received(chain: Chain, folder: Path, commit_s: float) -> tuple[Recorder, Watcher]:
    """Record and decode at once."""
    recorder = Recorder(folder / "sent", folder / "pass", commit_s)
    watcher = Watcher(folder / "live/live.json")
    recorder.start()
    watcher.start()
    with (folder / "live.log").open("w") as log:
        decoder = subprocess.Popen(command(chain, folder / "pass", folder / "live", "--follow"), stderr=log)
        try:
            deadline = time.monotonic() + _STARTUP_S
            while not watcher.seen and decoder.poll() is None and time.monotonic() < deadline:
                time.sleep(_LOOK_S)
            recorder.begin.set()
            recorder.join()
            decoder.wait(_AFTERWARDS_S)
        finally:
            recorder.begin.set()
            decoder.kill()
            decoder.wait()
            watcher.finish()
    if decoder.returncode not in (0, 1):
        raise RuntimeError((folder / "live.log").read_text())
    return recorder, watcher


def latencies(recorder: Recorder, watcher: Watcher, table: dict[str, Any], seconds: float) -> np.ndarray:
    """Seconds per good frame, from its last sample to the first live.json that counts it.

    Frames that the end of the recording brought out are not live.
    """
    columns = table["columns"]
    good = np.array(columns["good"], bool)
    ends = np.array(columns["sample_index"], float)[good] + seconds * recorder.rate
    times, counts = (np.array(column) for column in zip(*watcher.seen, strict=True))
    first = np.searchsorted(counts, np.arange(1, len(ends) + 1))
    live = first < len(times)
    return np.asarray(times[first[live]] - recorder.handed_at(ends[live]))


def measure(chain: Chain, seconds: float, folder: Path, sabotage: str | None) -> Outcome:
    """One chain, live and replayed."""
    simulate(request_of(chain, seconds), folder / "sent")
    recorder, watcher = received(chain, folder, SABOTAGED_COMMIT_S if sabotage == "commit" else COMMIT_S)
    if sabotage == "samples":
        with (folder / "pass.sigmf-data").open("r+b") as file:
            file.seek(int(seconds / 2 * recorder.rate) * 4)
            file.write(bytes(int(0.03 * recorder.rate) * 4))
    subprocess.run(command(chain, folder / "pass", folder / "replay"), check=False, capture_output=True)
    table = json.loads((folder / "live/report.json").read_text())
    run = json.loads((folder / "live/run.json").read_text())
    names = {path.name for part in ("live", "replay") for path in (folder / part).iterdir()}
    compared = sorted(names.difference(NOT_COMPARED))
    different = tuple(name for name in compared if not same(folder / "live" / name, folder / "replay" / name))
    return Outcome(
        seconds,
        tuple(latencies(recorder, watcher, table, run["frame_seconds"])) if table["frames"]["good"] else (),
        run["largest_frame_delay_s"],
        run["largest_lag_s"],
        sum(run["cpu_s_per_s"].values()),
        different,
        len(compared),
    )


def same(one: Path, other: Path) -> bool:
    """Whether both files are there with the same bytes."""
    return one.exists() and other.exists() and one.read_bytes() == other.read_bytes()


def reached(outcome: Outcome, *, bound: bool) -> bool:
    """Whether a chain's figures are."""
    if outcome.different or not outcome.latencies_s:
        return False
    return not bound or max(outcome.latencies_s) <= MOST_S


def row(name: str, chain: Chain, outcome: Outcome) -> str:
    """A line of the table."""
    late = np.array(outcome.latencies_s) if outcome.latencies_s else np.array([math.nan])
    own = "-" if outcome.own_largest_s is None else f"{outcome.own_largest_s:.2f}"
    differ = (
        f"{outcome.files} files the same"
        if not outcome.different
        else "DIFFER: " + ", ".join(outcome.different)
    )
    return (
        f"{name:9} {outcome.seconds:5.0f} s {len(outcome.latencies_s):6d} {late.mean():7.2f} "
        f"{np.quantile(late, 0.95):6.2f} {late.max():7.2f} {own:>9} {outcome.lag_s:5.2f} "
        f"{outcome.cpu_s_per_s:10.3f}   {differ}"
        + ("" if reached(outcome, bound=chain.bound) else "   MISSED")
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--chains", default=",".join(CHAINS))
    options.add_argument("--seconds", type=float, help="of signal, instead of each chain's own")
    options.add_argument("--sabotage", choices=("samples", "commit"))
    chosen = options.parse_args(arguments)
    print("chain      signal frames latency: mean  95 %  largest  decoder's   lag CPU s per s")
    missed = False
    for name in chosen.chains.split(","):
        chain = CHAINS[name]
        with tempfile.TemporaryDirectory() as folder:
            outcome = measure(chain, chosen.seconds or chain.seconds, Path(folder), chosen.sabotage)
        missed |= not reached(outcome, bound=chain.bound)
        print(row(name, chain, outcome), flush=True)
    print(
        f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; "
        f"at most {MOST_S} s asked"
    )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
