"""Table `acquisition`: how soon frames come, and how many are lost, over offset, drift and clock error.

Every row is a cold start on a recording of its own, one thing at a time away from the middle, then all of
them at once.
"""

from __future__ import annotations

from dataclasses import replace

from tests.bench import point
from tests.bench.cases import Case, case_named
from tests.bench.options import Options
from tests.bench.recordings import clean
from tests.bench.tables import Cell, Table

# Case, Eb/N0, frames, offsets in Hz, drifts in Hz/s, errors of the crystal in ppm.
GRID = (
    ("72k", 2.5, 100, (-10500.0, -5000.0, 5000.0, 10500.0), (-60.0, 60.0), (-50.0, 50.0)),
    ("80k", 3.0, 100, (-10500.0, 10500.0), (-60.0, 60.0), (-50.0, 50.0)),
    ("metop_ahrpt", 3.5, 600, (-125e3, -60e3, 60e3, 125e3), (-700.0, 700.0), (-50.0, 50.0)),
    ("noaa_hrpt", 9.0, 12, (-125e3, 125e3), (-700.0, 700.0), (-50.0, 50.0)),
    ("gk2a_lrit", 2.5, 100, (-30e3, 30e3), (), (-20.0, 20.0)),
)

TITLE = (
    "One cold start per row. Offset: Doppler at the first sample; crystal: moves carrier and clock. First "
    "frame: where in the recording the first frame that was got begins. Lost at start, at end: whole frames."
)


def run(options: Options) -> Table:
    """The grid."""
    given = [
        (case, ebn0_db, frames)
        for name, ebn0_db, frames, offsets, drifts, crystals in GRID
        if options.wants(case_named(name)) and (not options.quick or name == "72k")
        for case in _settings(case_named(name), offsets, drifts, crystals)
    ]
    rows = options.map(lambda one: _row(*one, options), given)
    return Table("acquisition", TITLE, rows)


def _settings(
    case: Case, offsets: tuple[float, ...], drifts: tuple[float, ...], crystals: tuple[float, ...]
) -> list[Case]:
    still = replace(case, crystal_ppm=0.0, doppler_hz=0.0, drift_hz_s=0.0, swapped=False)
    return [
        still,
        *(replace(still, doppler_hz=offset) for offset in offsets),
        *(replace(still, drift_hz_s=drift) for drift in drifts),
        *(replace(still, crystal_ppm=ppm) for ppm in crystals),
        case,
    ]


def _row(case: Case, ebn0_db: float, frames: int, options: Options) -> dict[str, Cell]:
    stem = clean(case, options.scratch, frames=frames, seed=options.seed, sabotage=options.sabotage)
    one = point.run(stem, case, options.reception(case, ebn0_db), with_bits=False)
    return {
        "case": case.name,
        "Eb/N0": ebn0_db,
        "offset Hz": case.doppler_hz,
        "drift Hz/s": case.drift_hz_s,
        "crystal ppm": case.crystal_ppm,
        "sent": one.whole,
        "got": one.got,
        "lost at start": one.at_start,
        "lost at end": one.at_end,
        "first frame s": None if one.first_frame_s is None else round(one.first_frame_s, 4),
    }
