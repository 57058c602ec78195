"""Table `chains`: whole chains from IQ to frames, in samples per processor second, and their memory.

Speed is the slope between the first fifth of a recording and the whole of it, each decoded by a process of
its own held to one thread, so that imports and start-up do not count. SatDump, where it is present, takes
the same files in turn with ours; speeds and their ratio are medians over the turns.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import satdump
from tests.bench.cases import Case, case_named
from tests.bench.options import Options
from tests.bench.recordings import Sent, clean, cut, received
from tests.bench.satdump import PIPELINES, counted, easy
from tests.bench.tables import Cell, Table
from tests.bench.timing import cost

ROOT = Path(__file__).resolve().parents[2]
SAMPLE_BYTES = 8
TURNS = 3

TITLE = (
    "IQ (cf32) to frames, one thread, Msamples per processor second (slope between a fifth of the recording "
    "and all of it). Live: share of one core at that sample rate. Memory: peak above the imports."
)


@dataclass(frozen=True)
class Chain:
    """A case at a sample rate; `figure` names its comparison among the targets."""

    name: str
    case: str
    sample_rate: float
    ebn0_db: float
    figure: str


CHAINS = (
    Chain("LRPT 72k, 288 kS/s", "72k", 288e3, 5.0, "satdump lrpt 288k"),
    Chain("LRPT 72k, 1 MS/s", "72k", 1e6, 5.0, "satdump lrpt 1M"),
    Chain("LRPT 80k, 288 kS/s", "80k", 288e3, 5.0, "satdump lrpt 80k"),
    Chain("MetOp AHRPT, 6 MS/s", "metop_ahrpt", 6e6, 6.0, "satdump ahrpt"),
    Chain("MetOp AHRPT at 2.7 dB, 6 MS/s", "metop_ahrpt", 6e6, 2.7, "satdump ahrpt weak"),
    Chain("NOAA HRPT, 3 MS/s", "noaa_hrpt", 3e6, 10.0, "satdump noaa hrpt"),
    Chain("GK-2A LRIT, 512 kS/s", "gk2a_lrit", 512e3, 5.0, "satdump gk2a"),
)
QUICK = ("LRPT 72k, 288 kS/s", "MetOp AHRPT, 6 MS/s")
SAMPLES = {False: 50_000_000, True: 15_000_000}


def run(options: Options) -> Table:
    """All chains."""
    figures: dict[str, float] = {"memory": 0.0}
    rows = []
    for chain in CHAINS:
        case = replace(easy(case_named(chain.case)), sample_rate=chain.sample_rate)
        if options.wants(case) and (not options.quick or chain.name in QUICK):
            rows.append(_row(chain, case, options, figures))
    return Table("chains", TITLE, rows, figures)


def _row(chain: Chain, case: Case, options: Options, figures: dict[str, float]) -> dict[str, Cell]:
    count = SAMPLES[options.quick]
    stem = clean(
        case, options.scratch, frames=int(count / case.sample_rate / case.frame_s), seed=options.seed
    )
    whole = received(stem, case, options.reception(case, chain.ebn0_db), options.scratch / "chain.cf32")
    fifth = options.scratch / "fifth.cf32"
    size = whole.stat().st_size
    with whole.open("rb") as source, fifth.open("wb") as target:
        while target.tell() < size // 5 // SAMPLE_BYTES * SAMPLE_BYTES:
            target.write(source.read(min(1 << 22, size // 5 // SAMPLE_BYTES * SAMPLE_BYTES - target.tell())))
    sent = Sent.read(stem)
    span = (size - fifth.stat().st_size) / SAMPLE_BYTES
    ours, theirs, frames, memory_mb = [], [], ([], []), 0.0
    for _ in range(1 if options.quick else TURNS):
        short, long = (_decode(path, case, options) for path in (fifth, whole))
        ours.append(span / (long.cpu_s - short.cpu_s) / 1e6)
        memory_mb = max(memory_mb, short.memory_mb, long.memory_mb)
        if options.satdump is not None and case.mode in PIPELINES:
            few, many = (satdump.decode(options.satdump, case, path) for path in (fifth, whole))
            theirs.append(span / (many.cost.cpu_s - few.cost.cpu_s) / 1e6)
            frames = (long.frames, many.frames)
        else:
            frames = (long.frames, [])
    whole.unlink()
    fifth.unlink()
    speed = statistics.median(ours)
    figures["memory"] = max(figures["memory"], memory_mb)
    if chain.name == "MetOp AHRPT, 6 MS/s":
        figures["live ahrpt"] = case.sample_rate / speed / 1e6
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True)) if theirs else None
    if ratio is not None:
        figures[chain.figure] = ratio
    return {
        "chain": chain.name,
        "Msamples/s": round(speed, 2),
        "live": f"{100 * case.sample_rate / speed / 1e6:.1f} %",
        "memory MB": round(memory_mb, 1),
        "SatDump": round(statistics.median(theirs), 2) if theirs else None,
        "ratio": None if ratio is None else round(ratio, 2),
        "sent": len(sent.whole),
        "got": counted(sent, frames[0]),
        "SatDump got": counted(sent, frames[1]) if theirs else None,
    }


@dataclass(frozen=True)
class Ours:
    """One decoding: processor seconds of the process, peak memory above its imports, frames."""

    cpu_s: float
    memory_mb: float
    frames: list[bytes]


def _decode(path: Path, case: Case, options: Options) -> Ours:
    out = options.scratch / "chain-out"
    words = {"input": str(path), "downlink": case.downlink, "out": str(out), "sample_rate": case.sample_rate}
    spent = cost([sys.executable, "-m", "tests.bench.chains", json.dumps(words)], folder=ROOT, environment={})
    files = [one for one in out.glob("frames.*") if one.suffix in (".cadu", ".raw16")]
    frames = cut(files[0].read_bytes(), 22180 if files[0].suffix == ".raw16" else 1024) if files else []
    shutil.rmtree(out)
    return Ours(spent.cpu_s, float(spent.output.split()[-1]), frames)


def _child(words: dict[str, object]) -> None:
    """In the process of its own: decode, print the peak of memory above the imports."""
    import decoders.decode

    imports = _memory_kb("VmRSS")
    paths = {name: Path(str(words[name])) for name in ("input", "out")}
    decode: Callable[..., object] = decoders.decode.decode
    decode(
        decoders.decode.DecodeRequest(
            **paths,
            downlink=str(words["downlink"]),
            format="cf32",
            sample_rate=float(str(words["sample_rate"])),
        )
    )
    print((_memory_kb("VmHWM") - imports) * 1024 / 1e6)


def _memory_kb(field: str) -> int:
    """Of this process (proc(5)); the peak that getrusage tells is that of the parent, where it was larger."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    _child(json.loads(sys.argv[1]))
