"""Maps of a small pass: what is made and why not, the same bytes twice, values in place, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp
from PIL import Image

from products.__main__ import main
from products.errors import InputError, NothingUsableError, OutputError, ProductError
from products.geolocation import lonlat, view
from products.instrument import msu_mr
from products.level1a import read_level1a
from products.make import make_products
from products.orbit import satrec_from_omm
from products.report import ProductsReport

DAY, NIGHT = 1721183060.0 - 25, 1721138275.0 - 25
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(l1a_writer: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> ProductsReport:
    folder = tmp_path_factory.mktemp("made")
    path = l1a_writer(folder, start=DAY, gap=slice(80, 96))
    return make_products([path], folder / "out")


def _by(report: ProductsReport, kind: str, area: str, recipe: str) -> Path:
    return next(f.path for f in report.files if (f.kind, f.area, f.recipe) == (kind, area, recipe))


def test_what_can_be_made_is_made_and_the_rest_has_a_reason(made: ProductsReport) -> None:
    pictures = {(file.area, file.recipe) for file in made.files if file.kind == "picture"}
    recipes = {"day_221", "day_125", "infrared", "cloud_tops", "visible", "near_infrared"}
    assert pictures == {
        (area, recipe) for area in ("pass", "northern_vietnam", "lai_chau", "lang_son") for recipe in recipes
    }
    reasons = {(miss.area, miss.recipe): miss.reason for miss in made.skipped}
    assert "on air were 1, 2, 5" in reasons["lai_chau", "day_124"]
    assert "on air were 1, 2, 5" in reasons["pass", "natural_321"]
    assert made.exit_status == 0


def test_at_night_only_the_infrared_is_made(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    path = l1a_writer(tmp_path, start=NIGHT, strips=24)
    report = make_products([path], tmp_path / "out", areas=["pass"])
    assert {f.recipe for f in report.files if f.kind == "picture"} == {"infrared", "cloud_tops"}
    assert [m.reason for m in report.skipped if m.recipe == "day_221"] == [
        "night: the visible channels see nothing"
    ]


def test_channel_4_alone_makes_an_infrared_picture(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    """The channel set that was on air in 2026."""
    path = l1a_writer(tmp_path, start=NIGHT, strips=24, channels=(1, 2, 4))
    report = make_products([path], tmp_path / "out", areas=["pass"])
    assert {f.recipe for f in report.files if f.kind == "picture"} == {"infrared", "cloud_tops"}


def test_geotiffs_are_cloud_optimised_and_hold_the_data(made: ProductsReport) -> None:
    with rasterio.open(_by(made, "geotiff", "northern_vietnam", "infrared")) as data:
        assert data.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert data.overviews(1)
        assert data.crs.to_epsg() == 32648
        assert data.res == (1000, 1000)
        assert data.units == ("K",)
        values = data.read(1)
    assert 150 < np.nanmin(values) < np.nanmax(values) < 340
    with rasterio.open(_by(made, "geotiff", "lai_chau", "day_221")) as data:
        assert data.count == 4
        assert data.colorinterp[3].name == "alpha"
        assert not data.read(4).all() or made.files[0].coverage != 1


def test_a_value_lands_where_it_was_seen(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    """Counts that tell the latitude come back as that latitude on the map: a line lost would show."""
    first = l1a_writer(tmp_path, start=DAY, strips=4)
    satrec = satrec_from_omm(read_level1a(first).elements_omm)

    def by_latitude(channel: int, line_time: np.ndarray) -> np.ndarray:
        time, column = np.meshgrid(line_time, np.arange(1568.0), indexing="ij")
        ground = view(satrec, msu_mr(), msu_mr().attitude("METEOR-M2 3"), time.ravel(), column.ravel()).ground
        return np.clip((lonlat(ground)[1].reshape(time.shape) - 20.0) * 50, 0, 255).astype(np.uint8)

    path = l1a_writer(tmp_path, start=DAY, channels=(1,), counts=by_latitude)
    report = make_products([path], tmp_path / "out", areas=["lai_chau"], recipes=["visible"])
    with rasterio.open(_by(report, "geotiff", "lai_chau", "visible")) as data:
        values = data.read(1)
        rows, columns = np.nonzero(np.isfinite(values))
        x, y = rasterio.transform.xy(data.transform, rows, columns)
        _, latitude = rasterio.warp.transform(data.crs, "EPSG:4326", x, y)
    read = values[rows, columns] / 100 * 255 / 50 + 20.0 + 0.01  # the middle of a count's step
    error_km = (read - np.array(latitude)) * 111
    assert values.size * 0.95 < rows.size
    assert abs(np.median(error_km)) < 0.15
    assert np.percentile(np.abs(error_km), 95) < 1.6  # one count is 2.2 km


def test_the_same_input_gives_the_same_bytes(made: ProductsReport, tmp_path: Path) -> None:
    again = make_products([made.out.parent / made.passes[0].input.name], tmp_path / "again")
    assert [file.sha256 for file in again.files] == [file.sha256 for file in made.files]
    assert again.to_json() == made.to_json()


def test_boundaries_are_drawn_only_from_the_configured_file(
    made: ProductsReport, tmp_path: Path, shared_data: Path
) -> None:
    source = made.out.parent / made.passes[0].input.name
    boundaries = shared_data / "boundaries/provinces_2025.geojson"
    report = make_products(
        [source], tmp_path, areas=["lai_chau"], recipes=["infrared"], boundaries=boundaries, language="vi"
    )
    outline = (255, 80, 80)
    without, with_lines = (
        np.asarray(Image.open(_by(r, "picture", "lai_chau", "infrared")).convert("RGB")).reshape(-1, 3)
        for r in (made, report)
    )
    assert not (without == outline).all(axis=1).any()
    assert (with_lines == outline).all(axis=1).sum() > 300
    # The data stay as they are.
    assert (
        _by(report, "geotiff", "lai_chau", "infrared").read_bytes()
        == _by(made, "geotiff", "lai_chau", "infrared").read_bytes()
    )


def test_pictures_can_be_read_on_a_phone(made: ProductsReport) -> None:
    for file in made.files:
        if file.kind == "picture":
            with Image.open(file.path) as image:
                assert 900 <= max(image.size) <= 2100
                assert file.bytes < 4_000_000
        if file.kind == "thumbnail":
            with Image.open(file.path) as image:
                assert max(image.size) <= 320
                assert file.bytes < 40_000


def test_sidecar_tells_place_time_and_quality(made: ProductsReport) -> None:
    table = json.loads((made.out / "products.json").read_text(encoding="utf-8"))
    assert table["passes"][0]["geolocation"]["elements_age_days"] == pytest.approx(1.01, abs=0.02)
    assert table["passes"][0]["missing_lines"] == {"1": 16, "2": 16, "5": 16}
    tile = next(f for f in table["files"] if f["area"] == "lang_son" and f["kind"] == "geotiff")
    west, south, east, north = tile["bbox"]
    assert west < 106.76 < east
    assert south < 21.85 < north
    assert len(tile["sha256"]) == 64
    assert not Path(tile["path"]).is_absolute()


def test_a_place_outside_the_swath_is_said_to_be(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    path = l1a_writer(tmp_path, start=DAY + 3000, strips=8)
    report = make_products([path], tmp_path / "out", areas=["lang_son"])
    assert report.skipped[0].reason == "the area lies outside the swath"
    assert report.exit_status == 1


def test_bad_input_is_refused_in_one_sentence(
    l1a_writer: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = l1a_writer(tmp_path, start=DAY, strips=4)
    (tmp_path / "empty_l1a.nc").write_bytes(b"")
    (tmp_path / "boundaries.geojson").write_text("<html>", encoding="utf-8")
    nothing = l1a_writer(tmp_path, start=DAY + 60, strips=4, gap=slice(None))
    out = ["--out", str(tmp_path / "out")]
    for arguments, status, words in (
        ([str(tmp_path / "absent_l1a.nc")], 2, "cannot be read"),
        ([str(tmp_path / "empty_l1a.nc")], 2, "cannot be read"),
        ([str(good), "--areas", "lai_cau"], 2, "lai_chau"),
        ([str(good), "--recipes", "day221"], 2, "day_221"),
        ([str(good), "--language", "fr"], 2, "en, vi"),
        ([str(good), "--boundaries", str(tmp_path / "boundaries.geojson")], 2, "not GeoJSON"),
        ([str(good), "--boundaries", str(tmp_path / "none")], 2, "cannot be read"),
        ([str(nothing)], 1, "no good pixel"),
    ):
        assert main([*arguments, *out]) == status
        message = capsys.readouterr().err.strip()
        assert words in message
        assert len(message.splitlines()) == 1


def test_errors_have_their_kinds(l1a_writer: Callable[..., Path], tmp_path: Path) -> None:
    good = l1a_writer(tmp_path, start=DAY, strips=4)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError):
        make_products([good], tmp_path / "file" / "out")
    with pytest.raises(ProductError):
        make_products([good], tmp_path / "out", attitude="nominale")
    renamed = good.rename(tmp_path / "pass.nc")
    with pytest.raises(InputError, match="give it back its name"):
        make_products([renamed], tmp_path / "out")
    nothing = l1a_writer(tmp_path, start=DAY + 60, strips=4, gap=slice(None))
    with pytest.raises(NothingUsableError):
        make_products([nothing], tmp_path / "out2")


def test_the_station_can_import_the_report_without_satpy() -> None:
    heavy = "satpy,xarray,dask,pyresample,rasterio,netCDF4,PIL"
    code = (
        "import sys, products.report, products.errors, products.definitions, products.__main__;"
        f"print([m for m in {heavy!r}.split(',') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"
