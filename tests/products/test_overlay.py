"""Lines on maps: what our file holds and must not, what an operator's may be, windows of the world."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from products import overlay
from products.definitions import areas
from products.errors import InputError, OutputError, ProductError
from products.geotiff import write_geotiff
from products.graticule import GridLine, graticule
from products.mapping import bounds, grid, pixel_transform, window
from products.overlay import Window, boundary_lines, inside, map_lines
from products.picture import map_size, write_labels

SAMPLE = np.array([[100.0, 110.0]], np.float32), np.array([[15.0, 25.0]], np.float32)


def test_our_file_holds_coasts_and_lakes_and_no_border() -> None:
    with np.load(overlay.FILE) as file:
        assert {name.partition("_")[0] for name in file.files} == {"coastline", "lakes", "step"}
    # Between the coast and 101 E run the land borders of four countries: no coastline comes there.
    inland = Window(centre=103.5, half_width=2.2, south=21.8, north=24.5)
    for line in inside(map_lines("coastline"), inland):
        assert not inland.holds(line[:, 0], line[:, 1]).any()
    # Where the border with China reaches the sea the coast goes on.
    assert list(inside(map_lines("coastline"), Window(108.0, 0.3, 21.3, 21.7)))


def test_coast_passes_known_places() -> None:
    """Cape Mũi Điện and the tip of Cà Mau lie on the drawn coast."""
    points = np.concatenate(map_lines("coastline"))
    for lon, lat in ((109.458, 12.895), (104.72, 8.60)):
        distance = np.hypot((points[:, 0] - lon) * np.cos(np.deg2rad(lat)), points[:, 1] - lat) * 111.2
        assert distance.min() < 5


def test_only_points_near_the_window_are_handed_on() -> None:
    view = Window(centre=179.9, half_width=3.0, south=-20.0, north=-14.0)  # Fiji, across the meridian
    seen = list(inside(map_lines("coastline"), view))
    assert seen
    for line in seen:
        offset = (line[:, 0] - view.centre + 180) % 360 - 180
        assert np.abs(offset).max() < 4
        assert np.abs(np.diff(offset)).max(initial=0) < 1
    assert view.bbox == (176.9, -20.0, -177.1, -14.0)
    assert view.holds(np.array([-179.0]), np.array([-16.0])).all()


def test_areas_show_what_they_are_named_for() -> None:
    towns = {
        "lai_chau": (103.45, 22.40),
        "lang_son": (106.76, 21.85),
        "northern_vietnam": (105.85, 21.03),
    }
    for name, place in towns.items():
        area = grid(areas()[name], *SAMPLE)
        view = window(area)
        assert view.holds(np.array([place[0]]), np.array([place[1]])).all()
        x, y = pixel_transform(area, (area.width, area.height))(np.array([place]))[0]
        lon, lat = area.get_lonlat(int(y), int(x))
        assert (lon, lat) == pytest.approx(place, abs=0.011)
        # North is up.
        assert area.get_lonlat(0, 5)[1] > area.get_lonlat(area.height - 1, 5)[1]


def test_a_pole_in_the_area_sees_all_longitudes() -> None:
    lon, lat = np.meshgrid(np.linspace(-180, 180, 40), np.linspace(75, 89, 10))
    view = window(grid(areas()["pass"], lon.astype(np.float32), lat.astype(np.float32)))
    assert view.half_width == 180
    assert view.north == 90
    assert bounds(np.array([170.0, -170.0]), np.array([0.0, 1.0])).bbox == (170.0, 0.0, -170.0, 1.0)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "not GeoJSON"),
        ("[]", "not GeoJSON"),
        ('{"type": "FeatureCollection", "features": []}', "no line or polygon"),
        ('{"type": "Point", "coordinates": [1, 2]}', "no line or polygon"),
        ('{"type": "LineString", "coordinates": [[1, 2], ["a", 3]]}', "not GeoJSON"),
        ('{"type": "LineString", "coordinates": [[500000, 2400000], [500100, 2400000]]}', "degrees"),
        ('{"type": "Polygon", "coordinates": 7}', "not GeoJSON"),
    ],
)
def test_a_wrong_boundaries_file_is_refused(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "boundaries.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=match):
        boundary_lines(path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["Polygon", "FeatureCollection"]),
    lambda part: (
        st.lists(part, max_size=4)
        | st.dictionaries(
            st.sampled_from(["type", "features", "geometry", "coordinates", "geometries"]), part, max_size=4
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON)
def test_any_json_is_lines_or_a_refusal(tmp_path: Path, document: object) -> None:
    path = tmp_path / "fuzz.geojson"
    path.write_text(json.dumps(document), encoding="utf-8")
    lines, message = (), "read"
    try:
        lines = boundary_lines(path)
    except ProductError as error:
        message = str(error)
    assert len(message.splitlines()) == 1
    assert all(line.shape[1] == 2 for line in lines)


def test_provinces_are_read(shared_data: Path) -> None:
    lines = boundary_lines(shared_data / "boundaries/provinces_2025.geojson")
    assert len(lines) >= 2
    assert all(100 < line[:, 0].min() < line[:, 0].max() < 108 for line in lines)


def test_a_geotiff_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    area = grid(areas()["lai_chau"], *SAMPLE)
    values = np.zeros(area.shape, np.float32)
    with pytest.raises(OutputError, match="cannot be written"):
        write_geotiff(tmp_path / "absent" / "a.tif", values, area, name="x", unit="K", tags={})


@pytest.mark.parametrize(
    ("view", "labels"),
    [
        (Window(103.15, 0.97, 21.57, 22.97), {"102.5°E", "103°E", "103.5°E", "104°E", "22°N", "22.5°N"}),
        (
            Window(179.5, 1.2, -17.1, -15.9),
            {"178.5°E", "179°E", "179.5°E", "180°", "179.5°W", "17°S", "16.5°S", "16°S"},
        ),
        (Window(0.4, 1.2, -0.6, 0.6), {"0.5°W", "0°", "0.5°E", "1°E", "1.5°E", "0.5°S", "0.5°N"}),
    ],
)
def test_graticule_is_round_and_named(view: Window, labels: set[str]) -> None:
    lines = graticule(view)
    assert {line.label for line in lines} == labels
    for line in lines:
        along, across = (1, 0) if line.is_meridian else (0, 1)
        assert np.ptp(line.points[:, across]) == 0
        assert np.abs(line.points[:, along]).max() <= 180
    assert len(graticule(Window(0.0, 180.0, 60.0, 90.0))) < 25


def _labelled(width: int, height: int, lines: tuple[GridLine, ...], corners: Window) -> NDArray[np.uint8]:
    """Ink of the names on a map whose pixels are degrees, drawn to scale."""
    layer = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    west = corners.centre - corners.half_width

    def pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x = (points[:, 0] - west) / (2 * corners.half_width) * width
        y = (corners.north - points[:, 1]) / (corners.north - corners.south) * height
        return np.stack([x, y], axis=1)

    write_labels(layer, lines, pixels)
    return np.asarray(layer.getchannel("A"))


@pytest.mark.parametrize("name", sorted(set(areas()) - {"pass"}))
def test_no_name_of_a_line_is_cut_by_the_edge(name: str) -> None:
    area = grid(areas()[name], *SAMPLE)
    layer = Image.new("RGBA", map_size(area.width, area.height), (0, 0, 0, 0))
    write_labels(layer, graticule(window(area)), pixel_transform(area, layer.size))
    _nothing_is_cut(np.asarray(layer.getchannel("A")))


def _nothing_is_cut(ink: NDArray[np.uint8]) -> None:
    assert ink.any()
    for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]):
        assert not edge.any()


@pytest.mark.parametrize("longitude", [100.001, 100.3, 105.0, 109.7, 109.999])
def test_a_name_beside_a_corner_is_moved_in(longitude: float) -> None:
    meridian = GridLine(
        "107.5°E", is_meridian=True, points=np.linspace((longitude, 10.0), (longitude, 20.0), 60)
    )
    ink = _labelled(900, 900, (meridian,), Window(105.0, 5.0, 10.0, 20.0))
    _nothing_is_cut(ink)
    columns = np.flatnonzero(ink.any(axis=0))
    x = (longitude - 100) * 90
    assert columns[0] - 4 <= x <= columns[-1] + 4
    # The whole name, wherever it stands.
    inner = GridLine("107.5°E", is_meridian=True, points=np.linspace((105.0, 10.0), (105.0, 20.0), 60))
    whole = np.flatnonzero(_labelled(900, 900, (inner,), Window(105.0, 5.0, 10.0, 20.0)).any(axis=0))
    assert np.ptp(columns) >= np.ptp(whole) - 1


def test_a_parallel_at_the_top_is_named_whole() -> None:
    parallel = GridLine("50°N", is_meridian=False, points=np.linspace((100.0, 19.99), (110.0, 19.99), 60))
    _nothing_is_cut(_labelled(900, 900, (parallel,), Window(105.0, 5.0, 10.0, 20.0)))


def test_a_line_that_leaves_by_the_side_has_no_name_below() -> None:
    """120 degrees east left the map of a pass on the right, and was named in the lower corner."""
    aslant = GridLine("120°E", is_meridian=True, points=np.linspace((108.0, 20.0), (111.0, 14.0), 60))
    assert not _labelled(900, 900, (aslant,), Window(105.0, 5.0, 10.0, 20.0)).any()


def test_names_that_would_overlap_are_left_out() -> None:
    twice = [
        GridLine("105°E", is_meridian=True, points=np.linspace((lon, 10.0), (lon, 20.0), 60))
        for lon in (105.0, 105.1)
    ]
    both, one = (
        _labelled(900, 900, part, Window(105.0, 5.0, 10.0, 20.0)) for part in (tuple(twice), (twice[0],))
    )
    assert np.array_equal(both, one)
