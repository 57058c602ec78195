"""The satpy reader, and level 1b read by programs that know nothing of us."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import rasterio
import satpy
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from products.definitions import areas
from products.errors import InputError, ProductError
from products.level1a import platform_name, read_level1a
from products.make import make_products
from products.mapping import grid
from products.report import ProductsReport

DAY = 1721183060.0 - 25  # 2024-07-17 02:24 UTC, over Lai Châu
GAP = slice(40, 56)


@pytest.fixture(scope="module")
def level1a(l1a_writer: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return l1a_writer(tmp_path_factory.mktemp("l1a"), start=DAY, gap=GAP)


@pytest.fixture(scope="module")
def scene(level1a: Path) -> satpy.Scene:
    return satpy.Scene(filenames=[str(level1a)], reader="msu_mr_l1a_nc")


def test_only_what_was_on_air_is_offered(scene: satpy.Scene) -> None:
    offered = {
        (key["name"], key.get("calibration").name)
        for key in scene.available_dataset_ids()
        if key.get("calibration")
    }
    assert offered == {
        ("1", "reflectance"),
        ("1", "counts"),
        ("2", "reflectance"),
        ("2", "counts"),
        ("5", "brightness_temperature"),
        ("5", "counts"),
    }
    assert {"day_221", "day_125"} <= set(scene.available_composite_names())
    assert scene.sensor_names == {"msu-mr"}


def test_datasets_are_masked_located_and_declared_nominal(scene: satpy.Scene) -> None:
    scene.load(["1", "5", "satellite_zenith_angle", "solar_azimuth_angle"])
    for name, unit in (("1", "%"), ("5", "K")):
        data = scene[name]
        assert data.dims == ("y", "x")
        assert np.isnan(data.values[GAP]).all()
        assert np.isfinite(data.values[60:]).mean() > 0.9
        assert data.attrs["units"] == unit
        assert data.attrs["calibration_status"].startswith("nominal")
        assert data.attrs["platform_name"] == "Meteor-M-N2-3"
        assert data.attrs["rows_per_scan"] == 8
        lon, lat = data.attrs["area"].get_lonlats()
        assert np.isfinite(np.asarray(lon)).all()
        assert 18 < float(np.asarray(lat).mean()) < 26
    # Half the scan and the roll of METEOR-M2 3, from 820 km.
    edge = np.rad2deg(np.arcsin((6371 + 820) / 6371 * np.sin(np.deg2rad(55.05 + 0.49))))
    assert float(scene["satellite_zenith_angle"].max()) == pytest.approx(edge, abs=0.7)


def test_counts_are_those_of_the_file(scene: satpy.Scene, level1a: Path) -> None:
    scene.load(["2"], calibration="counts")
    with netCDF4.Dataset(level1a) as file:
        counts = file["ch2"][:].astype(float)
    values = scene["2"].values
    known = np.isfinite(values)
    assert np.array_equal(values[known], counts[known])


def test_without_elements_nothing_is_located(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    path = l1a_writer(tmp_path, start=DAY, strips=4, elements=None)
    scene = satpy.Scene(filenames=[str(path)], reader="msu_mr_l1a_nc")
    assert "longitude" not in scene.available_dataset_names()
    report = make_products([path], tmp_path / "out", language="vi")
    assert {file.kind for file in report.files} == {"picture", "thumbnail"}
    assert [file.recipe for file in report.files if file.kind == "picture"] == [
        "channel_1",
        "channel_2",
        "channel_5",
    ]
    assert "no orbital elements" in report.skipped[0].reason
    assert all(file.bbox is None for file in report.files)


@pytest.fixture(scope="module")
def level1b(level1a: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    report = make_products([level1a], tmp_path_factory.mktemp("l1b"), areas=["lai_chau"], recipes=["visible"])
    assert report.exit_status == 0
    return next(file.path for file in report.files if file.kind == "level1b")


def test_plain_satpy_reads_level1b(level1b: Path, scene: satpy.Scene) -> None:
    plain = satpy.Scene(filenames=[str(level1b)], reader="satpy_cf_nc")
    plain.load(["1", "5", "solar_zenith_angle"])
    scene.load(["1", "5"])
    for name, step in (("1", 0.0051), ("5", 0.0051)):
        theirs, ours = plain[name].values, scene[name].values
        assert np.array_equal(np.isnan(theirs), np.isnan(ours))
        assert np.nanmax(np.abs(theirs - ours)) < step
        lon, lat = (np.asarray(part) for part in plain[name].attrs["area"].get_lonlats())
        true_lon, true_lat = (np.asarray(part) for part in scene[name].attrs["area"].get_lonlats())
        assert np.array_equal(lon, true_lon)
        assert np.array_equal(lat, true_lat)
    assert plain["1"].attrs["standard_name"] == "toa_bidirectional_reflectance"
    assert plain["5"].attrs["standard_name"] == "toa_brightness_temperature"
    assert plain["5"].attrs["platform_name"] == "Meteor-M-N2-3"
    assert plain["1"].attrs["wavelength"].central == pytest.approx(0.6)


def test_level1b_tells_no_lines_scanned_at_once_and_is_averaged_all_the_same(level1b: Path) -> None:
    """MSU-MR scans line by line, and elliptical averaging refuses files that say 1 in rows_per_scan."""
    area = grid(areas()["lai_chau"], np.zeros(1, np.float32), np.zeros(1, np.float32))
    values = {}
    for name, options in (("ewa_legacy", {}), ("ewa", {"rows_per_scan": 8}), ("nearest", {})):
        plain = satpy.Scene(filenames=[str(level1b)], reader="satpy_cf_nc")
        plain.load(["1"])
        assert "rows_per_scan" not in plain["1"].attrs
        values[name] = plain.resample(area, resampler=name, **options)["1"].values
    # The gap is 16 of the map's 153 rows; nearest values also reach beyond the swath's end.
    for name in ("ewa_legacy", "ewa"):
        assert np.isfinite(values[name]).mean() > 0.88
        assert np.nanmedian(np.abs(values[name] - values["nearest"])) < 1


def test_xarray_reads_level1b(level1b: Path) -> None:
    with xr.open_dataset(level1b) as data:
        assert data.attrs["Conventions"] == "CF-1.10"
        assert set(data["ch1"].coords) == {"longitude", "latitude"}
        assert data["ch1_quality"].values[GAP].all()
        assert data["line_time"].dtype.kind == "M"
        assert data["line_time"].values[0] == np.datetime64(int(DAY * 1000), "ms")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # it has no affine grid
def test_gdal_reads_level1b(level1b: Path) -> None:
    """QGIS reads NetCDF through GDAL: the band, its scale and its two-dimensional coordinates."""
    with rasterio.open(f"netcdf:{level1b}:ch5") as data:
        assert data.shape == (320, 1568)
        assert data.scales == (0.01,)
        geolocation = data.tags(ns="GEOLOCATION")
        assert geolocation["X_DATASET"].endswith(":longitude")
        assert geolocation["Y_DATASET"].endswith(":latitude")


def test_platform_names() -> None:
    assert [platform_name(name) for name in ("METEOR-M2", "METEOR-M2 4", "UNKNOWN")] == [
        "Meteor-M-N2",
        "Meteor-M-N2-4",
        "UNKNOWN",
    ]


def _damage(path: Path, change: Callable[[netCDF4.Dataset], None]) -> Path:
    with netCDF4.Dataset(path, "a") as file:
        change(file)
    return path


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda f: f.renameVariable("line_time", "time"), "line_time"),
        (lambda f: f.renameVariable("ch1_quality", "other"), "ch1_quality"),
        (lambda f: f.delncattr("satellite"), "satellite"),
        (lambda f: f["line_time"].__setitem__(3, np.nan), "without a time"),
        (lambda f: [f.renameVariable(f"ch{n}", f"band{n}") for n in (1, 2, 5)], "no channel"),
    ],
)
def test_ill_formed_files_are_refused(
    l1a_writer: Callable[..., Path], tmp_path: Path, change: Callable[[netCDF4.Dataset], None], match: str
) -> None:
    path = _damage(l1a_writer(tmp_path, start=DAY, strips=4), change)
    with pytest.raises(InputError, match=match):
        read_level1a(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.integers(0, 20000))
def test_torn_files_are_refused_or_read(level1a: Path, tmp_path: Path, junk: bytes, at: int) -> None:
    data = bytearray(level1a.read_bytes()[:30000])
    data[at : at + len(junk)] = junk
    path = tmp_path / "torn_l1a.nc"
    path.write_bytes(bytes(data))
    try:
        seen = read_level1a(path).satellite
    except ProductError as error:
        seen = str(error)
    assert len(seen.splitlines()) == 1


def test_a_report_survives_json(level1b: Path) -> None:
    text = (level1b.parent / "products.json").read_text(encoding="utf-8")
    report = ProductsReport.from_json(text, level1b.parent)
    assert report.to_json() == text
    assert report.passes[0].missing_lines == {1: 16, 2: 16, 5: 16}
    with pytest.raises(ValueError, match="not a report"):
        ProductsReport.from_json("{}", level1b.parent)
