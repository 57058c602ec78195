"""Areas from GeoJSON: their points stand for equal parts, and files that are wrong are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import shape

from scheduler.areas import Area, areas_of, load_areas
from scheduler.errors import AreaError

SQUARE = [[[103.0, 22.0], [104.0, 22.0], [104.0, 23.0], [103.0, 23.0], [103.0, 22.0]]]


def _feature(coordinates: Any, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates},
    }  # fmt: skip


def test_points_lie_inside_and_stand_for_equal_parts(shared_data: Path) -> None:
    path = shared_data / "boundaries/provinces_2025.geojson"
    polygons = {
        f["properties"]["name"]: shape(f["geometry"]) for f in json.loads(path.read_text())["features"]
    }
    areas = load_areas(path)
    assert {a.name for a in areas} == set(polygons) == {"Lai Châu", "Lạng Sơn"}
    rng = np.random.default_rng(4)
    for area in areas:
        polygon = polygons[area.name]
        assert 230 <= area.latitude_deg.size <= 290
        assert shapely.contains_xy(polygon, area.longitude_deg, area.latitude_deg).all()
        assert _worst_part(polygon, area, rng) < 0.04


def _worst_part(polygon: Any, area: Area, rng: np.random.Generator) -> float:
    """A hundred random lines: part of the area on one side against part of the points there."""
    west, south, east, north = polygon.bounds
    worst = 0.0
    for angle in rng.uniform(0, 2 * np.pi, 100):
        normal = np.array([np.cos(angle), np.sin(angle)])
        start = np.array([rng.uniform(west, east), rng.uniform(south, north)])
        along = 10 * np.array([-normal[1], normal[0]])
        corners = (start - along, start + along, start + along + 10 * normal, start - along + 10 * normal)
        part = polygon.intersection(shapely.Polygon(corners)).area / polygon.area
        counted = (normal @ np.stack([area.longitude_deg, area.latitude_deg]) > normal @ start).mean()
        worst = max(worst, abs(part - counted))
    return worst


def test_communes_load_quickly_enough_to_be_used(shared_data: Path) -> None:
    areas = load_areas(shared_data / "boundaries/communes_2025.geojson")
    assert len({a.name for a in areas}) == 38 + 65  # two are called Đoàn Kết
    assert all(a.latitude_deg.size for a in areas)
    assert sum(a.latitude_deg.size for a in areas) < 5000


@given(
    st.floats(-180, 180), st.floats(-89.9, 89.9), st.floats(0.01, 180), st.floats(0.01, 90), st.floats(0, 1)
)
@settings(max_examples=100, deadline=None)
def test_any_box_has_points_inside_it(
    west: float, south: float, width: float, height: float, cut: float
) -> None:
    """Across the date line and up to the poles."""
    east, north = west + width, min(south + height, 90.0)
    ring = [[west, south], [east, south], [east, north], [west + cut * width, north], [west, south]]
    (area,) = areas_of(_feature([ring], name="box"))
    assert 1 <= area.latitude_deg.size <= 350
    assert (area.latitude_deg >= south).all()
    assert (area.latitude_deg <= north).all()
    assert ((area.longitude_deg >= west) & (area.longitude_deg <= east)).all()


def test_names_weights_and_several_polygons() -> None:
    far = [[[105.0, 20.0], [105.1, 20.0], [105.1, 20.1], [105.0, 20.0]]]
    found = areas_of({
        "type": "FeatureCollection",
        "features": [_feature(SQUARE, nameEn="one", weight=3), _feature([SQUARE, far], "MultiPolygon")],
    })  # fmt: skip
    assert [(a.name, a.weight) for a in found] == [("one", 3.0), ("area 2", 1.0)]
    assert areas_of({"type": "Polygon", "coordinates": SQUARE})[0].name == "area 1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no GeoJSON"),
        ("<html></html>", "no GeoJSON"),
        ("[1, 2]", "type is None"),
        ('{"type": "Topology"}', "type is 'Topology'"),
        ('{"type": "FeatureCollection", "features": []}', "0 features"),
        ('{"type": "FeatureCollection", "features": [7]}', "geometry is None"),
        (json.dumps(_feature([103.0, 22.0], "Point")), "geometry is 'Point'"),
        (json.dumps(_feature("round")), "ill-formed coordinates"),
        (json.dumps(_feature([[[103.0, 22.0]]])), "ill-formed coordinates"),
        (json.dumps(_feature([])), "reaches from"),
        (json.dumps(_feature([[[2248.0, 1033.0], [2250.0, 1033.0], [2250.0, 1040.0]]])), "ill-formed|WGS 84"),
        (json.dumps(_feature([[[2248, 1033], [2250, 1033], [2250, 1040], [2248, 1033]]])), "WGS 84"),
        (json.dumps(_feature(SQUARE, weight="much")), "weight is 'much'"),
        (json.dumps(_feature(SQUARE, weight=-1)), "weight is -1"),
        (json.dumps(_feature([[[103, 22], [None, 22], [104, 23], [103, 22]]])), "ill-formed|reaches"),
        ("[" * 100_000, "no GeoJSON"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AreaError, match=says) as error:
        load_areas(path)
    assert "mine.geojson" in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AreaError, match=r"nowhere\.geojson: cannot be read"):
        load_areas(tmp_path / "nowhere.geojson")


def test_a_ring_that_crosses_itself_still_has_points() -> None:
    bow = [[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]]
    (area,) = areas_of(_feature(bow))
    assert area.latitude_deg.size > 10
    assert (area.longitude_deg > 0.5).sum() == pytest.approx((area.longitude_deg < 0.5).sum(), rel=0.2)


def test_an_outline_without_an_area_is_refused_by_name() -> None:
    for flat in ([[0, 0], [1, 1], [2, 2], [0, 0]], [[0, 0], [1, 1], [0, 0], [1, 1], [0, 0]]):
        with pytest.raises(AreaError, match="encloses no area"):
            areas_of(_feature([flat]))


def test_an_outline_drawn_the_long_way_round_the_earth_is_refused() -> None:
    def across(east: float) -> dict[str, Any]:
        return _feature([[[178, -20], [east, -20], [east, -15], [178, -15], [178, -20]]])

    with pytest.raises(AreaError, match="RFC 7946"):
        areas_of(across(-178))
    (area,) = areas_of(across(182))
    assert 178 <= area.longitude_deg.min() < 179
    assert 181 < area.longitude_deg.max() <= 182
