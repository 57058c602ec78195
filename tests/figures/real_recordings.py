"""Frames out of real recordings, held against what independent decoders got from them.

    python tests/figures/real_recordings.py [--data ../shared/data]

The samples are also shifted by 2 kHz, brought to 240 kS/s, mirrored, and cut by one sample: the same frames
must come out. Of the interleaved recording another decoder located 84. Suomi-NPP's CADUs are still
randomised; GK-2A's VCDUs were captured once and repeated. Exit status 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy.signal

from decoders.decode import DecodeRequest, decode
from decoders.report import DecodeReport

ROOT = Path(__file__).resolve().parent.parent.parent
CADU, VCDU_AT, VCDU = 1024, 4, 892


def frames(path: Path, out: Path, **how: Any) -> list[bytes]:
    """CADUs that come out of an input."""
    decode(DecodeRequest(input=path, out=out, **how))
    data = (out / "frames.cadu").read_bytes()
    return [data[i : i + CADU] for i in range(0, len(data), CADU)]


# File, downlink, level, frames, those missing by the counters, and how often these go back.
FILES_OF_FRAMES = (
    ("snpp/snpp_synchronized_cadus.dat", "jpss_hrd", "cadu", 65, 1, 0),
    ("snpp/snpp_7cadus_2vcids.dat", "jpss_hrd", "cadu", 7, 0, 0),
    ("gk2a-lrit/GK-2A_LRIT_VCDU.bin", "gk2a_lrit", "vcdu", 4422, 0, 3),
)


def channels(report: DecodeReport) -> str:
    """Spacecraft and channels that the frames came from."""
    rows = report.table["channels"]
    return ", ".join(f"{row['scid']}/{row['vcid']}: {row['frames']}" for row in rows)


def counter(cadu: bytes) -> int:
    """The frame counter of a CADU."""
    return int.from_bytes(cadu[VCDU_AT + 2 : VCDU_AT + 5], "big")


def vcdu_as_published(path: Path) -> tuple[int, bytes]:
    """Counter and payload of the frame that another decoder published as JSON."""
    table = json.loads(path.read_text())
    return table["counter"], bytes(value & 0xFF for value in table["payload"])


def variants(samples: np.ndarray, rate: float) -> dict[str, tuple[np.ndarray, float]]:
    """The recording as other receivers would have made it."""
    shift = np.exp(2j * np.pi * 2000 / rate * np.arange(samples.size))
    return {
        "as recorded": (samples, rate),
        "2 kHz higher": (samples * shift, rate),
        "2 kHz lower": (samples / shift, rate),
        "at 240 kS/s": (scipy.signal.resample_poly(samples, 4, 5), rate * 4 / 5),
        "mirrored": (samples.conj(), rate),
        "I and Q swapped": (samples.imag + 1j * samples.real, rate),
        "cut by one sample": (samples[1:], rate),
    }


def main() -> int:
    """Print a line per recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    folder_of_data = parser.parse_args().data
    lrpt = folder_of_data / "lrpt"
    good = True

    def told(what: str, right: int, of: int, least: int) -> None:
        nonlocal good
        good &= right >= least
        print(f"{what:58} {right} of {of}{'' if right >= least else '   MISSED'}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        raw = gzip.decompress((lrpt / "meteor-m2_2019-03-24_cu8_300k.raw.gz").read_bytes())
        samples = ((np.frombuffer(raw, np.uint8).astype(np.float32) - 127.5) / 127.5).view(np.complex64)
        expected = (lrpt / "meteor-m2_2019-03-24_expected.cadu").read_bytes()
        wanted = [expected[i : i + CADU] for i in range(0, len(expected), CADU)]
        for downlink in ("meteor_m2_lrpt_72k", "meteor_lrpt"):
            for name, (variant, rate) in variants(samples, 300_000.0).items():
                path = out / "samples.cf32"
                variant.astype(np.complex64).tofile(path)
                got = frames(path, out / "o", downlink=downlink, format="cf32", sample_rate=rate)
                told(f"METEOR-M2 2019-03-24 IQ, {downlink}, {name}", sum(a in got for a in wanted), 14, 14)
                good &= set(got) <= set(wanted)
        for name, level, of, first in (
            ("meteor-m2_72k_soft.s", "soft", 1, "meteor-m2_72k_soft_expected.json"),
            ("meteor-m2-2_72k_packed.hard", "hard", 8, "meteor-m2-2_72k_expected_first_vcdu.json"),
            ("meteor-m2-2_80k_interleaved_soft.s", "soft", 84, "meteor-m2-2_80k_expected_first_vcdu.json"),
        ):
            got = frames(lrpt / name, out / "o", downlink="meteor_lrpt", level=level)
            number, payload = vcdu_as_published(lrpt / first)
            same = [cadu for cadu in got if counter(cadu) == number and payload in cadu[: VCDU_AT + VCDU]]
            counters = [counter(cadu) for cadu in got]
            run = counters == sorted(set(counters)) and counters[-1] - counters[0] - len(counters) < 1
            told(f"{name}: counters {counters[0]}-{counters[-1]}", len(got), of, {1: 1, 8: 8, 84: 95}[of])
            told("   of them the one that was published, byte for byte", len(same), 1, 1)
            told("   counters with at most one hole", int(run), 1, 1)
        for name, downlink, level, count, lost, restarts in FILES_OF_FRAMES:
            path = folder_of_data / name
            report = decode(DecodeRequest(input=path, out=out / "o", downlink=downlink, level=level))
            told(f"{path.name} ({channels(report)})", report.frames.good, count, count)
            found = (report.frames.lost, sum(row["restarts"] for row in report.table["channels"]))
            told("   missing and repeated ones as published", int(found == (lost, restarts)), 1, 1)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
