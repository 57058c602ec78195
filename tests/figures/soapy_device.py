"""What the simulated SoapySDR device costs its reader, at 10 MS/s of cs16 out of a looped file.

    python tests/figures/soapy_device.py [--seconds 4] [--sabotage]

Processor time of this process over time of signal, for transfers of several sizes, with nothing done to the
samples; what a recorder costs comes on top. Every sample has to come. Exit status 1 when a figure is missed.

`--sabotage` takes transfers of 64 samples: that goes red.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sim.soapy import device_args, lost
from tests.sim.soapy_c import Radio

RATE = 10e6
FILE_SAMPLES = 2_000_000
MOST_SHARE = 0.06
READ_SAMPLES = 1 << 17


def cost(folder: Path, mtu: int, seconds: float) -> tuple[float, int]:
    """Share of one core, and samples that were lost."""
    folder.mkdir()
    raw = np.random.default_rng(1).integers(-32768, 32768, (FILE_SAMPLES, 2)).astype("<i2")
    raw.tofile(folder / "raw")
    args = device_args(folder, file=folder / "raw", loop=True, mtu=mtu)
    with Radio(args) as radio:
        radio.start(RATE)
        wanted, got, began = seconds * RATE, 0, time.process_time()
        while got < wanted:
            got += max(radio.read(READ_SAMPLES)[0], 0)
        spent_s = time.process_time() - began
    return spent_s / (got / RATE), sum(count for _, count in lost(Path(args["log"])))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--sabotage", action="store_true", help="make it fail")
    options = parser.parse_args()
    sizes = (64,) if options.sabotage else (16_384, 65_536, 131_072)
    held = True
    print("transfer   share of a core   ns per sample   lost")
    with tempfile.TemporaryDirectory() as name:
        for mtu in sizes:
            share, gone = cost(Path(name) / str(mtu), mtu, options.seconds)
            print(f"{mtu:8d} {share:16.1%} {share / RATE * 1e9:15.2f} {gone:6d}")
            held = held and share <= MOST_SHARE and gone == 0
    print(f"allowed: {MOST_SHARE:.0%} of a core and nothing lost: {'held' if held else 'MISSED'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
