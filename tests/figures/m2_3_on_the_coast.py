"""METEOR-M2 3, 2026-02-14, a real pass without elements: put on the map by the satellite's own telemetry.

    python tests/figures/m2_3_on_the_coast.py [--out DIR] [FOLDER]

Service packets (APID 70) of this satellite tell its position once a strip. products/own_orbit.py fits
elements to them (6 m), and the pass is located like any other. Then the coastlines (Natural Earth, 1:10m) are
laid on the thermal picture of channel 4 and moved by whole lines and columns until the temperature jumps most
across them: that is the error of the geometry, measured on the ground. Cyprus, Suez and the Red Sea are in
the scene.

Found: at nominal attitude the coast lies 7 columns and 1 to 2 lines away, at the left, in the middle and at
the right alike, so scan angle and direction are right. 7 columns are a roll of 0.49 degrees to the right,
7 km below the satellite; 1.5 lines are 0.23 s (SatDump's own fit has -0.3 s). With these, which
instruments/msu_mr.toml applies to METEOR-M2 3, the coast is where it should be, to a pixel.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from decoders.framing.packets import Packet, PacketAssembler
from decoders.instruments.level1a import Provenance, write_level1a
from decoders.instruments.msu_mr import MsuMrAssembler
from products.calibration import temperature_table
from products.instrument import msu_mr
from products.level1a import Level1a, geolocator, read_level1a
from products.make import make_products
from products.overlay import map_lines
from products.own_orbit import OwnOrbit

Array = NDArray[np.float64]

FOLDER = Path(__file__).parents[3] / "shared/data/lrpt/meteor-m2-3_2026-02-14"
CADU_BYTES, VCDU_BYTES, MARKER_BYTES = 1024, 892, 4
SCENE = (22.0, 46.0, 22.0, 37.0)  # west, east, south, north
REACH = 12


@dataclass(frozen=True)
class Offset:
    """Where the temperature jumps most across the coast: lines and columns beside where it should."""

    attitude: str
    part: str
    lines: int
    columns: int
    jump_k: float
    jump_unmoved_k: float


def packets(folder: Path) -> list[Packet]:
    """All packets of the pass."""
    frames = (folder / "meteor_m2-x_lrpt.cadu").read_bytes()
    assembler = PacketAssembler(insert_zone_bytes=2)
    starts = range(MARKER_BYTES, len(frames), CADU_BYTES)
    return [*assembler.process(frames[at : at + VCDU_BYTES] for at in starts), *assembler.flush()]


def decoded_pass(received: list[Packet], out: Path) -> Path:
    """The level-1a file of the pass, without elements."""
    assembler = MsuMrAssembler("utc")
    assembler.process(received)
    image = assembler.finish()
    if image is None:
        raise SystemExit("no picture in the frames")
    return write_level1a(out, image, Provenance(satellite="METEOR-M2 3"))


def coast_offsets(level1a: Level1a, attitude: str) -> Iterator[Offset]:
    """How far the picture lies from the coast, for the whole scene and for thirds of the swath."""
    locator = geolocator(level1a, msu_mr().attitudes[attitude])
    if locator is None:
        raise SystemExit("the pass has no elements")
    lon, lat = locator.lonlat(level1a.line_time)
    temperature = temperature_table(4, level1a.bodies[4])[level1a.counts[4]]
    temperature = np.where(level1a.quality[4] == 0, temperature, np.nan)
    # A cloud's edge counts no more than a coast.
    jump = np.minimum(np.hypot(*np.gradient(temperature)), 3.0)
    row, column = _pixels_of(_coast(), lon, lat)
    for part, low, high in (("all", 0, 1568), ("left", 0, 650), ("middle", 650, 950), ("right", 950, 1568)):
        chosen = (column >= low) & (column < high)
        yield _best(jump, row[chosen], column[chosen], attitude, part)


Pixels = NDArray[np.int64]


def _best(jump: NDArray[np.float32], row: Pixels, column: Pixels, attitude: str, part: str) -> Offset:
    steps = range(-REACH, REACH + 1)

    def mean(lines: int, columns: int) -> float:
        rows, columns_moved = row + lines, column + columns
        inside = (rows >= 0) & (rows < jump.shape[0]) & (columns_moved >= 0) & (columns_moved < jump.shape[1])
        return float(np.nanmean(jump[rows[inside], columns_moved[inside]]))

    scores = {(lines, columns): mean(lines, columns) for lines in steps for columns in steps}
    lines, columns = max(scores, key=lambda at: scores[at])
    return Offset(attitude, part, lines, columns, scores[lines, columns], scores[0, 0])


def _coast() -> Array:
    """Points every kilometre of the scene's coastlines, longitude and latitude."""
    west, east, south, north = SCENE
    points = []
    for line in map_lines("coastline"):
        for a, b in itertools.pairwise(line):
            if west < a[0] < east and south < a[1] < north:
                count = max(1, int(np.ceil(np.abs(b - a).max() / 0.01)))
                points.append(a + (b - a) * np.linspace(0, 1, count, endpoint=False)[:, None])
    return np.concatenate(points)


def _pixels_of(
    points: Array, lon: NDArray[np.float32], lat: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Line and column of the pixels within 1.5 km of points; the oblique rims are left out."""
    rim = 250
    tree = cKDTree(_on_sphere(lon[:, rim:-rim].ravel(), lat[:, rim:-rim].ravel()))
    distance, index = tree.query(_on_sphere(points[:, 0], points[:, 1]))
    width = lon.shape[1] - 2 * rim
    near = index[distance < 1.5]
    return near // width, near % width + rim


def _on_sphere(lon: NDArray, lat: NDArray) -> Array:
    lon, lat = np.deg2rad(lon.astype(float)), np.deg2rad(lat.astype(float))
    return 6371.0 * np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def measure(folder: Path, out: Path) -> tuple[OwnOrbit, Path, list[Offset]]:
    """The satellite's own orbit, the level-1a file, and the offsets by attitude and part."""
    path = decoded_pass(packets(folder), out)
    level1a = read_level1a(path)
    if not isinstance(level1a.orbit, OwnOrbit):
        raise SystemExit(f"no orbit of the satellite's own: {level1a.orbit}")
    return (
        level1a.orbit,
        path,
        [o for name in ("nominal", "METEOR-M2 3") for o in coast_offsets(level1a, name)],
    )


def main() -> None:
    """Print the offsets; with --out keep the pictures too."""
    parser = argparse.ArgumentParser(description="A real pass on the coast by its own orbit.")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        orbit, path, offsets = measure(options.folder, Path(folder))
        print(
            f"{orbit.source}, {1000 * orbit.worst_km:.0f} m at worst; "
            f"expected error at the lines {1000 * orbit.error_km:.0f} m"
        )
        for one in offsets:
            print(
                f"{one.attitude:12} {one.part:7} the coast is {one.lines:+d} lines, {one.columns:+d} columns "
                f"away: jump {one.jump_k:.2f} K there, {one.jump_unmoved_k:.2f} K unmoved"
            )
        if options.out:
            for name in ("nominal", "METEOR-M2 3"):
                make_products([path], options.out / name.replace(" ", "_"), areas=["pass"], attitude=name)


if __name__ == "__main__":
    main()
