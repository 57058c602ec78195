"""`tramthu plan` and `track`: both provinces, offline, from elements on disk; the fixed forms; bad input."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from scheduler.elements import load_elements
from scheduler.passes import Site, find_passes
from station.catalogue import Catalogue
from station.commands.passes import _draw
from station.config import load_config
from station.schedule import enter_schedule, plan_station
from station.schema import ObservationRow
from tests.station.conftest import ELEMENTS, START, Run, one_sentence

TOWER = """[[maintenance]]
reason = "tower"
every = "day"
zone = "UTC+7"
start = 07:00:00
end = 12:00:00
"""
PASS_FIELDS = {
    "satellite",
    "norad_id",
    "site",
    "aos",
    "tca",
    "los",
    "max_elevation_deg",
    "aos_azimuth_deg",
    "los_azimuth_deg",
    "sunlit_fraction",
}
BOTH = ("--site", "lai-chau", "--site", "lang-son", "--elements", ELEMENTS, "--from", "2024-07-17T00:00:00Z")


def test_a_plan_of_both_provinces_has_the_fixed_form(tramthu: Run) -> None:
    status, out, err = tramthu("plan", *BOTH, "--days", 2, "--json")
    assert status == 0
    assert "assumed is one receiver for each place" in one_sentence(err)
    record = json.loads(out)
    assert record["gap"] >= 0
    assert {b["site"] for b in record["bookings"]} == {"Lai Châu", "Lạng Sơn"}
    for booking in record["bookings"]:
        assert booking.keys() >= PASS_FIELDS
        assert booking["receiver"] == "receiver"
        assert booking["antenna"] in ("qfh", "dish")
        assert booking["downlinks"]
        assert booking["value"] == pytest.approx(sum(booking["value_parts"].values()), abs=1e-4)
        assert all(booking[key].endswith("Z") for key in ("aos", "tca", "los", "start", "end"))
        assert booking["start"] <= booking["aos"] < booking["los"] <= booking["end"]
    for left in record["rejected"]:
        assert left.keys() >= PASS_FIELDS
        assert left["reason"]
        assert isinstance(left["blocked_by"], list)


def test_every_pass_of_passes_is_booked_or_rejected_and_no_receiver_is_asked_twice(tramthu: Run) -> None:
    plan = json.loads(tramthu("plan", *BOTH, "--days", 2, "--json")[1])
    found = json.loads(tramthu("passes", *BOTH, "--days", 2, "--json")[1])

    def key(entry: dict[str, str]) -> tuple[str, str, str]:
        return entry["satellite"], entry["site"], entry["tca"][:19]

    assert {key(p) for p in found} == {key(p) for p in [*plan["bookings"], *plan["rejected"]]}
    for site in ("Lai Châu", "Lạng Sơn"):
        mine = sorted((b for b in plan["bookings"] if b["site"] == site), key=lambda b: str(b["start"]))
        assert all(a["end"] <= b["start"] for a, b in pairwise(mine))


def test_a_plan_as_a_table_explains_each_number(tramthu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = tramthu("plan", *BOTH, "--explain")
    assert status == 0
    table = out.split("METEOR-M2 3 over")[0]
    assert max(len(line) for line in table.splitlines()) <= 80
    assert "…" not in table
    assert "culminates at" in out
    for word in ("priority: 1 (", "status: 1 (", "picture:", "area around Lai Châu:", "proven"):
        assert word in out
    as_json = json.loads(tramthu("plan", *BOTH, "--explain", "--json")[1])
    assert all(any(r.startswith("priority") for r in b["explain"]) for b in as_json["bookings"])


@pytest.fixture
def stations(tmp_path: Path) -> tuple[Path, Path]:
    """Two stations with a dish each; Lạng Sơn's tower is closed in the morning."""
    made = []
    for name, latitude, longitude, more in (
        ("Lai Châu", 22.4, 103.45, ""),
        (
            "Lạng Sơn",
            21.85,
            106.76,
            TOWER,
        ),
    ):
        path = tmp_path / f"{len(made)}.toml"
        path.write_text(
            f'[station]\nname = "{name}"\nlatitude_deg = {latitude}\nlongitude_deg = {longitude}\n'
            '[[receiver]]\nname = "vhf"\ntype = "rtl_tcp"\nantennas = ["helix"]\n'
            '[[receiver]]\nname = "wide"\ntype = "soapy"\nsample_rate = 6_000_000\nantennas = ["dish"]\n'
            '[[antenna]]\nname = "helix"\nkind = "qfh"\nfrequency_ranges_hz = [[137e6, 138e6]]\n'
            '[[antenna]]\nname = "dish"\ndiameter_m = 1.2\nfrequency_ranges_hz = [[1.67e9, 1.71e9]]\n'
            "[antenna.rotator]\nazimuth_max_deg = 450\n"
            f'[elements]\nfiles = ["{ELEMENTS}"]\n'
            '[[satellite]]\nname = "METEOR-M2 4"\npriority = 2\n[[satellite]]\nname = "METEOR-M2 3"\n' + more,
            encoding="utf-8",
        )
        made.append(path)
    return made[0], made[1]


def test_several_stations_are_planned_together_from_their_configurations(
    tramthu: Run, stations: tuple[Path, Path]
) -> None:
    first, second = stations
    status, out, err = tramthu("plan", "-c", first, "-c", second, "--from", "2024-07-17", "--json")
    assert (status, err) == (0, "")
    plan = json.loads(out)
    assert {(b["station"], b["receiver"], b["antenna"]) for b in plan["bookings"]} == {
        ("Lai Châu", "vhf", "helix"),
        ("Lạng Sơn", "vhf", "helix"),
    }
    closed = [r for r in plan["rejected"] if r["reason"] == "maintenance"]
    assert closed
    assert all(r["station"] == "Lạng Sơn" and r["aos"] < "2024-07-17T05" for r in closed)


def test_what_the_station_has_booked_and_seen_is_in_its_plan(
    tramthu: Run, stations: tuple[Path, Path]
) -> None:
    asked = ("plan", "-c", stations[0], "--from", "2024-07-17T06:00Z", "--days", 0.5, "--json", "--explain")
    data = stations[0].parent / "data"
    before = json.loads(tramthu(*asked)[1])
    assert not data.exists()  # looking makes no catalogue
    # The station was run the night before, and has heard its first pass of two.
    config = load_config(stations[0])
    catalogue, now = Catalogue(data), START + timedelta(hours=-12)
    enter_schedule(catalogue, plan_station(config, load_elements(ELEMENTS), now, []), now)
    early = [o for o in catalogue.observations() if o.end < START + timedelta(hours=6)]
    for observation in early:
        catalogue.begin(observation.name, "record")
        catalogue.finish(observation.name, "record", {})
        catalogue.begin(observation.name, "decode")
        catalogue.finish(observation.name, "decode", {})
    later = [o for o in catalogue.observations() if o.start > START + timedelta(hours=6)]
    moved = min(later, key=lambda o: o.start)
    with catalogue.session() as session:  # as an older set of elements had it
        row = session.scalars(select(ObservationRow).where(ObservationRow.name == moved.name)).one()
        row.start += timedelta(seconds=40)
    catalogue.close()
    content = (data / "catalogue.sqlite").read_bytes()
    status, out, err = tramthu(*asked)
    assert (status, err) == (0, "")
    after = json.loads(out)
    in_time = [o for o in later if o.aos < START + timedelta(hours=18)]
    assert sum(b["fixed"] for b in after["bookings"]) == len(in_time)
    kept = next(b for b in after["bookings"] if b["fixed"])
    assert (kept["norad_id"], kept["tca"][:16]) == (moved.norad_id, _z(moved.tca)[:16])
    assert kept["fixed"] is True
    assert kept["start"] == _z(moved.start + timedelta(seconds=40))
    assert kept["value"] > 0
    assert not any(b["fixed"] for b in before["bookings"])
    # What was seen some hours ago is worth less now.
    assert sum(b["value"] for b in after["bookings"]) < sum(b["value"] for b in before["bookings"])
    assert (data / "catalogue.sqlite").read_bytes() == content


def test_a_catalogue_of_another_version_is_left_alone(tramthu: Run, stations: tuple[Path, Path]) -> None:
    data = stations[0].parent / "data"
    Catalogue(data).close()
    with sqlite3.connect(data / "catalogue.sqlite") as connection:
        connection.execute("update alembic_version set version_num = '0001'")
    status, out, err = tramthu("plan", "-c", stations[0], "--from", "2024-07-17", "--json")
    assert status == 0
    assert "planned without what is booked" in one_sentence(err)
    assert json.loads(out)["bookings"]
    with sqlite3.connect(data / "catalogue.sqlite") as connection:
        assert connection.execute("select version_num from alembic_version").fetchone() == ("0001",)


def _z(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def test_passes_take_several_stations(tramthu: Run, stations: tuple[Path, Path]) -> None:
    status, out, _ = tramthu("passes", "-c", stations[0], "-c", stations[1], "--from", "2024-07-17", "--json")
    assert status == 0
    assert {p["site"] for p in json.loads(out)} == {"Lai Châu", "Lạng Sơn"}


def test_the_commands_of_a_track_are_printed_with_their_loss(
    tramthu: Run, stations: tuple[Path, Path]
) -> None:
    asked = ("track", "--dry-run", "-c", stations[0], "--from", "2024-07-17", "--satellite", "METEOR-M2 3")
    status, out, err = tramthu(*asked)
    assert (status, err) == (0, "")
    assert "METEOR-M2 3 over Lai Châu" in out
    assert "dB lost" in out
    record = json.loads(tramthu(*asked, "--json")[1])
    commands = record["commands"]
    assert len(commands) > 20
    times = [datetime.fromisoformat(c["time"]) for c in commands]
    assert times == sorted(times)
    assert times[0] < datetime.fromisoformat(record["pass"]["aos"])
    assert all(0 <= c["azimuth_deg"] <= 450 and 0 <= c["elevation_deg"] <= 90 for c in commands)
    assert record["worst_loss_db"] < 1
    assert record["beam_width_deg"] == pytest.approx(10.3, abs=0.3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plan",), "--site and --elements"),
        (("plan", "--site", "lai-chau", "--elements", "absent.txt"), "cannot be read"),
        (("plan", "--site", "lai-chau", "--elements", ELEMENTS, "--from", "soon"), "ISO 8601"),
        (
            ("plan", "--site", "lai-chau", "--site", "lai-chau", "--elements", ELEMENTS),
            "two stations are called",
        ),
        (("plan", "--site", "X,91,0,0", "--elements", ELEMENTS), "X"),
        (("track", "--site", "lai-chau", "--elements", ELEMENTS), "say which rotator"),
        (("plan", *BOTH, "--days", "0"), "--days 0: give more than 0"),
        (("passes", *BOTH, "--days", "nan"), "nan"),
        (("passes", *BOTH, "--min-elevation", "91"), "--min-elevation 91"),
        (("passes", *BOTH, "--png", "x.txt"), "a name that ends with .png"),
        (("plan", *BOTH, "--png", "x.txt"), "a name that ends with .png"),
        (("track", "--park", "--stop", "-c", "absent.toml"), "exclude each other"),
        (("track", "--park", "-c", "absent.toml"), "copy station.example.toml"),
    ],
)
def test_wrong_use_is_status_2(
    tramthu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = tramthu(*arguments)
    assert (status, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_elements_of_ten_years_ago_plan_nothing_unless_forced(
    tramthu: Run, stations: tuple[Path, Path]
) -> None:
    old = ("plan", "-c", stations[0], "--from", "2034-07-17", "--json")
    status, out, err = tramthu(*old)
    assert (status, out) == (2, "")
    assert "10.0 years after their epoch" in one_sentence(err)
    status, out, _ = tramthu(*old, "--force")
    assert status == 0
    assert json.loads(out)["bookings"]


def test_elements_of_one_satellite_that_are_no_good_do_not_empty_the_plan(
    tramthu: Run, stations: tuple[Path, Path], tmp_path: Path
) -> None:
    young, old = load_elements(ELEMENTS)[1].to_omm(), load_elements(ELEMENTS)[0].to_omm()
    path = tmp_path / "two.json"
    path.write_text(json.dumps([young, old | {"EPOCH": "2014-07-17T00:00:00"}]))
    status, out, err = tramthu(
        "plan", "-c", stations[0], "--elements", path, "--from", "2024-07-17", "--json"
    )
    assert status == 0
    assert {b["satellite"] for b in json.loads(out)["bookings"]} == {"METEOR-M2 4"}
    assert "METEOR-M2 3: no pass is booked" in err


def test_a_satellite_that_only_the_elements_know_is_planned_as_if_it_sent(
    tramthu: Run, tmp_path: Path
) -> None:
    omm = load_elements(ELEMENTS)[1].to_omm() | {"OBJECT_NAME": "NOBODY", "NORAD_CAT_ID": 123456}
    path = tmp_path / "nobody.json"
    path.write_text(json.dumps([omm]))
    asked = ("plan", "--site", "lai-chau", "--elements", path, "--from", "2024-07-17", "--json")
    status, out, err = tramthu(*asked)
    assert status == 0
    assert "without a known downlink" in err
    plan = json.loads(out)
    assert {b["norad_id"] for b in plan["bookings"]} == {123456}


@pytest.mark.parametrize("command", ["passes", "plan"])
def test_a_calendar_holds_each_event_in_lines_that_calendars_read(tramthu: Run, command: str) -> None:
    status, out, _ = tramthu(command, *BOTH, "--ical")
    assert status == 0
    lines = out.split("\r\n")
    assert (lines[0], lines[-2], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR", "")
    assert max(len(line.encode()) for line in lines) <= 75
    record = json.loads(tramthu(command, *BOTH, "--json")[1])
    events = record if command == "passes" else record["bookings"]
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == len(events)
    starts = sorted(line.removeprefix("DTSTART:") for line in lines if line.startswith("DTSTART:"))
    key = "aos" if command == "passes" else "start"
    expected = sorted(e[key][:19].replace("-", "").replace(":", "") + "Z" for e in events)
    assert starts == expected
    uids = [line for line in lines if line.startswith("UID:")]
    assert len(set(uids)) == len(uids)


@pytest.mark.parametrize("command", ["passes", "plan"])
def test_a_picture_is_drawn(tramthu: Run, tmp_path: Path, command: str) -> None:
    path = tmp_path / "plan.png"
    status, out, err = tramthu(command, *BOTH, "--png", path)
    assert (status, out) == (0, "")
    assert "drawn" in err
    colours = {colour for _, colour in Image.open(path).convert("RGB").getcolors(1 << 24) or ()}
    assert len([c for c in colours if max(c) - min(c) > 60]) >= 2  # a colour for each satellite
    assert tramthu(command, *BOTH, "--png", tmp_path / "absent" / "plan.png")[0] == 2


def test_what_ends_at_midnight_takes_no_strip_of_the_next_day(tmp_path: Path) -> None:
    midnight = datetime(2024, 7, 18, tzinfo=UTC)
    place = Site("Lai Châu", 22.4, 103.45, 900)
    seen = find_passes(load_elements(ELEMENTS)[1], place, midnight - timedelta(days=1), midnight)[0]
    heights = []
    for los in (midnight - timedelta(seconds=30), midnight):
        _draw([replace(seen, los=los, complete=False)], tmp_path / "drawn.png")
        with Image.open(tmp_path / "drawn.png") as image:
            heights.append(image.height)
    assert heights[0] == heights[1]


def test_a_wrong_place_is_told_before_what_is_assumed(tramthu: Run) -> None:
    status, out, err = tramthu("plan", "--elements", ELEMENTS, "--site", "X,91,3,5")
    assert (status, out) == (2, "")
    assert "latitude_deg of site 'X' is 91.0" in one_sentence(err)


def test_passes_explain_what_they_are_worth(tramthu: Run) -> None:
    status, out, _ = tramthu("passes", *BOTH, "--explain")
    assert status == 0
    assert "by qfh, value" in out
    assert "area around Lạng Sơn:" in out


@pytest.mark.parametrize("command", ["passes", "plan"])
def test_json_and_calendar_do_not_share_stdout(tramthu: Run, command: str) -> None:
    status, _, err = tramthu(command, *BOTH, "--json", "--ical")
    assert status == 2
    assert "one of them" in one_sentence(err)


@pytest.mark.parametrize("command", ["passes", "plan"])
def test_a_calendar_of_nothing_has_a_component(tramthu: Run, command: str) -> None:
    """RFC 5545, 3.6: one at least."""
    asked = ("--site", "lai-chau", "--elements", ELEMENTS, "--from", "2024-07-17T00:00Z", "--days", "0.01")
    status, out, _ = tramthu(command, *asked, "--ical")
    assert status == 0
    lines = out.split("\r\n")
    assert "BEGIN:VEVENT" not in lines
    assert lines.count("BEGIN:VTIMEZONE") == lines.count("END:VTIMEZONE") == 1
    assert lines[-2:] == ["END:VCALENDAR", ""]


def test_a_clock_time_without_a_zone_is_said_to_be_utc(tramthu: Run) -> None:
    asked = ("passes", "--site", "lai-chau", "--elements", ELEMENTS, "--json", "--from")
    said = one_sentence(tramthu(*asked, "2024-07-17T01:30:00")[2])
    assert "no zone and is UTC, 08:30 in" in said
    for clear in ("2024-07-17", "2024-07-17T01:30:00Z", "2024-07-17T08:30:00+07:00"):
        assert tramthu(*asked, clear)[2] == ""


@pytest.fixture
def geostationary(stations: tuple[Path, Path]) -> Path:
    """A station that hears GK-2A as well."""
    text = stations[0].read_text("utf-8")
    stations[0].write_text(text + '[[satellite]]\nname = "GK-2A"\n', encoding="utf-8")
    return stations[0]


def test_what_fills_free_time_is_said_to_count_nothing(tramthu: Run, geostationary: Path) -> None:
    status, out, _ = tramthu("plan", "-c", geostationary, "--from", "2024-07-17", "--explain")
    assert status == 0
    table, explained = out.split("\n\n", 1)
    rows = [line for line in table.splitlines() if "GEO-KOMPSAT" in line]
    assert rows
    assert all(line.rstrip().endswith("fills") for line in rows)
    assert "value 0\n" not in explained
    assert explained.count("counts nothing beside passes") == 1


def test_passes_show_what_stays_in_sight(tramthu: Run, tmp_path: Path) -> None:
    """Three days of a satellite that stands over 128.2 degrees east, as the elements of one would have it."""
    still = load_elements(ELEMENTS)[0].to_omm() | {
        "OBJECT_NAME": "STANDS", "NORAD_CAT_ID": 99001, "MEAN_MOTION": 1.00273791, "ECCENTRICITY": 0.0,
        "INCLINATION": 0.0, "ARG_OF_PERICENTER": 0.0, "BSTAR": 0.0, "MEAN_MOTION_DOT": 0.0,
    }  # fmt: skip
    seen = False
    for anomaly in range(0, 360, 60):  # somewhere it is above the horizon
        path = tmp_path / f"{anomaly}.json"
        path.write_text(json.dumps([still | {"MEAN_ANOMALY": float(anomaly)}]))
        asked = ("--site", "lai-chau", "--elements", path, "--from", "2024-07-17", "--days", 2)
        out = tramthu("passes", *asked, "--force")[1]
        rows = [line for line in out.splitlines() if "STANDS" in line]
        seen = seen or bool(rows)
        assert all("+2d" in line and "stays" in line for line in rows)
        assert all(line.rstrip().endswith("both") for line in rows)
    assert seen


def test_passes_take_the_age_limits_of_the_configuration(tramthu: Run, stations: tuple[Path, Path]) -> None:
    asked = ("passes", "-c", stations[0], "--from", "2024-07-20", "--json")
    assert tramthu(*asked)[::2] == (0, "")
    text = stations[0].read_text("utf-8")
    stations[0].write_text(
        text.replace("[elements]\n", "[elements]\nrefuse_age_days = 1\n"), encoding="utf-8"
    )
    status, _, err = tramthu(*asked)
    assert status == 2
    assert "days" in one_sentence(err)
