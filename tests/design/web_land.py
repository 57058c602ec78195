"""Make station/web/static/land.geojson: the land under the pictures of the web map, without any border.

Source: `land-10m.json` and `land-110m.json` of the npm package world-atlas 2.0.2 (ISC; Natural Earth,
public domain). Fine (about 1 km) from 60° E to 150° E and 25° S to 60° N, coarse elsewhere, so that a
thin link carries it in a second.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python tests/design/web_land.py package station/web/static/land.geojson
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry import Polygon, box, mapping
from shapely.ops import unary_union

FINE = box(60, -25, 150, 60)


def polygons(topology: dict[str, Any]) -> Any:
    """The land of a quantised TopoJSON topology as one geometry."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        arcs.append(points)

    def ring(indices: list[int]) -> list[tuple[float, float]]:
        points: list[tuple[float, float]] = []
        for index in indices:
            part = arcs[index] if index >= 0 else arcs[~index][::-1]
            points.extend(part[1:] if points else part)
        return points

    shapes = [
        Polygon(unwrapped(ring(rings[0])), [ring(hole) for hole in rings[1:]])
        for geometry in topology["objects"]["land"]["geometries"]
        for rings in (geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]])
    ]
    return unary_union([folded(shape.buffer(0)) for shape in shapes])


def unwrapped(ring: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The ring without jumps at 180 degrees; the one round the pole stays as it is."""
    x = np.unwrap([lon for lon, _ in ring], period=360)
    if abs(x[-1] - x[0]) > 1:
        return ring
    x -= 360 * np.round(x.mean() / 360)  # holes must stay within their outlines
    return [(float(lon), lat) for lon, (_, lat) in zip(x, ring, strict=True)]


def folded(shape: Any) -> Any:
    """What lies beyond 180 degrees, brought to the other side of the map."""
    world = box(-180, -90, 180, 90)
    return unary_union([translate(shape, turn).intersection(world) for turn in (-360, 0, 360)])


def main(package: Path, out: Path) -> None:
    """Join the fine and the coarse part and write them with two to three decimals."""
    fine = polygons(json.loads((package / "land-10m.json").read_text())).intersection(FINE).simplify(0.008)
    coarse = polygons(json.loads((package / "land-110m.json").read_text())).difference(FINE)
    # Joined again, so that no edge runs where the two parts meet: on a map it would look like a border.
    joined = unary_union([shapely.set_precision(coarse, 0.01), shapely.set_precision(fine, 0.001)])
    pieces = [piece for piece in shapely.set_precision(joined, 0.001).geoms if piece.area > 2e-4]
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(piece)} for piece in pieces]
    out.write_text(json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":")))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
