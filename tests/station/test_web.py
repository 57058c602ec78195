"""The page: both languages, only catalogued files, and tiles that lie where the file lies."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import math
import re
import socket
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from fastapi.testclient import TestClient
from PIL import Image
from rasterio.transform import from_origin

from products.definitions import recipes
from products.report import PassSummary, ProductFile, ProductsReport
from station.catalogue import Booking, Catalogue
from station.web import app as web
from station.web.texts import all_texts, both_times, size_text

AOS = datetime(2024, 7, 17, 7, 58, tzinfo=UTC)
NAME = "20240717T0758_METEOR-M2_4"
WEST, NORTH, STEP = 102.0, 24.0, 0.01
# One of the values at which the recipe itself names the colour.
KNOWN_VALUE, KNOWN_COLOUR = recipes()["infrared"].scale[2]


def booking(name: str = NAME, satellite: str = "METEOR-M2 4", aos: datetime = AOS) -> Booking:
    return Booking(
        name=name,
        key=name,
        satellite=satellite,
        norad_id=59051,
        downlink="meteor_lrpt",
        frequency_hz=137.9e6,
        site={"name": "Lai Châu"},
        elements={},
        aos=aos,
        tca=aos + timedelta(minutes=7),
        los=aos + timedelta(minutes=14),
        start=aos,
        end=aos + timedelta(minutes=14),
        max_elevation_deg=71.4,
    )


def write_geotiff(path: Path, bands: np.ndarray) -> None:
    transform = from_origin(WEST, NORTH, STEP, STEP)
    count, height, width = bands.shape
    options = {"nodata": np.nan} if bands.dtype == np.float32 else {"photometric": "RGB", "alpha": "YES"}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=count,
        dtype=bands.dtype,
        crs="EPSG:4326",
        transform=transform,
        **options,
    ) as file:
        file.write(bands)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """One finished observation with a red square, a temperature map, a picture and a thumbnail."""
    catalogue = Catalogue(tmp_path / "data")
    observation = catalogue.book(booking())
    assert observation is not None
    folder = observation.folder / "products"
    folder.mkdir(parents=True)
    red = np.zeros((4, 200, 200), np.uint8)
    red[0, :, :100] = 200
    red[3, :, :100] = 255
    write_geotiff(folder / "red.tif", red)
    write_geotiff(folder / "warm.tif", np.full((1, 200, 200), KNOWN_VALUE, np.float32))
    Image.new("RGB", (40, 30), "navy").save(folder / "picture.png")
    Image.new("RGB", (40, 30), "navy").save(folder / "thumb.jpg")
    kinds = {
        "red.tif": ("geotiff", "day_221"),
        "warm.tif": ("geotiff", "infrared"),
        "picture.png": ("picture", "day_221"),
        "thumb.jpg": ("thumbnail", "day_221"),
    }
    files = tuple(
        ProductFile(
            path=folder / name,
            kind=kind,
            satellite="METEOR-M2 4",
            start=AOS,
            end=AOS + timedelta(minutes=14),
            recipe=recipe,
            area="pass",
            bbox=(WEST, NORTH - 2, WEST + 2, NORTH),
            coverage=0.5,
            sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            bytes=(folder / name).stat().st_size,
        )
        for name, (kind, recipe) in kinds.items()
    )
    summary = PassSummary(folder / "x.nc", "", "METEOR-M2 4", AOS, AOS, 8, (1, 2, 5), {1: 0}, None)
    report = ProductsReport(folder, (summary,), files, ())
    (folder / "products.json").write_text(report.to_json(), encoding="utf-8")
    (folder / "not-catalogued.txt").write_text("secret")
    for step, result in (
        ("record", {}),
        ("decode", {"report": {"frames": {"good": 7512, "lost": 3}}}),
        ("publish", {}),
    ):
        catalogue.begin(NAME, step)
        catalogue.finish(NAME, step, result)
    catalogue.begin(NAME, "image")
    catalogue.finish(NAME, "image", {}, [folder / name for name in [*kinds, "products.json"]])
    return catalogue


@pytest.fixture
def client(catalogue: Catalogue) -> TestClient:
    return TestClient(web.create_app(catalogue, station_name="Trạm Lai Châu"))


def lonlat_to_tile(longitude: float, latitude: float, zoom: int) -> tuple[int, int, int, int]:
    """Tile and pixel of a place (the slippy map's published formula)."""
    scale = 256 * 2**zoom
    x = (longitude + 180) / 360 * scale
    y = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * scale
    return int(x // 256), int(y // 256), int(x % 256), int(y % 256)


def pixel(client: TestClient, file: str, longitude: float, latitude: float) -> tuple[int, ...] | None:
    x, y, column, row = lonlat_to_tile(longitude, latitude, 8)
    answer = client.get(f"/tiles/{NAME}/products/{file}/8/{x}/{y}.png")
    if answer.status_code == 204:
        return None
    assert answer.status_code == 200, answer.text
    image = Image.open(io.BytesIO(answer.content))
    assert image.size == (256, 256)
    return image.getpixel((column, row))


def test_both_languages_have_the_same_texts() -> None:
    english, vietnamese = all_texts()["en"], all_texts()["vi"]
    assert english.keys() == vietnamese.keys()
    assert all(text.strip() for text in (*english.values(), *vietnamese.values()))


def test_templates_use_only_texts_that_exist() -> None:
    used = {
        key
        for template in (web.HERE / "templates").glob("*.html")
        for key in re.findall(r"\btext\.(\w+)", template.read_text())
    } - {"get"}
    assert used <= all_texts()["en"].keys()
    assert len(used) > 20


def test_times_stand_in_utc_and_utc_plus_7() -> None:
    assert both_times(datetime(2024, 7, 17, 8, 5, tzinfo=UTC)) == "2024-07-17 08:05 UTC (15:05 UTC+7)"
    assert (
        both_times(datetime(2024, 7, 17, 20, 5, tzinfo=UTC))
        == "2024-07-17 20:05 UTC (2024-07-18 03:05 UTC+7)"
    )
    assert [size_text(count, "en") for count in (999, 1500, 2_500_000, 3e9)] == [
        "999 B",
        "1.5 kB",
        "2.5 MB",
        "3.0 GB",
    ]


def test_the_list_shows_what_was_observed(client: TestClient) -> None:
    page = client.get("/").text
    for part in ("METEOR-M2 4", "71°", "7512 frames", "2024-07-17 08:05 UTC (15:05 UTC+7)", "thumb.jpg"):
        assert part in page


def test_the_language_is_chosen_and_remembered(client: TestClient) -> None:
    assert "Các lượt quan sát" in client.get("/?lang=vi").text
    assert "Các lượt quan sát" in client.get("/").text
    assert 'lang="en"' in client.get("/?lang=en").text


def test_search_narrows_by_satellite_and_day(client: TestClient, catalogue: Catalogue) -> None:
    catalogue.book(booking("later", "METEOR-M2 3", AOS + timedelta(days=3)))
    names = lambda query: [entry["name"] for entry in client.get(f"/api/observations?{query}").json()]  # noqa: E731
    assert names("") == ["later", NAME]
    assert names("satellite=METEOR-M2 4") == [NAME]
    assert names("since=2024-07-18") == ["later"]
    assert names("until=2024-07-17") == [NAME]
    assert names("until=2024-07-16") == []


def test_the_observation_page_offers_map_pictures_and_files(client: TestClient) -> None:
    page = client.get(f"/observations/{NAME}").text
    for part in ("leaflet.js", "products/picture.png", "red.tif/{z}/{x}/{y}.png", "7512", "lost 3"):
        assert part in page
    assert "not-catalogued" not in page


def test_the_map_explains_colours_with_values_and_units(client: TestClient) -> None:
    page = client.get(f"/observations/{NAME}").text
    layers = json.loads(re.search(r'<script id="layers"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    legends = {layer["id"]: layer["legend"] for layer in layers}
    assert legends["red.tif"] == []
    assert [f"{KNOWN_VALUE:.0f} K ({round(KNOWN_VALUE - 273.15)} °C)", KNOWN_COLOUR] in legends["warm.tif"]


def test_a_picture_lies_where_its_file_lies(client: TestClient) -> None:
    assert pixel(client, "red.tif", 102.5, 23.0) == (200, 0, 0, 255)
    assert pixel(client, "red.tif", 102.97, 23.0) == (200, 0, 0, 255)
    inside_but_empty = pixel(client, "red.tif", 103.03, 23.0)
    assert inside_but_empty is None or inside_but_empty[3] == 0
    assert pixel(client, "red.tif", 110.0, 23.0) is None
    assert pixel(client, "red.tif", 102.5, -23.0) is None


def test_a_map_of_values_takes_the_colours_of_its_recipe(client: TestClient) -> None:
    assert pixel(client, "warm.tif", 102.5, 23.0) == (*bytes.fromhex(KNOWN_COLOUR[1:]), 255)


@pytest.mark.parametrize("place", ["30/1/1", "3/8/1", "3/-1/1"])
def test_a_tile_that_cannot_be_is_refused(client: TestClient, place: str) -> None:
    assert client.get(f"/tiles/{NAME}/products/red.tif/{place}.png").status_code in (400, 404)


@pytest.mark.parametrize(
    "path",
    [
        f"/files/{NAME}/products/not-catalogued.txt",
        f"/files/{NAME}/../../../etc/passwd",
        f"/files/{NAME}/%2e%2e/%2e%2e/catalogue.sqlite",
        f"/files/{NAME}//etc/passwd",
        "/files/%2e%2e/catalogue.sqlite",
        "/files/nobody/x",
        "/observations/nobody",
        "/nowhere",
        "/static/../app.py",
    ],
)
def test_only_catalogued_files_leave_the_station(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text
    assert "root:" not in answer.text


def test_a_catalogue_that_cannot_be_read_is_not_an_empty_one(catalogue: Catalogue) -> None:
    client = TestClient(web.create_app(catalogue), raise_server_exceptions=False)
    catalogue.close()
    for path in catalogue.data_dir.glob("catalogue.sqlite*"):
        path.write_bytes(b"no database" * 1000)
    for path in ("/", "/live", f"/observations/{NAME}", f"/files/{NAME}/products/red.tif"):
        answer = client.get(f"{path}?lang=en")
        assert answer.status_code == 503, path
        assert all_texts()["en"]["no_catalogue"] in answer.text, path
    for path in ("/api/observations", f"/api/observations/{NAME}", "/api/plan", "/api/live"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (503, {"error": "the catalogue cannot be read"}), path


def test_a_file_comes_whole_and_in_parts(client: TestClient, catalogue: Catalogue) -> None:
    entry = next(file for file in catalogue.observation(NAME).files if file.path.name == "red.tif")
    url = f"/files/{NAME}/products/red.tif"
    assert hashlib.sha256(client.get(url).content).hexdigest() == entry.sha256
    part = client.get(url, headers={"Range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == entry.path.read_bytes()[10:20]


def test_samples_and_images_are_not_packed_again(client: TestClient, catalogue: Catalogue) -> None:
    """That took a core from the recorder, and a browser could not say how much is still to come."""
    folder = catalogue.observation(NAME).folder
    for name in ("recording.sigmf-data", "frames.cadu", "level1a.nc", "map.tif"):
        (folder / name).write_bytes(bytes(5000))
        catalogue.add(NAME, "image", {}, [folder / name])
        answer = client.get(f"/files/{NAME}/{name}", headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in answer.headers, name
        assert answer.headers["Content-Length"] == "5000", name
    page = client.get(f"/observations/{NAME}", headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"


def test_a_day_of_segments_is_shown_in_one_look_at_its_files(
    client: TestClient, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each picture all files were looked at: a page of 100 segments took 50 s."""
    report = ProductsReport.from_json(
        (catalogue.observation(NAME).folder / "products" / "products.json").read_text(), Path("x")
    )
    made = [replace(file, path=Path(f"{k}-{file.path.name}")) for k in range(40) for file in report.files]
    folder = catalogue.observation(NAME).folder / "products" / "segment"
    folder.mkdir()
    made = [replace(file, path=folder / file.path) for file in made]
    for file in made:
        file.path.touch()
    (folder / "products.json").write_text(ProductsReport(folder, (), tuple(made), ()).to_json())
    catalogue.add(NAME, "image", {}, [folder / "products.json", *(file.path for file in made)])
    seen = Counter[str]()
    resolve = Path.resolve

    def counted(path: Path, strict: bool = False) -> Path:
        seen[path.name] += 1
        return resolve(path, strict)

    monkeypatch.setattr(Path, "resolve", counted)
    page = client.get(f"/observations/{NAME}").text
    assert page.count("39-picture.png") >= 2
    assert seen["39-picture.png"] <= 5


def test_what_the_catalogue_holds_is_never_markup(catalogue: Catalogue) -> None:
    catalogue.book(booking("<script>alert(1)</script>", "<b>bold</b>", AOS + timedelta(days=1)))
    page = TestClient(web.create_app(catalogue)).get("/").text
    assert "<script>alert" not in page
    assert "<b>bold" not in page


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T20:00:00+00:00", "9999-12-31T20:00:00-14:00", "soon"]
)
def test_health_of_no_possible_time_breaks_no_page(
    client: TestClient, catalogue: Catalogue, moment: str
) -> None:
    for text in (f'{{"ok": true, "time": "{moment}", "free_gb": NaN}}', "[" * 100_000):
        (catalogue.data_dir / "health.json").write_text(text)
        assert client.get("/").status_code == 200
        assert client.get("/plan").status_code == 200
        assert client.get("/api/health").status_code == 503


def test_health_is_told_and_its_absence_too(client: TestClient, catalogue: Catalogue) -> None:
    assert client.get("/api/health").status_code == 503
    health = '{"ok": false, "time": "2024-07-17T08:00:00+00:00", "problems": ["elements are 12 days old"]}'
    (catalogue.data_dir / "health.json").write_text(health)
    assert client.get("/api/health").json()["ok"] is False
    assert "elements are 12 days old" in client.get("/").text
    (catalogue.data_dir / "health.json").write_text("{broken")
    assert client.get("/").status_code == 200


def test_the_self_test_stands_on_both_pages_in_the_readers_language(
    client: TestClient, catalogue: Catalogue
) -> None:
    findings = [{"code": "x", "state": "suspicious", "words": {"en": "antenna off", "vi": "rời ăng-ten"}}]
    record = {"verdict": "suspicious", "findings": findings}
    now = datetime.now(UTC).isoformat()
    health = {"ok": True, "time": now, "problems": [], "self_test": {"vhf": record, "uhf": {"findings": []}}}
    (catalogue.data_dir / "health.json").write_text(json.dumps(health))
    folder = catalogue.observation(NAME).folder
    folder.mkdir(parents=True, exist_ok=True)
    for page in ("/", f"/observations/{NAME}"):
        (folder / "self_test.json").write_text(json.dumps(record))
        assert "antenna off" in client.get(f"{page}?lang=en").text
        assert "rời ăng-ten" in client.get(f"{page}?lang=vi").text
        (folder / "self_test.json").write_text('{"verdict": "ok", "findings": [1]}')
        assert client.get(page).status_code == 200
    assert all_texts()["en"]["as_usual"] in client.get("/?lang=en").text


def test_the_health_of_a_daemon_that_is_dead_is_not_called_good(
    client: TestClient, catalogue: Catalogue
) -> None:
    def told(minutes: float, state: str) -> tuple[int, bool, str]:
        said = datetime.now(UTC) - timedelta(minutes=minutes)
        record = {"ok": True, "time": said.isoformat(), "state": state, "problems": []}
        (catalogue.data_dir / "health.json").write_text(json.dumps(record))
        answer = client.get("/api/health")
        return answer.status_code, answer.json()["ok"], client.get("/?lang=en").text

    good, silent = all_texts()["en"]["healthy"], all_texts()["en"]["silent"]
    status, ok, page = told(1, "running")
    assert (status, ok, good in page, silent in page) == (200, True, True, False)
    for minutes, state in ((60, "running"), (0, "stopped")):
        status, ok, page = told(minutes, state)
        assert (status, ok, good in page, silent in page) == (503, False, False, True)


def test_tiles_of_what_is_no_geotiff_are_not_there(client: TestClient) -> None:
    assert client.get(f"/tiles/{NAME}/products/picture.png/3/6/3.png").status_code == 404


@pytest.mark.parametrize("query", ["since=9999-12-31", "until=9999-12-31", "since=0001-01-01", "until=x"])
def test_a_date_at_the_end_of_the_calendar_is_no_fault(client: TestClient, query: str) -> None:
    for path in ("/", "/api/observations"):
        assert client.get(f"{path}?{query}").status_code == 200


def test_the_page_fetches_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", f"/observations/{NAME}", "/static/style.css", "/static/map.js"):
        text = client.get(path).text
        assert not re.search(r"""(src|href|url\()\s*=?\s*["'(]?(https?:)?//""", text), path
    assert "default-src 'self'" in client.get("/").headers["Content-Security-Policy"]


def test_the_map_holds_land_and_no_border() -> None:
    land = json.loads((web.HERE / "static" / "land.geojson").read_text())
    assert all(feature["properties"] == {} for feature in land["features"])
    # One polygon holds both Hanoi and Kunming: no border runs between them.
    from shapely.geometry import Point, shape

    holders = [
        {
            index
            for index, feature in enumerate(land["features"])
            if shape(feature["geometry"]).contains(place)
        }
        for place in (Point(105.85, 21.03), Point(102.83, 24.88), Point(102.63, 17.97))
    ]
    assert holders[0]
    assert holders[0] == holders[1] == holders[2]
    # No long straight edge (a cut in the data) inside the map: it would look like a border.
    for feature in land["features"]:
        for ring in feature["geometry"]["coordinates"]:
            for (a, b), (c, d) in itertools.pairwise(ring):
                if abs(b - d) > 3 and a == c:
                    assert abs(a) > 179.9, (a, b, c, d)
                assert abs(a - c) < 60 or b < -84, (a, b, c, d)


def test_who_reads_that_the_port_is_open_is_not_turned_away(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def listening() -> None:
        with socket.create_connection(("127.0.0.1", port), 5):
            seen.append(port)

    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    web.serve(catalogue, port=port, on_listening=listening)
    assert seen == [port]
