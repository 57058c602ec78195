"""The bench: how good the decoder is, against theory and against other programs.

    make bench                                        all tables, about an hour
    make bench ARGS="--quick"                         fewer points, about two minutes
    make bench ARGS="--only loss --cases 72k"         one table, one case
    make bench ARGS="--sabotage sample --quick"       has to fail: ten samples lost every 20 frames
    make bench ARGS="--satdump ~/satdump/satdump"     with SatDump as the program to beat

Writes NAME.md, NAME.json and PNG plots of every table into bench/, and bench.md with the verdicts. Exit
status 1 when a figure that must be reached is missed. `loss`, `viterbi` and `acquisition` come out the same
for the same seed; tables of speed do not, their ratios nearly do.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import acquisition, chains, kernels, loss, satdump, viterbi
from tests.bench.cases import CASES
from tests.bench.options import Options
from tests.bench.recordings import SABOTAGES
from tests.bench.tables import Table
from tests.bench.targets import judge

ROOT = Path(__file__).resolve().parents[2]

TABLES: dict[str, Callable[[Options], Table]] = {
    "loss": loss.run,
    "viterbi": viterbi.run,
    "kernels": kernels.run,
    "chains": chains.run,
    "satdump": satdump.run,
    "acquisition": acquisition.run,
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer points and frames")
    parser.add_argument("--only", help=f"tables, comma between them: {', '.join(TABLES)}")
    parser.add_argument("--cases", help=f"of the links: {', '.join(case.name for case in CASES)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time, where nothing is timed")
    parser.add_argument("--out", type=Path, default=ROOT / "bench")
    parser.add_argument("--scratch", type=Path, help="folder that keeps the simulated recordings")
    parser.add_argument("--sabotage", choices=SABOTAGES, help="break something: the run has to fail")
    parser.add_argument(
        "--satdump", type=Path, default=os.environ.get("SATDUMP"), help="the program to compare with"
    )
    chosen = parser.parse_args(arguments)
    _known(parser, "--only", chosen.only, tuple(TABLES))
    _known(parser, "--cases", chosen.cases, tuple(case.name for case in CASES))
    return chosen


def _known(parser: argparse.ArgumentParser, option: str, given: str | None, known: tuple[str, ...]) -> None:
    for name in given.split(",") if given else ():
        if name not in known:
            parser.error(f"{option} {name!r}; known are {', '.join(known)}")


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write, judge."""
    chosen = parse(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, float] = {}
    texts: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        options = Options(
            scratch=chosen.scratch or Path(temporary),
            quick=chosen.quick,
            seed=chosen.seed,
            jobs=chosen.jobs,
            cases=tuple(chosen.cases.split(",")) if chosen.cases else None,
            sabotage=chosen.sabotage,
            satdump=Path(chosen.satdump) if chosen.satdump else None,
        )
        options.scratch.mkdir(parents=True, exist_ok=True)
        for name in chosen.only.split(",") if chosen.only else TABLES:
            began = time.monotonic()
            table = TABLES[name](options)
            table.write(chosen.out)
            for key, value in table.figures.items():  # "never sent" and "memory" come from several tables
                figures[key] = max(value, figures.get(key, value))
            texts.append(table.markdown())
            print(f"\n{table.markdown()}\n\n{name}: {time.monotonic() - began:.0f} s", flush=True)
    verdicts, met = judge(figures)
    texts.append("## Verdicts\n\n" + "\n".join(f"- {line}" for line in verdicts))
    (chosen.out / "bench.md").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    print("\n" + "\n".join(verdicts))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
