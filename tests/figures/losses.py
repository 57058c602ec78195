"""1000 losses of the simulated SoapySDR device against the annotations of the recording, and the frames.

    python tests/figures/losses.py [--losses 1000] [--devices 16] [--only stamps|slip|silent|clock]
                                   [--sabotage forget|sure]

1. stamps: an LRPT downlink (72k, Eb/N0 8 dB) is played by a device that stamps its samples and loses
   stretches of 1 sample to 1 s at random places. Every one is annotated at its exact place and length, and
   every frame of the undamaged recording is there again, but those that lost samples and at most one next to
   each loss.
2. slip: the same recording, the length of each loss told wrongly, by up to 300 samples and never whole
   symbols, as a clock would tell it. Of the frames due by that rule 99.9 %.
3. silent: some samples are cut out of it without a word, again no multiple of a symbol. Of the frames due
   99.5 %.
4. clock: devices that stamp nothing and tell no overflow, in real time, crystals up to 100 ppm wrong. At
   least 95 % of the losses that the receiver can see, by its own word, lie within the stated uncertainty,
   none of them is missed; those too short to be seen are counted and listed.

`--sabotage forget` leaves one stamped loss out of the recording, `sure` states a 50th of the uncertainty.
Exit status 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sdr.writer import RecordingWriter
from sim.packet_source import FillSource
from sim.simulate import PassSimulation, simulate
from sim.soapy import environment
from tests.figures.loss_frames import Frames, compare, decoded
from tests.figures.loss_receiving import Paced, damaged, received_in_real_time
from tests.figures.loss_truth import Estimated, Exact, random_losses

RATE, SYMBOL_RATE = 200e3, 72e3
START = datetime(2026, 1, 1, tzinfo=UTC)
# Three losses in two seconds leave some two frames of 0.114 s between them.
SPACING_S = (0.3, 1.1)
SURE = 50.0
# Of the frames due after a slip that the receiver told wrongly or not at all.
SLIP_SHARE, SILENT_SHARE = 0.999, 0.995


class Undamaged:
    """A simulated downlink and its frames."""

    def __init__(self, folder: Path, losses: int, seed: int) -> None:
        self.folder, self.stem = folder, folder / "undamaged"
        self.losses = random_losses(losses, RATE, apart_s=SPACING_S, longest_s=1.0, seed=seed)
        seconds = sum(self.losses[-1]) / RATE + 2
        request = PassSimulation(
            None,
            None,
            START,
            START + timedelta(seconds=seconds),
            mode="72k",
            ebn0_db=8.0,
            format="cu8",
            sample_rate=RATE,
            seed=seed,
        )
        self.sample_count = simulate(request, self.stem, source=FillSource(seed=seed)).sample_count
        self.frames = decoded(self.file(".sigmf-meta"), folder / "undamaged-out")

    def file(self, suffix: str) -> Path:
        return self.stem.with_name(self.stem.name + suffix)


def stamps(undamaged: Undamaged, forget: int | None) -> tuple[Exact, Frames, int]:
    """Losses that the stamps tell, frames, and samples outside the losses that are not as they were."""
    folder = undamaged.folder / "stamps"
    folder.mkdir()
    signal = undamaged.file(".sigmf-data")
    gaps, truth = damaged(
        signal, undamaged.sample_count, RATE, undamaged.losses, folder / "damaged", forget=forget
    )
    exact = Exact.of(truth, gaps)
    frames = decoded(folder / "damaged.sigmf-meta", folder / "out")
    changed = _changed(signal, folder / "damaged.sigmf-data", truth)
    return exact, compare(undamaged.stem, undamaged.frames, frames, truth), changed


def slip(undamaged: Undamaged, seed: int) -> Frames:
    """Frames after losses whose length is told wrongly."""
    folder = undamaged.folder / "slip"
    folder.mkdir()
    random = np.random.default_rng(seed)
    samples = np.fromfile(undamaged.file(".sigmf-data"), np.uint16)
    with RecordingWriter(
        folder / "slipped",
        format="cu8",
        sample_rate=RATE,
        center_frequency_hz=None,
        start=START,
        durable=False,
    ) as writer:
        at = 0
        for first, count in undamaged.losses:
            writer.write_raw(samples[at:first].tobytes())
            at = first + count
            told = count + round((random.integers(-100, 100) + random.uniform(0.2, 0.8)) * RATE / SYMBOL_RATE)
            writer.gap(max(told, 1), "length told wrongly", 300)
        writer.write_raw(samples[at:].tobytes())
    frames = decoded(folder / "slipped.sigmf-meta", folder / "out")
    return compare(undamaged.stem, undamaged.frames, frames, undamaged.losses)


def silent(undamaged: Undamaged, count: int, seed: int) -> Frames:
    """Frames after samples were cut out without a word, up to ten symbols and never a whole number."""
    folder = undamaged.folder / "silent"
    folder.mkdir()
    random = np.random.default_rng(seed)
    places = np.sort(random.choice(undamaged.sample_count // 150_000 - 1, count, replace=False) + 1)
    lengths = np.rint((random.integers(0, 10, count) + random.uniform(0.2, 0.8, count)) * RATE / SYMBOL_RATE)
    firsts = places * 150_000 + random.integers(0, 100_000, count)
    cuts = list(zip(firsts.tolist(), lengths.astype(int).tolist(), strict=True))
    samples = np.fromfile(undamaged.file(".sigmf-data"), np.uint8).reshape(-1, 2)
    away = np.concatenate([np.arange(first, first + length) for first, length in cuts])
    np.delete(samples, away, axis=0).tofile(folder / "cut.cu8")
    frames = decoded(folder / "cut.cu8", folder / "out", raw_rate=RATE)
    return compare(undamaged.stem, undamaged.frames, frames, cuts)


def clock(folder: Path, losses: int, devices: int, seed: int, sure: float) -> list[Estimated]:
    """Devices without stamps, in real time, each in a process of its own."""
    each = -(-losses // devices)
    asked = [Paced(folder / f"clock-{i}", each, seed + i, sure) for i in range(devices)]
    with ProcessPoolExecutor(devices, mp_context=get_context("spawn")) as pool:
        return list(pool.map(received_in_real_time, asked))


def _changed(signal: Path, recorded: Path, truth: list[tuple[int, int]]) -> int:
    """Samples outside the losses that differ, and within them those that are no zero."""
    before = np.memmap(signal, np.uint16, "r")
    after = np.memmap(recorded, np.uint16, "r")
    if len(before) != len(after):
        return max(len(before), len(after))
    wrong, at = 0, 0
    for first, count in [*truth, (len(before), 0)]:
        wrong += int(np.count_nonzero(before[at:first] != after[at:first]))
        at = first + count
        wrong += int(np.count_nonzero(after[first:at] != 0x8080))
    return wrong


def _stamps_hold(undamaged: Undamaged, forget: int | None) -> bool:
    exact, frames, changed = stamps(undamaged, forget)
    print(f"stamps: {exact.lost} lost, {exact.right} annotated exactly, {exact.invented} invented")
    print(f"        {changed} samples changed outside of them")
    return exact.right == exact.lost and exact.invented == changed == 0 and _frames_hold("        ", frames)


def _frames_hold(name: str, frames: Frames, share: float = 1.0) -> bool:
    print(
        f"{name}frames that are due: {frames.due_received} of {frames.due}; next to a loss: "
        f"{frames.beside_received} of {frames.beside}; cut into: {frames.cut}; never sent: {frames.invented}"
    )
    return frames.due_received >= share * frames.due > 0 and frames.invented == 0


def _clock_holds(found: list[Estimated]) -> bool:
    right, invented = (sum(getattr(one, name) for one in found) for name in ("right", "invented"))
    missed = [length for one in found for length in one.missed]
    wrong = [item for one in found for item in one.wrong]
    invisible = sorted(length for one in found for length in one.invisible)
    seen = right + len(wrong) + len(missed)
    print(
        f"clock:  {seen + len(invisible)} lost, {len(invisible)} of them too short to be seen; of the {seen}"
    )
    print(f"        others within the stated uncertainty: {right} ({100 * right / max(seen, 1):.1f} %),")
    print(f"        beyond it: {len(wrong)}, missed: {len(missed)} {missed}; told once too often: {invented}")
    print(f"        uncertainty stated: median {np.median([one.uncertainty for one in found]):.0f} samples")
    print(f"        told less lost, in all: {[one.total_error for one in found]} samples")
    print(f"        beyond it (length, error of length, of place, stated): {wrong}")
    print(f"        too short, by length in samples: {_by_length(invisible)}")
    return right >= 0.95 * seen > 0 and not missed and invented <= 0.02 * seen


def _by_length(lengths: list[int]) -> str:
    edges = (1, 10, 100, 200, 300, 400, 500, 750, 1000, 1 << 30)
    counts = np.histogram(lengths, edges)[0]
    return ", ".join(
        f"{low} to {high - 1}: {n}" for low, high, n in zip(edges, edges[1:], counts, strict=False) if n
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--losses", type=int, default=1000)
    parser.add_argument("--devices", type=int, default=16, help="without stamps, side by side")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["stamps", "slip", "silent", "clock"])
    parser.add_argument("--sabotage", choices=["forget", "sure"])
    options = parser.parse_args(arguments)
    os.environ |= environment()  # before SoapySDR is loaded, here and in the processes
    holds = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.only != "clock":
            undamaged = Undamaged(folder, options.losses, options.seed)
            if options.only in (None, "stamps"):
                forget = options.losses // 2 if options.sabotage == "forget" else None
                holds.append(_stamps_hold(undamaged, forget))
            if options.only in (None, "slip"):
                holds.append(_frames_hold("slip:   ", slip(undamaged, options.seed), SLIP_SHARE))
            if options.only in (None, "silent"):
                cut = silent(undamaged, options.losses // 4, options.seed)
                holds.append(_frames_hold("silent: ", cut, SILENT_SHARE))
        if options.only in (None, "clock"):
            sure = SURE if options.sabotage == "sure" else 1.0
            holds.append(_clock_holds(clock(folder, options.losses, options.devices, options.seed, sure)))
    print("all figures are reached" if all(holds) else "MISSED")
    return 0 if all(holds) else 1


if __name__ == "__main__":
    sys.exit(main())
