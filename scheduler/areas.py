"""Areas of interest from GeoJSON (RFC 7946), each also as points that stand for equal parts of it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from scheduler.errors import AreaError
from scheduler.frames import Array

_MOST_BYTES = 64 << 20
_MOST_AREAS = 1_000
_POINTS = 4096  # of all areas together, within these bounds for one; 256 know a seen part to about 2 %
_POINTS_OF_ONE = (16, 256)
_MOST_TRIED = 1000  # points for one inside, for outlines that leave most of their box empty
# Powers of the inverse of 1.3247 (x³ = x + 1), which spread points evenly over a square.
_STEPS = (0.754_877_666_246_693, 0.569_840_290_998_053)
_WIDEST_DEG = 180.0  # wider ones were meant to cross the antimeridian, as a rule
_NAMES = ("name", "nameEn", "NAME", "id", "code")


@dataclass(frozen=True, eq=False)
class Area:
    """One area; `latitude_deg` and `longitude_deg` [k] are points that stand for equal parts of it."""

    name: str
    latitude_deg: Array
    longitude_deg: Array
    weight: float = 1.0


def load_areas(path: Path) -> tuple[Area, ...]:
    """All polygons of a GeoJSON file, by the name in their properties; `weight` there is 1 if absent.

    Of areas of one name the later ones get their number behind it.

    Raises:
        AreaError: the file cannot be read, is no GeoJSON, or holds a feature that is no polygon on the Earth.
    """
    try:
        return areas_of(json.loads(_text(path)))
    except AreaError as error:
        raise AreaError(f"{path}: {error}") from error
    except OSError as error:
        raise AreaError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise AreaError(f"{path}: no GeoJSON ({error}); polygons in WGS 84 are read") from error


def _text(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise AreaError(f"larger than {_MOST_BYTES >> 20} MiB; simplify the outlines")
    return path.read_text(encoding="utf-8-sig")


def areas_of(document: Any) -> tuple[Area, ...]:
    """Areas of a parsed GeoJSON document; raises `AreaError`.

    An outline that crosses itself is taken as what lies inside of it by the even-odd rule.
    """
    features = _features(document)
    if not 0 < len(features) <= _MOST_AREAS:
        raise AreaError(f"{len(features)} features; 1 to {_MOST_AREAS} are possible")
    least, most = _POINTS_OF_ONE
    points = min(max(_POINTS // len(features), least), most)
    found: dict[str, Area] = {}
    for number, feature in enumerate(features, 1):
        area = _area(feature, number, points)
        name = area.name if area.name not in found else f"{area.name} ({number})"
        found[name] = replace(area, name=name)
    return tuple(found.values())


def _features(document: Any) -> list[Any]:
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        return list(document["features"])
    if kind == "Feature":
        return [document]
    if kind in ("Polygon", "MultiPolygon"):
        return [{"type": "Feature", "properties": {}, "geometry": document}]
    raise AreaError(f"type is {kind!r}; FeatureCollection, Feature, Polygon and MultiPolygon are read")


def _area(feature: Any, number: int, points: int) -> Area:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    properties = properties if isinstance(properties, dict) else {}
    name = next((str(properties[key]) for key in _NAMES if properties.get(key)), f"area {number}")
    weight = properties.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight <= 1e6:
        raise AreaError(f"{name}: weight is {weight!r}; 0 to 1e6 is possible")
    polygon = _polygon(feature.get("geometry") if isinstance(feature, dict) else None, name)
    latitude, longitude = _points(polygon, points)
    return Area(name, latitude, longitude, float(weight))


def _polygon(geometry: Any, name: str) -> Any:
    import shapely
    from shapely.geometry import shape

    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        raise AreaError(f"{name}: geometry is {kind!r}; Polygon and MultiPolygon are read")
    try:
        polygon = shape(geometry)
    except (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        AttributeError,
        shapely.errors.ShapelyError,
    ) as error:
        raise AreaError(f"{name}: ill-formed coordinates ({error})") from error
    west, south, east, north = polygon.bounds if not polygon.is_empty else (math.nan,) * 4
    if not (-90 <= south < north <= 90 and -360 <= west < east <= 360):
        raise AreaError(
            f"{name}: reaches from {south}, {west} to {north}, {east}; longitude then latitude in degrees "
            "(WGS 84) are expected"
        )
    for part in getattr(polygon, "geoms", [polygon]):
        if part.bounds[2] - part.bounds[0] > _WIDEST_DEG:
            raise AreaError(
                f"{name}: an outline from longitude {part.bounds[0]:g} to {part.bounds[2]:g}; across 180 "
                "degrees count on (178 to 182), or draw two outlines (RFC 7946, 3.1.9)"
            )
    return polygon if polygon.is_valid else _mended(polygon, name)


def _mended(polygon: Any, name: str) -> Any:
    """The areas of what shapely makes of an outline that crosses or touches itself, without its lines."""
    import shapely

    parts = getattr(shapely.make_valid(polygon), "geoms", None) or [shapely.make_valid(polygon)]
    areas = shapely.union_all([part for part in parts if part.area > 0])
    if not areas.area > 0:
        raise AreaError(f"{name}: the outline encloses no area")
    return areas


def _points(polygon: Any, number: int) -> tuple[Array, Array]:
    """About so many points, spread evenly over longitude and sine of latitude and so over the ground.

    A lattice of two irrational steps (Kronecker): no edge of a swath runs along its rows, as it would along
    those of a grid.
    """
    import shapely

    west, south, east, north = polygon.bounds
    low, high = math.sin(math.radians(south)), math.sin(math.radians(north))
    filled = max(polygon.area / ((east - west) * (north - south)), 1.0 / _MOST_TRIED)
    index = np.arange(1, math.ceil(number / filled) + 1)
    longitude = west + (index * _STEPS[0] % 1) * (east - west)
    latitude = np.degrees(np.arcsin(low + (index * _STEPS[1] % 1) * (high - low)))
    inside = shapely.contains_xy(polygon, longitude, latitude)
    if not inside.any():
        point = polygon.representative_point()
        return np.array([point.y]), np.array([point.x])
    return latitude[inside], longitude[inside]
