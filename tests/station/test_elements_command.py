"""`tramthu elements`: what is kept, what is in quarantine, and the operator's word on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.elements import load_elements
from scheduler.fetch import ElementStore
from station.alone import alone_in
from station.config import load_config
from station.element_supply import ElementSupply, store_of
from tests.station.conftest import ELEMENTS, Run, one_sentence

NAMES = {57166: "METEOR-M2 3", 59051: "METEOR-M2 4"}


def _sets(path: Path, days_old: float, node_deg: float = 0.0) -> None:
    """Both satellites as if their sets were that old today; a turned orbital plane is no orbit of theirs."""
    epoch = (datetime.now(UTC) - timedelta(days=days_old)).strftime("%Y-%m-%dT%H:%M:%S.%f")
    made = [e.to_omm() | {"EPOCH": epoch} for e in load_elements(ELEMENTS) if e.norad_id in NAMES]
    for omm in made:
        omm["RA_OF_ASC_NODE"] = (float(omm["RA_OF_ASC_NODE"]) + node_deg) % 360
    path.write_text(json.dumps(made))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    _sets(tmp_path / "sets.json", days_old=5)
    path = tmp_path / "station.toml"
    path.write_text(
        '[station]\nname = "X"\nlatitude_deg = 22.4\nlongitude_deg = 103.45\n[receiver]\ntype = "rtl_tcp"\n'
        '[elements]\nfiles = ["sets.json"]\n[[satellite]]\nname = "METEOR-M2 4"\n'
        '[[satellite]]\nname = "METEOR-M2 3"\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def doubtful(config: Path) -> Path:
    """A station with a good set of each satellite, and a later one that does not follow from it."""
    station = load_config(config)
    store, file = ElementStore(store_of(station)), config.with_name("sets.json")
    store.refresh([file], NAMES, datetime.now(UTC))
    _sets(file, days_old=1, node_deg=30)
    store.refresh([file], NAMES, datetime.now(UTC))
    return config


def _rows(tramthu: Run, *arguments: object) -> dict[int, dict[str, object]]:
    status, out, _ = tramthu("elements", "--json", *arguments)
    assert status == 0
    return {row["norad_id"]: row for row in json.loads(out)}


def test_what_is_kept_is_listed_with_its_age_and_what_that_costs(tramthu: Run, config: Path) -> None:
    rows = _rows(tramthu, "-c", config)
    assert {row["state"] for row in rows.values()} == {"absent"}
    assert not (config.parent / "data").exists()  # looking makes no store
    status, _, err = tramthu("elements", "-c", config, "--refresh")
    assert status == 0
    assert "sets.json: read" in err
    rows = _rows(tramthu, "-c", config)
    assert {number: row["satellite"] for number, row in rows.items()} == NAMES
    for row in rows.values():
        assert row["state"] == "good"
        assert row["age_days"] == pytest.approx(5, abs=0.1)
        assert 0 < row["timing_error_s"] < 2  # type: ignore[operator]
        assert str(row["source"]).endswith("sets.json")
        assert row["quarantine"] == []
    out = tramthu("elements", "-c", config)[1]
    assert all(name in out for name in NAMES.values())


def test_the_operator_lets_a_set_in(tramthu: Run, doubtful: Path) -> None:
    (refused,) = _rows(tramthu, "-c", doubtful)[59051]["quarantine"]  # type: ignore[misc]
    assert refused["reason"]
    assert "in quarantine" in tramthu("elements", "-c", doubtful)[1]
    status, _, err = tramthu("elements", "-c", doubtful, "--release", 59051)
    assert status == 0
    assert "is let in" in one_sentence(err)
    rows = _rows(tramthu, "-c", doubtful)
    assert (rows[59051]["epoch"], rows[59051]["quarantine"]) == (refused["epoch"], [])
    assert rows[57166]["quarantine"]  # the other one stays
    status, _, err = tramthu("elements", "-c", doubtful, "--release", 59051)
    assert status != 0
    assert "59051" in one_sentence(err)


def test_while_a_daemon_works_it_alone_lets_in(tramthu: Run, doubtful: Path) -> None:
    station = load_config(doubtful)
    before = _rows(tramthu, "-c", doubtful)
    supply = ElementSupply(station)
    with alone_in(station.station.data_dir):
        assert tramthu("elements", "-c", doubtful, "--refresh")[0] == 2
        status, _, err = tramthu("elements", "-c", doubtful, "--release", "METEOR-M2 4")
        assert status == 0
        assert "when it plans next" in one_sentence(err)
        assert _rows(tramthu, "-c", doubtful) == before
        sets, _ = supply.elements(datetime.now(UTC))
    ages = {e.norad_id: e.age_days(datetime.now(UTC)) for e in sets}
    assert ages == {57166: pytest.approx(5, abs=0.1), 59051: pytest.approx(1, abs=0.1)}
    supply.elements(datetime.now(UTC))  # once asked, once done
    assert not list((store_of(station) / "release").iterdir())


def test_what_the_sources_gave_serves_the_other_commands(tramthu: Run, config: Path) -> None:
    """A station that names no file was told to give -c, which it had given."""
    words = config.read_text("utf-8").replace(
        'files = ["sets.json"]', f'sources = ["{config.parent}/*.json"]'
    )
    words += '[[antenna]]\nname = "a"\nkind = "qfh"\nfrequency_ranges_hz = [[137e6, 138e6]]\n'
    config.write_text(words + '[antenna.rotator]\nmodel = "Dummy"\n', "utf-8")
    commands = (("passes",), ("plan",), ("track", "--dry-run"))
    for command in commands:
        status, _, err = tramthu(*command, "-c", config)
        assert status == 2
        assert "`tramthu elements -c station.toml --refresh`" in one_sentence(err)
    assert tramthu("elements", "-c", config, "--refresh")[0] == 0
    for command in commands:
        status, out, err = tramthu(*command, "-c", config)
        assert (status, err) == (0, "")
        assert "METEOR-M2" in out
