"""Which part of each province a pass shows to the antenna, held against polygons made with skyfield.

    python tests/figures/passes_areas_seen.py [--data ../shared/data] [--days 10] [--sabotage narrow|late]

Three satellites with three instruments over both stations, the link open above 10 degrees, and over one far
in the south whose link opens and closes just over the provinces. Ours counts points that stand for equal
parts of a province; the judge shoots the edges of the scan, and its first and last lines, at the ellipsoid
from skyfield's positions every half second, joins them to a polygon and cuts the province with it. Allowed:
5 % of a province at any pass, 1 % on the mean; and at most 5 ms of processor time for the value of a pass.
Exit status 1 when a figure is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape
from skyfield.api import EarthSatellite, load, wgs84
from skyfield.framelib import itrs

from scheduler.areas import Area, load_areas
from scheduler.elements import Elements
from scheduler.link_budget import Antenna
from scheduler.passes import HorizonMask, Pass, Site, find_passes
from scheduler.satellites import satellite
from scheduler.swath import Instrument, ground, instrument, places_seen
from scheduler.track import track
from scheduler.value import value_of

ROOT = Path(__file__).resolve().parent.parent.parent
START = datetime(2020, 9, 27, tzinfo=UTC)
# With the elevation from which the link is open.
SITES = (
    (Site("Lai Châu", 22.40, 103.45, 900), 10.0),
    (Site("Lạng Sơn", 21.85, 106.76, 250), 10.0),
    (Site("Cà Mau", 9.18, 105.15, 2), 22.0),
)
FLOWN = (("METEOR-M 2", "msu-mr", 55.05), ("METOP-B", "avhrr-3", 55.37), ("NOAA 20", "viirs", 56.28))
MOST_OFF, MOST_MEAN_OFF, MOST_CPU_S = 0.05, 0.01, 0.005
AXES = np.array([6378.137, 6378.137, 6356.752_314_245])
SCALE = load.timescale(builtin=True)
TURN = 7.292_115e-5

Lines = tuple[str, str, str]


def lines_of(path: Path, name: str) -> Lines:
    """The two-line set of a name."""
    text = [line.rstrip() for line in path.read_text().splitlines()]
    at = text.index(name)
    return text[at], text[at + 1], text[at + 2]


def flat(geometry: Any) -> Any:
    """Longitude and the sine of latitude: areas on it are areas on a round Earth."""
    return shapely.transform(
        geometry, lambda xy: np.column_stack([xy[:, 0], np.degrees(np.sin(np.radians(xy[:, 1])))])
    )


def edge(position: Any, velocity: Any, angle_deg: float) -> Any:
    """Longitude and latitude [n, 2] that lie so many degrees to the right of the flight [3, n]."""
    down = -position / np.linalg.norm(position, axis=0)
    x, y, _ = position
    ahead = velocity + TURN * np.stack([-y, x, 0 * x])
    right = np.cross(down.T, ahead.T).T
    right /= np.linalg.norm(right, axis=0)
    angle = np.radians(angle_deg)
    line = np.cos(angle) * down + np.sin(angle) * right
    p, v = position / AXES[:, None], line / AXES[:, None]
    a, b, c = (v**2).sum(axis=0), (p * v).sum(axis=0), (p**2).sum(axis=0) - 1
    x, y, z = position + (-b - np.sqrt(b**2 - a * c)) / a * line
    latitude = np.arctan2(z * AXES[0] ** 2, np.hypot(x, y) * AXES[2] ** 2)
    return np.column_stack([np.degrees(np.arctan2(y, x)) % 360, np.degrees(latitude)])


def judged(
    lines: Lines, place_least: tuple[Site, float], half_deg: float, seen: Pass, provinces: Sequence[Any]
) -> list[float]:
    """The part of each province that the judge's swath covers while the link is open."""
    site, least_deg = place_least
    begun = (seen.aos - START).total_seconds() - 60
    end = (seen.los - START).total_seconds() + 60
    at = SCALE.utc(START.year, START.month, START.day, 0, 0, np.arange(begun, end, 0.5))
    flight = EarthSatellite(lines[1], lines[2], lines[0], SCALE)
    place = wgs84.latlon(site.latitude_deg, site.longitude_deg, site.altitude_m)
    heard = (flight - place).at(at).altaz()[0].degrees > least_deg
    position, velocity = flight.at(at).frame_xyz_and_velocity(itrs)
    flown = position.km[:, heard], velocity.km_per_s[:, heard]
    left, right = edge(*flown, -half_deg), edge(*flown, half_deg)
    # A scanned line is no straight one on the map: 60 km off at this width.
    across = np.linspace(-half_deg, half_deg, 200)
    first, last = (
        np.concatenate([edge(*(x[:, [i]] for x in flown), angle) for angle in across]) for i in (0, -1)
    )
    swath = flat(shapely.Polygon(np.concatenate([first, right, last[::-1], left[::-1]])).buffer(0))
    return [swath.intersection(p).area / p.area for p in provinces]


def ours(
    elements: Elements, site: Site, scanner: Instrument, seen: Pass, areas: Sequence[Area]
) -> list[float]:
    """The part of each area's points that are seen during the pass."""
    curve = track(elements, site, seen.aos, seen.los, 10.0)
    over = ground(elements, curve.time)
    return [float(places_seen(over, scanner, a.latitude_deg, a.longitude_deg).seen.mean()) for a in areas]


def rows(data: Path, days: int, how: str | None) -> Iterator[tuple[str, float, float]]:
    """Satellite, our part and the judge's of a province, wherever one of them is not 0."""
    path = data / "boundaries" / "provinces_2025.geojson"
    provinces = [flat(shape(f["geometry"])) for f in json.loads(path.read_text())["features"]]
    areas = load_areas(path)
    for name, carried, half_deg in FLOWN:
        lines = lines_of(data / "elements" / "tle-2020-09-27.txt", name)
        elements, scanner = Elements.from_tle(*lines), instrument(carried)
        if how == "narrow":
            scanner = replace(scanner, half_scan_deg=scanner.half_scan_deg - 2)
        for site, least_deg in SITES:
            mask = HorizonMask((0.0,), (least_deg,))
            for seen in find_passes(elements, site, START, START + timedelta(days=days), horizon=mask):
                late = timedelta(seconds=20 if how == "late" else 0)
                mine = ours(elements, site, scanner, replace(seen, aos=seen.aos + late), areas)
                for a, b in zip(
                    mine, judged(lines, (site, least_deg), half_deg, seen, provinces), strict=True
                ):
                    if a or b:
                        yield name, a, b


def cpu_of_a_value(data: Path) -> float:
    """Processor time in s of track, flight and value of a pass with both provinces, on the mean of a week."""
    elements = Elements.from_tle(*lines_of(data / "elements" / "tle-2020-09-27.txt", "METOP-B"))
    areas = load_areas(data / "boundaries" / "provinces_2025.geojson")
    one = satellite("METOP-B")
    dish = Antenna("dish", ((1.6e9, 1.8e9),), 1.2)
    site, _ = SITES[0]
    found = find_passes(elements, site, START, START + timedelta(days=7))
    for round_ in (0, 1):  # the first one loads tables
        begun = time.process_time()
        for seen in found[: len(found) if round_ else 1]:
            curve = track(elements, site, seen.aos, seen.los, 10.0)
            value_of(
                seen, curve, ground(elements, curve.time), satellite=one, use=one.downlink(), antenna=dish,
                areas=areas, shared=True,
            )  # fmt: skip
    return (time.process_time() - begun) / len(found)


def main() -> int:
    """Print a line per satellite."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--sabotage", choices=("narrow", "late"))
    given = parser.parse_args()
    found = list(rows(given.data, given.days, given.sabotage))
    right = True
    print(f"{'satellite':12} {'views':>6} {'in part':>8} {'mean off':>9} {'worst off':>9}")
    for name, _, _ in FLOWN:
        pairs = np.array([(a, b) for n, a, b in found if n == name])
        off = np.abs(pairs[:, 0] - pairs[:, 1])
        partly = ((pairs[:, 1] > 0.02) & (pairs[:, 1] < 0.98)).sum()
        print(f"{name:12} {len(pairs):6} {partly:8} {off.mean():9.2%} {off.max():9.2%}")
        right &= bool(off.max() <= MOST_OFF and off.mean() <= MOST_MEAN_OFF)
    cpu_s = cpu_of_a_value(given.data)
    print(f"value of a pass: {cpu_s * 1000:.2f} ms of processor time ({MOST_CPU_S * 1000:.0f} allowed)")
    return 0 if right and cpu_s <= MOST_CPU_S else 1


if __name__ == "__main__":
    sys.exit(main())
