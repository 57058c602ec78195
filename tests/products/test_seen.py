"""The time a map tells and the lines it misses: those of its area, not of the whole pass."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio

from products import outputs, picture
from products.make import make_products
from products.picture import Caption, times
from products.report import ProductFile, ProductsReport
from scheduler.elements import Elements
from scheduler.track import sub_point
from tests.products.conftest import OMM

# Two minutes of flight before Vietnam and one and a half behind it.
START, STRIPS = 1721183060.0 - 120, 170
LAI_CHAU_LATITUDE = 22.3


@pytest.fixture(scope="module")
def captions() -> Iterator[dict[str, Caption]]:
    kept: dict[str, Caption] = {}
    with pytest.MonkeyPatch.context() as patch:

        def poster(map_image: object, recipe: object, caption: Caption) -> object:
            kept[caption.area] = caption
            return picture.poster(map_image, recipe, caption)  # type: ignore[arg-type]

        patch.setattr(outputs, "poster", poster)
        yield kept


@pytest.fixture(scope="module")
def made(
    l1a_writer: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    captions: dict[str, Caption],
) -> ProductsReport:
    folder = tmp_path_factory.mktemp("seen")
    # Lost: the first 96 lines, far from Vietnam.
    path = l1a_writer(folder, start=START, strips=STRIPS, gap=slice(0, 96))
    return make_products([path], folder / "out", areas=["pass", "lai_chau"], recipes=["infrared"])


def _file(report: ProductsReport, area: str, kind: str) -> ProductFile:
    return next(file for file in report.files if (file.area, file.kind) == (area, kind))


def _overhead(latitude_deg: float) -> datetime:
    """When the satellite stood above a latitude, by the scheduler, which shares no code with the maps."""
    time = START + np.arange(0, 8 * STRIPS / 6.498, 0.25)
    latitude = sub_point(Elements.from_omm(OMM), time)[0]
    return datetime.fromtimestamp(float(time[np.argmin(np.abs(latitude - latitude_deg))]), UTC)


def test_a_map_tells_when_its_area_was_seen(made: ProductsReport, captions: dict[str, Caption]) -> None:
    begin = datetime.fromtimestamp(START, UTC)
    file = _file(made, "lai_chau", "picture")
    assert file.start - begin > timedelta(seconds=60)
    # 150 km at 6.6 km/s, and more as the lines lie aslant to the parallels.
    assert timedelta(seconds=22) < file.end - file.start < timedelta(seconds=60)
    middle = captions["Lai Châu"].time
    assert file.start < middle < file.end
    # Lai Châu lies aside of the track: its lines are those of another latitude of the track, near by.
    assert abs(middle - _overhead(LAI_CHAU_LATITUDE)) < timedelta(seconds=45)
    assert f"{middle:%H:%M} UTC · {middle + timedelta(hours=7):%H:%M}" in times(captions["Lai Châu"])


def test_every_file_of_a_map_tells_the_same_time(made: ProductsReport) -> None:
    picture_file = _file(made, "lai_chau", "picture")
    for kind in ("geotiff", "thumbnail"):
        file = _file(made, "lai_chau", kind)
        assert (file.start, file.end) == (picture_file.start, picture_file.end)
    with rasterio.open(_file(made, "lai_chau", "geotiff").path) as data:
        tags = data.tags()
    assert tags["time_coverage_start"] == f"{picture_file.start:%Y-%m-%dT%H:%M:%SZ}"
    assert tags["time_coverage_end"] == f"{picture_file.end:%Y-%m-%dT%H:%M:%SZ}"
    table = json.loads((made.out / "products.json").read_text(encoding="utf-8"))
    told = next(entry for entry in table["files"] if entry["area"] == "lai_chau")
    assert datetime.fromisoformat(told["start"]) == picture_file.start


def test_the_whole_pass_keeps_its_time_and_files_their_names(
    made: ProductsReport, captions: dict[str, Caption]
) -> None:
    whole = _file(made, "pass", "geotiff")
    assert (whole.start, whole.end) == (made.passes[0].start, made.passes[0].end)
    assert captions["Whole pass"].time == made.passes[0].start
    stem = f"METEOR-M2_3_{datetime.fromtimestamp(START, UTC):%Y%m%dT%H%M%SZ}_"
    assert all(file.path.name.startswith(stem) for file in made.files if file.kind != "level1b")


def test_lines_lost_elsewhere_are_not_missing_here(
    made: ProductsReport,
    captions: dict[str, Caption],
    l1a_writer: Callable[..., Path],
    tmp_path: Path,
) -> None:
    assert f"96/{8 * STRIPS} lines missing" in captions["Whole pass"].note
    assert "missing" not in captions["Lai Châu"].note
    seen = _file(made, "lai_chau", "picture")
    first = round((seen.start.timestamp() - START) * 6.498)
    lines = round((seen.end - seen.start).total_seconds() * 6.498) + 1
    # Of 20 lines lost about the first one of the area, half lie in it.
    path = l1a_writer(tmp_path, start=START, strips=STRIPS, gap=slice(first - 10, first + 10))
    make_products([path], tmp_path / "out", areas=["lai_chau"], recipes=["infrared"])
    assert f"10/{lines} lines missing" in captions["Lai Châu"].note
