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

from sdr.formats import bytes_per_sample
from tests.bench import satdump
from tests.bench.cases import Case, case_named
from tests.bench.options import Options
from tests.bench.recordings import Sent, clean, cut, received
from tests.bench.satdump import PIPELINES, counted, easy
from tests.bench.tables import Cell, Table
from tests.bench.timing import cost

ROOT = Path(__file__).resolve().parents[2]
TURNS = 3

TITLE = (
    "IQ to frames, one thread, Msamples per processor second (slope between a fifth of the recording "
    "and all of it). Live: share of one core at that sample rate. Memory: peak above the imports."
)


@dataclass(frozen=True)
class Chain:
    """A case at a sample rate, in a format of samples; `figure` names its comparison among the targets."""

    name: str
    case: str
    sample_rate: float
    form: str
    ebn0_db: float
    figure: str

    @property
    def label(self) -> str:
        """For the table."""
        return f"{self.name}, {self.sample_rate / 1e6:g} MS/s {self.form}"


# What receivers write: cu8 an RTL-SDR, cs16 most others.
CHAINS = (
    Chain("LRPT 72k", "72k", 288e3, "cu8", 5.0, "satdump lrpt 288k"),
    Chain("LRPT 72k", "72k", 288e3, "cs16", 5.0, "satdump lrpt 288k"),
    Chain("LRPT 72k", "72k", 1e6, "cu8", 5.0, "satdump lrpt 1M"),
    Chain("LRPT 72k", "72k", 1e6, "cs16", 5.0, "satdump lrpt 1M"),
    Chain("LRPT 80k", "80k", 288e3, "cs16", 5.0, "satdump lrpt 80k"),
    Chain("MetOp AHRPT", "metop_ahrpt", 6e6, "cs16", 6.0, "satdump ahrpt"),
    Chain("MetOp AHRPT at 2.7 dB", "metop_ahrpt", 6e6, "cs16", 2.7, "satdump ahrpt weak"),
    Chain("NOAA HRPT", "noaa_hrpt", 3e6, "cs16", 10.0, "satdump noaa hrpt"),
    Chain("METEOR HRPT", "meteor_hrpt", 3e6, "cs16", 10.0, "satdump meteor hrpt"),
    Chain("GK-2A LRIT", "gk2a_lrit", 512e3, "cs16", 5.0, "satdump gk2a"),
)
QUICK = ("satdump lrpt 288k", "satdump ahrpt")
SAMPLES = {False: 40_000_000, True: 15_000_000}


def run(options: Options) -> Table:
    """All chains."""
    figures: dict[str, float] = {"memory": 0.0}
    rows = []
    for chain in CHAINS:
        case = replace(easy(case_named(chain.case)), sample_rate=chain.sample_rate)
        if options.wants(case) and (not options.quick or chain.figure in QUICK):
            rows.append(_row(chain, case, options, figures))
    return Table("chains", TITLE, rows, figures)


def _row(chain: Chain, case: Case, options: Options, figures: dict[str, float]) -> dict[str, Cell]:
    frames = int(SAMPLES[options.quick] / case.sample_rate / case.frame_s)
    stem = clean(case, options.scratch, frames=frames, seed=options.seed)
    whole = options.scratch / f"chain.{chain.form}"
    received(stem, case, options.reception(case, chain.ebn0_db), whole, form=chain.form)
    turns = _turns(chain, case, whole, options)
    whole.unlink()
    speed = statistics.median(turn.ours for turn in turns)
    memory_mb = max(turn.memory_mb for turn in turns)
    figures["memory"] = max(figures["memory"], memory_mb)
    if chain.figure == "satdump ahrpt":
        figures["live ahrpt"] = case.sample_rate / speed / 1e6
    theirs = [turn.theirs for turn in turns if turn.theirs is not None]
    ratio = statistics.median(turn.ours / (turn.theirs or 1) for turn in turns) if theirs else None
    if ratio is not None:
        figures[chain.figure] = min(ratio, figures.get(chain.figure, ratio))
    sent = Sent.read(stem)
    return {
        "chain": chain.label,
        "Msamples/s": round(speed, 2),
        "live": f"{100 * case.sample_rate / speed / 1e6:.1f} %",
        "memory MB": round(memory_mb, 1),
        "SatDump": round(statistics.median(theirs), 2) if theirs else None,
        "ratio": None if ratio is None else round(ratio, 2),
        "sent": len(sent.whole),
        "got": counted(sent, turns[-1].frames),
        "SatDump got": counted(sent, turns[-1].their_frames) if theirs else None,
    }


@dataclass(frozen=True)
class Turn:
    """Both programs once: Msamples per processor second, our memory, the frames of the whole recording."""

    ours: float
    theirs: float | None
    memory_mb: float
    frames: list[bytes]
    their_frames: list[bytes]


def _turns(chain: Chain, case: Case, whole: Path, options: Options) -> list[Turn]:
    fifth, width = whole.with_stem("fifth"), bytes_per_sample(chain.form)
    size = whole.stat().st_size
    short = size // 5 // width * width
    with whole.open("rb") as source, fifth.open("wb") as target:
        while target.tell() < short:
            target.write(source.read(min(1 << 22, short - target.tell())))
    span = (size - short) / width / 1e6
    turns = []
    for _ in range(1 if options.quick else TURNS):
        less, more = (_decode(path, case, chain.form, options) for path in (fifth, whole))
        theirs, their_frames = None, []
        if options.satdump is not None and case.mode in PIPELINES:
            few, many = (satdump.decode(options.satdump, case, path, chain.form) for path in (fifth, whole))
            theirs, their_frames = span / (many.cost.cpu_s - few.cost.cpu_s), many.frames
        speed = span / (more.cpu_s - less.cpu_s)
        turns.append(Turn(speed, theirs, max(less.memory_mb, more.memory_mb), more.frames, their_frames))
    fifth.unlink()
    return turns


@dataclass(frozen=True)
class Ours:
    """One decoding: processor seconds of the process, peak memory above its imports, frames."""

    cpu_s: float
    memory_mb: float
    frames: list[bytes]


def _decode(path: Path, case: Case, form: str, options: Options) -> Ours:
    out = options.scratch / "chain-out"
    words = {
        "input": str(path),
        "downlink": case.downlink,
        "out": str(out),
        "sample_rate": case.sample_rate,
        "form": form,
    }
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
            format=str(words["form"]),
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
