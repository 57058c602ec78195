"""Along-track error against age, from the real history of one object, and how the model of it holds.

    .venv/bin/python tests/figures/element_ageing.py [--history FILE] [--sabotage]

Each of the 41 different sets (52 lines, 20 days) is carried to the epochs of all later ones; what a set
says at its own epoch is the truth, good to the first row. Status 1 when less than 95 % of all errors lie
within the model, less than 90 % within it in any row, or the model is idle: more than eight times the
measured 95 %. `--sabotage` judges a model that grows with the age alone, as a limit in days has it.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scheduler.ageing import along_track_bound_km, drag_km_per_day2, orbital_speed_km_s
from scheduler.elements import Elements, load_elements

HISTORY = Path(__file__).resolve().parents[3] / "shared/data/elements/39444_historical.txt"
AGES = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 20.5)
LEAST_WITHIN, LEAST_IN_A_ROW, MOST_IDLE = 0.95, 0.90, 8.0


@dataclass(frozen=True)
class Row:
    """The errors of one span of ages: median, 95 % and greatest along, greatest across and in height, km."""

    first_day: float
    last_day: float
    count: int
    along_km: tuple[float, float, float]
    cross_km: float
    radial_km: float
    model_km: float
    within: float


def errors(sets: list[Elements]) -> np.ndarray:
    """Age in days, along, across and in height in km, drag of the older set: [n, 5]."""
    rows = []
    for older in sets:
        drag = drag_km_per_day2(older)
        for newer in sets:
            age = older.age_days(newer.epoch)
            if age > 0:
                rows.append((age, *offset(older, newer), drag))
    return np.array(rows)


def offset(older: Elements, newer: Elements) -> tuple[float, float, float]:
    """Where the older set puts the satellite at the newer one's epoch, in the newer's frame, km."""
    _, there, moving = newer.satrec().sgp4_tsince(0.0)
    _, here, _ = older.satrec().sgp4_tsince((newer.epoch - older.epoch).total_seconds() / 60)
    radial = np.array(there) / np.linalg.norm(there)
    across = np.cross(there, moving)
    across /= np.linalg.norm(across)
    along = np.cross(across, radial)
    angle = np.arctan2(np.dot(here, along), np.dot(here, radial))
    return (
        float(angle * np.linalg.norm(there)),
        float(np.dot(here, across)),
        float(np.linalg.norm(here) - np.linalg.norm(there)),
    )


def table(found: np.ndarray, *, sabotage: bool = False) -> list[Row]:
    """One row per span of ages."""
    rows = []
    for first, last in pairwise(AGES):
        age, along, cross, radial, drag = found[(found[:, 0] > first) & (found[:, 0] <= last)].T
        model = np.array(
            [along_track_bound_km(a, 0.0 if sabotage else d) for a, d in zip(age, drag, strict=True)]
        )
        median, most, greatest = np.percentile(abs(along), [50, 95, 100])
        rows.append(
            Row(
                first, last, len(age), (median, most, greatest), abs(cross).max(), abs(radial).max(),
                float(np.median(model)), float((abs(along) <= model).mean()),
            )
        )  # fmt: skip
    return rows


def history(path: Path) -> list[Elements]:
    """The different sets of the file, oldest first."""
    return sorted({e.epoch: e for e in load_elements(path)}.values(), key=lambda e: e.epoch)


def missed(rows: list[Row]) -> list[str]:
    """What the model fails in, in words."""
    total = sum(row.count for row in rows)
    within = sum(row.within * row.count for row in rows) / total
    found = [] if within >= LEAST_WITHIN else [f"{within:.1%} of all errors lie within the model, not 95 %"]
    found += [
        f"{row.within:.1%} within at {row.first_day:g}-{row.last_day:g} days"
        for row in rows
        if row.within < LEAST_IN_A_ROW
    ]
    found += [
        f"the model is {row.model_km / row.along_km[1]:.1f} times the error at {row.last_day:g} days"
        for row in rows
        if row.model_km > MOST_IDLE * row.along_km[1]
    ]
    return found


def main() -> int:
    """Print the table; 1 when the model does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--history", type=Path, default=HISTORY)
    parser.add_argument("--sabotage", action="store_true", help="leave the drag out of the model")
    options = parser.parse_args()
    sets = history(options.history)
    rows = table(errors(sets), sabotage=options.sabotage)
    days = sets[0].age_days(sets[-1].epoch)
    print(f"{sets[0].norad_id}: {len(sets)} sets, {days:.1f} days, {orbital_speed_km_s(sets[0]):.2f} km/s")
    print("  age, days     pairs    along km: median    95 %   greatest   across  height   model  within")
    for row in rows:
        median, most, greatest = row.along_km
        print(
            f"  {row.first_day:4.1f} - {row.last_day:4.1f} {row.count:8d} {median:19.2f} {most:7.1f}"
            f" {greatest:10.1f} {row.cross_km:8.2f} {row.radial_km:7.2f} {row.model_km:7.1f}"
            f" {row.within:7.1%}"
        )
    problems = missed(rows)
    print("\n".join(problems) or "95 % of the errors lie within the model")
    return bool(problems)


if __name__ == "__main__":
    raise SystemExit(main())
