"""SatDump as the program to beat: it is given the same file, and its frames are held against those sent.

Only the program named by --satdump is called, in its own folder (a built one finds its pipelines there), with
an empty home. Nothing of it is part of this project.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.bench import point
from tests.bench.cases import CASES, Case
from tests.bench.options import Options
from tests.bench.recordings import Sent, clean, cut, received
from tests.bench.tables import Cell, Curve, Plot, Table
from tests.bench.timing import Cost, cost

PIPELINES = {
    "72k": "meteor_m2-x_lrpt",
    "m2_72k": "meteor_m2_lrpt",
    "80k": "meteor_m2-x_lrpt_80k",
    "metop_ahrpt": "metop_ahrpt",
    "noaa_hrpt": "noaa_hrpt",
    "meteor_hrpt": "meteor_hrpt",
}
LEVELS = {
    "72k": (1.9, 2.5, 3.0, 4.0, 8.0),
    "80k": (2.2, 3.0, 4.0, 8.0),
    "metop_ahrpt": (2.65, 2.75, 3.0, 4.0),
    "noaa_hrpt": (6.0, 8.0, 11.0),
}
VCDU = slice(4, 896)  # SatDump leaves the parity uncorrected

TITLE = (
    "Frames got of those sent, by SatDump and by this decoder, from the very same files: Eb/N0 as in `loss`, "
    "a crystal 5 ppm off, drift as in `loss` around no offset, a random carrier phase, I and Q not swapped."
)


@dataclass(frozen=True)
class Theirs:
    """What SatDump did with a file."""

    cost: Cost
    frames: list[bytes]


def decode(program: Path, case: Case, path: Path, form: str = "cf32") -> Theirs:
    """Run it on a file of samples, through to frames."""
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        spent = cost(
            [
                program.absolute(), PIPELINES[case.mode], "baseband", path.absolute(), out,
                "--samplerate", str(round(case.sample_rate)), "--baseband_format", form,
            ],
            folder=program.absolute().parent,
            environment={"HOME": name, "LD_LIBRARY_PATH": _libraries(program)},
        )  # fmt: skip
        files = [one for one in out.glob("*.*") if one.suffix in (".cadu", ".raw16")]
        data = files[0].read_bytes() if files else b""
        if files and files[0].suffix == ".raw16":  # its words have the machine's order of bytes
            data = np.frombuffer(data, "<u2").byteswap().tobytes()
        return Theirs(spent, cut(data, 22180 if case.mode == "noaa_hrpt" else 1024))


def _libraries(program: Path) -> str:
    return os.pathsep.join([str(program.resolve().parent), os.environ.get("LD_LIBRARY_PATH", "")])


def counted(sent: Sent, frames: list[bytes]) -> int:
    """How many of the whole frames sent are among these, parity not looked at."""
    got = {frame[VCDU] if len(frame) == 1024 else frame for frame in frames}
    return sum((frame[VCDU] if len(frame) == 1024 else frame) in got for frame in sent.whole)


def run(options: Options) -> Table:
    """Frames of both programs over Eb/N0."""
    rows: list[dict[str, Cell]] = []
    if options.satdump is not None:
        for case in CASES:
            if case.name in LEVELS and options.wants(case):
                rows += _rows(easy(case), options, options.satdump)
    names = dict.fromkeys(str(row["case"]) for row in rows)
    lines = [_lost(name, rows, column) for name in names for column in ("got", "SatDump")]
    plot = Plot("satdump", "Frames lost, SatDump dashed", "Eb/N0 [dB]", "share lost", tuple(lines))
    return Table("satdump", TITLE, rows, {}, (plot,))


def _lost(name: str, rows: list[dict[str, Cell]], column: str) -> Curve:
    mine = [row for row in rows if row["case"] == name]
    shares = [1 - float(row[column] or 0) / float(row["sent"] or 1) for row in mine]
    levels = [float(row["Eb/N0"] or 0) for row in mine]
    return Curve(f"{name}, {column}", levels, shares, theory=column == "SatDump")


def easy(case: Case) -> Case:
    """A case as SatDump can take it: it does not look far from the tuned frequency."""
    drift = case.drift_hz_s * case.frames * case.frame_s
    return replace(case, crystal_ppm=5.0, doppler_hz=-drift / 2, swapped=False)


def _rows(case: Case, options: Options, program: Path) -> list[dict[str, Cell]]:
    stem = clean(case, options.scratch, frames=options.frames(case), seed=options.seed)
    sent, rows = Sent.read(stem), []
    for ebn0_db in LEVELS[case.name][-2:] if options.quick else LEVELS[case.name]:
        reception = options.reception(case, ebn0_db)
        ours = point.run(stem, case, reception, with_bits=False)
        path = received(stem, case, reception, options.scratch / "satdump.cf32")
        theirs = decode(program, case, path)
        path.unlink()
        rows.append(
            {
                "case": case.name,
                "Eb/N0": ebn0_db,
                "sent": ours.whole,
                "got": ours.got,
                "SatDump": counted(sent, theirs.frames),
            }
        )
    return rows
