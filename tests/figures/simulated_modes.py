"""Frames out of simulated recordings, held against the simulator's own log of what it sent.

    python tests/figures/simulated_modes.py [--minutes 2] [--ebn0 6] [--seed 1] [--sabotage]

For each mode: a cold start in mid-stream, METEOR-M2 4's Doppler at the horizon side of a pass, a receiver
30 ppm off (carrier and sample clock). Counted are the frames that lie wholly inside the recording (80k: with
the interleaver's span), byte for byte. `--sabotage` takes one sample out each second: the share must drop.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np

from decoders.decode import DecodeRequest, decode
from scheduler.elements import load_elements, select
from scheduler.passes import Site, find_passes
from sim.impairments import Crystal, Impairments
from sim.simulate import PassSimulation, simulate

ROOT = Path(__file__).resolve().parent.parent.parent
DOWNLINKS = {"m2_72k": "meteor_m2_lrpt_72k", "72k": "meteor_lrpt_72k", "80k": "meteor_lrpt_80k"}
MARKER_BYTES = 4


def recording(
    folder: Path, mode: str, *, minutes: float, ebn0_db: float, seed: int, offset_ppm: float = 30.0
) -> Path:
    """Stem of a simulated recording that begins at the rise of a high pass over Lai Châu."""
    elements = select(
        [
            one
            for path in sorted((ROOT / "scheduler/data/elements").glob("*.t*"))
            for one in load_elements(path)
        ],
        "METEOR-M2 4",
    )
    site = Site("Lai Châu", 22.40, 103.45, 900.0)
    passes = find_passes(
        elements, site, elements.epoch, elements.epoch + timedelta(days=1), min_elevation_deg=0
    )
    best = max(passes, key=lambda one: one.max_elevation_deg)
    start = best.aos + timedelta(minutes=1)
    stem = folder / f"{mode}-{seed}"
    simulate(
        PassSimulation(
            elements=elements,
            site=site,
            start=start,
            end=start + timedelta(minutes=minutes),
            mode=mode,
            ebn0_db=ebn0_db,
            seed=seed,
            impairments=Impairments(crystal=Crystal(offset_ppm=offset_ppm)),
        ),
        stem,
    )
    return stem


def frames_received(stem: Path, out: Path, downlink: str) -> tuple[int, int, int]:
    """Frames wholly inside the recording, of them received byte for byte, and received but never sent."""
    decode(DecodeRequest(input=stem.with_name(stem.name + ".sigmf-meta"), downlink=downlink, out=out))
    sent = _cut(stem.with_name(stem.name + ".sent.cadu").read_bytes())
    lines = [json.loads(line) for line in stem.with_name(stem.name + ".sent.jsonl").read_text().splitlines()]
    whole = [cadu for cadu, line in zip(sent, lines, strict=True) if line["complete"]]
    received = set(_cut((out / "frames.cadu").read_bytes()))
    return len(whole), sum(cadu in received for cadu in whole), len(received - set(sent))


def _cut(data: bytes) -> list[bytes]:
    # The marker is no truth of the frame; some logs and some decoders leave it out.
    return [data[i + MARKER_BYTES : i + 1024] for i in range(0, len(data), 1024)]


def lose_samples(stem: Path) -> None:
    """Take one sample in 250 000 out of a cu8 recording: one a second."""
    path = stem.with_name(stem.name + ".sigmf-data")
    samples = np.fromfile(path, np.uint8).reshape(-1, 2)
    np.delete(samples, np.arange(125_000, len(samples), 250_000), axis=0).tofile(path)


def main() -> int:
    """Print a line per mode; exit status 1 when any lies below 99.5 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--ebn0", type=float, default=6.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sabotage", action="store_true")
    wanted = parser.parse_args()
    short = False
    for mode, downlink in DOWNLINKS.items():
        for name in (downlink, "meteor_lrpt"):
            with tempfile.TemporaryDirectory() as folder:
                stem = recording(
                    Path(folder), mode, minutes=wanted.minutes, ebn0_db=wanted.ebn0, seed=wanted.seed
                )
                if wanted.sabotage:
                    lose_samples(stem)
                whole, received, never_sent = frames_received(stem, Path(folder) / "out", name)
            share = received / whole
            short |= share < 0.995 or never_sent > 0
            counts = f"{received} of {whole} frames ({100 * share:.2f} %), {never_sent} never sent"
            print(f"{mode:7} {name:19} {counts}", flush=True)
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
