"""Speed of the simulator, the decoder and its kernels: samples per second of CPU, and ratios within this run.

    make bench                 tables on the screen and in bench/bench.md and bench/bench.json

A chain is measured as the slope between a short and a long recording, so that imports and the search for
the signal do not count, in CPU seconds of a process of its own held to one thread. Kernels are also given as
a ratio to a fixed loop (a sum of squares in numpy) timed in the same run: machines differ, ratios less so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
SHORT_S, LONG_S = 20.0, 80.0
SAMPLE_RATE = 250_000.0
MODES = {"m2_72k": "meteor_m2_lrpt_72k", "72k": "meteor_lrpt_72k", "80k": "meteor_lrpt_80k"}


def simulate(stem: Path, mode: str, seconds: float) -> None:
    """A whole simulation, camera included: part of METEOR-M2 4's pass over Lai Châu."""
    from scheduler.elements import load_elements, select
    from scheduler.passes import Site
    from sim.simulate import PassSimulation
    from sim.simulate import simulate as run

    elements = select(load_elements(ROOT / "scheduler/data/elements/meteor_2024-07-16.txt"), "METEOR-M2 4")
    start = datetime(2024, 7, 17, 7, 38, tzinfo=UTC)
    site = Site("Lai Châu", 22.40, 103.45, 900.0)
    run(
        PassSimulation(elements, site, start, start + timedelta(seconds=seconds), mode=mode, ebn0_db=6.0),
        stem,
    )


def decode(stem: Path, downlink: str, out: Path) -> None:
    """A whole decoding, from samples to the level-1a file."""
    from decoders.decode import DecodeRequest
    from decoders.decode import decode as run

    run(DecodeRequest(input=stem.with_name(stem.name + ".sigmf-meta"), downlink=downlink, out=out))


def in_a_process(call: str) -> tuple[float, float]:
    """CPU seconds and peak memory in MiB of a call of this module in a process of its own, on one thread."""
    environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    code = (
        "import resource, runpy, sys; from pathlib import Path; "
        f"m = runpy.run_path({str(Path(__file__))!r}); {call}; u = resource.getrusage(resource.RUSAGE_SELF); "
        "print(u.ru_utime + u.ru_stime, u.ru_maxrss / 1024)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, memory = run.stdout.split()[-2:]
    return float(seconds), float(memory)


def chains(folder: Path) -> list[dict[str, object]]:
    """Simulation and decoding of every mode."""
    rows: list[dict[str, object]] = []
    samples = (LONG_S - SHORT_S) * SAMPLE_RATE
    for mode, downlink in MODES.items():
        stems = {length: folder / f"{mode}-{length:.0f}" for length in (SHORT_S, LONG_S)}
        made = [in_a_process(f"m['simulate'](Path({str(s)!r}), {mode!r}, {t})") for t, s in stems.items()]
        read = [
            in_a_process(f"m['decode'](Path({str(s)!r}), {downlink!r}, Path({str(s) + '-out'!r}))")
            for s in stems.values()
        ]
        for name, costs in (("simulate", made), ("decode", read)):
            rows.append(
                {
                    "chain": f"{name} {mode}",
                    "msamples_per_cpu_second": samples / (costs[1][0] - costs[0][0]) / 1e6,
                    "times_real_time": samples / (costs[1][0] - costs[0][0]) / SAMPLE_RATE,
                    "peak_mib_short": costs[0][1],
                    "peak_mib_long": costs[1][1],
                }
            )
    return rows


def rate(call: Callable[[], object], units: float) -> float:
    """Units per second: the best of five runs of at least 0.2 s."""
    repeats, best = 1, 0.0
    for _ in range(5):
        while True:
            begin = time.process_time()
            for _ in range(repeats):
                call()
            took = time.process_time() - begin
            if took >= 0.2:
                break
            repeats *= 2
        best = max(best, units * repeats / took)
    return best


def kernels() -> list[dict[str, object]]:
    """Kernels on one core, and their ratio to the reference loop."""
    from decoders.msu_mr_codec import decode_packet
    from decoders.reed_solomon import decode_words
    from decoders.viterbi import MARGIN_BITS, encode, viterbi
    from sim import image_codec
    from sim.coding import reed_solomon_parity

    rng = np.random.default_rng(1)
    reference_data = rng.standard_normal(1 << 20).astype(np.float32)
    reference = rate(lambda: float(np.dot(reference_data, reference_data)), reference_data.size) / 1e6
    bits = rng.integers(0, 2, 64 * 2048 + 2 * MARGIN_BITS, dtype=np.uint8)
    noisy = np.clip(
        np.rint(24 * (2.0 * encode(bits) - 1) + 16 * rng.standard_normal(2 * bits.size)), -127, 127
    )
    width = 2 * (2048 + 2 * MARGIN_BITS)
    soft = np.lib.stride_tricks.sliding_window_view(noisy.astype(np.int8), width)[:: 2 * 2048].copy()
    messages = rng.integers(0, 256, (400, 223), dtype=np.uint8)
    clean = np.concatenate([messages, reed_solomon_parity(messages)], axis=1)
    broken = clean.copy()
    for word in broken:
        word[rng.choice(255, 8, replace=False)] ^= 0x5A
    texture = np.cumsum(rng.integers(-3, 4, (1, 8, 112)), axis=-1) + 128
    packet = image_codec.encode(image_codec.quantise(image_codec.spectra(texture.astype(np.uint8)), 90))[0]
    counts = np.zeros((8, 112), np.uint8)
    rows: list[dict[str, object]] = []
    for name, call, units, unit in (
        (
            "Viterbi K=7 rate 1/2, traceback and run-up included",
            lambda: viterbi(soft, head=MARGIN_BITS, length=2048, tail=MARGIN_BITS),
            soft.shape[0] * 2048 / 1e6,
            "Mbit/s",
        ),
        ("Reed-Solomon (255,223), clean", lambda: decode_words(clean.copy()), clean.size * 8 / 1e6, "Mbit/s"),
        (
            "Reed-Solomon (255,223), 8 errors a word",
            lambda: decode_words(broken.copy()),
            broken.size * 8 / 1e6,
            "Mbit/s",
        ),
        ("MSU-MR image packet", lambda: decode_packet(packet, 90, counts), 14 * 64 / 1e6, "Mpixel/s"),
    ):
        value = rate(call, units)
        rows.append({"kernel": name, "value": value, "unit": unit, "per_reference": value / reference})
    rows.append(
        {"kernel": "reference: float32 dot product", "value": reference, "unit": "M/s", "per_reference": 1.0}
    )
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """Rows as Markdown."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        cells = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "bench")
    out: Path = parser.parse_args().out
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        results = {"kernels": kernels(), "chains": chains(Path(folder))}
    text = "\n\n".join(table(rows) for rows in results.values())
    (out / "bench.md").write_text(text + "\n")
    (out / "bench.json").write_text(json.dumps(results, indent=1))
    print(text)
    print(
        f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )


if __name__ == "__main__":
    main()
