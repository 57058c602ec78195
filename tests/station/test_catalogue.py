"""The catalogue: rows before acts, derived states, hashes, migrations, damage."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.catalogue import CATALOGUE_NAME, Booking, Catalogue
from station.errors import CatalogueError
from station.records import derived_state
from station.schema import STEPS, Base
from tests.station.conftest import renamed


def test_a_booking_becomes_an_observation_with_all_steps_due(catalogue: Catalogue, booking: Booking) -> None:
    made = catalogue.book(booking)
    assert made is not None
    assert [job.step for job in made.jobs] == list(STEPS)
    assert made.state == "planned"
    assert made.aos == booking.aos
    assert made.aos.tzinfo is not None
    assert catalogue.book(booking) is None
    assert len(catalogue.observations()) == 1


def test_steps_go_from_due_to_done_with_hashed_files(catalogue: Catalogue, booking: Booking) -> None:
    catalogue.book(booking)
    states = []
    for step in STEPS:
        running = catalogue.begin(booking.name, step)
        states.append(running.state)
        path = running.folder / f"{step}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(step.encode())
        catalogue.finish(booking.name, step, {"n": 1}, [path])
        states.append(catalogue.observation(booking.name).state)
    done = catalogue.observation(booking.name)
    assert states == ["running", "due", "running", "due", "running", "due", "running", "done"]
    assert [f.sha256 for f in done.files] == [hashlib.sha256(s.encode()).hexdigest() for s in STEPS]
    assert all(job.attempts == 1 and job.started and job.ended for job in done.jobs)
    assert catalogue.unfinished() == []


def test_what_ends_earlier_has_its_middle_before_its_end(catalogue: Catalogue, booking: Booking) -> None:
    catalogue.book(booking)
    end = booking.aos + timedelta(minutes=4)
    catalogue.bring_forward(booking.name, end)
    told = catalogue.observation(booking.name)
    assert (told.end, told.los) == (end, end)
    assert told.tca == booking.aos + timedelta(minutes=2)


def test_a_failure_names_its_reason_and_ends_what_follows(catalogue: Catalogue, booking: Booking) -> None:
    catalogue.book(booking)
    catalogue.begin(booking.name, "record")
    catalogue.finish(booking.name, "record", {})
    catalogue.begin(booking.name, "decode")
    catalogue.fail(booking.name, "decode", "nothing usable: no signal")
    failed = catalogue.observation(booking.name)
    assert failed.state == "failed"
    assert [job.state for job in failed.jobs] == ["done", "failed", "failed", "failed"]
    assert failed.job("image").reason == "not begun: decode failed"
    assert catalogue.unfinished() == []


@given(st.lists(st.sampled_from(["due", "running", "done", "failed"]), min_size=4, max_size=4))
def test_the_state_follows_from_the_jobs(states: list[str]) -> None:
    state = derived_state(states)
    assert (state == "failed") == ("failed" in states)
    assert (state == "done") == (set(states) == {"done"})
    assert (state == "planned") == (set(states) == {"due"})


def test_a_row_survives_without_a_clean_end(tmp_path: Path, booking: Booking) -> None:
    """Another process sees the row as soon as `begin` has returned."""
    first = Catalogue(tmp_path)
    first.book(booking)
    first.begin(booking.name, "record")
    assert Catalogue(tmp_path).observation(booking.name).job("record").state == "running"


def test_threads_may_write_at_once(catalogue: Catalogue, booking: Booking) -> None:
    def work(number: int) -> None:
        name = f"n{number}"
        catalogue.book(renamed(booking, name, aos=booking.aos + timedelta(hours=number)))
        catalogue.begin(name, "record")
        catalogue.finish(name, "record", {})

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [o.job("record").state for o in catalogue.observations()] == ["done"] * 8


def test_observations_are_found_by_time_and_satellite(catalogue: Catalogue, booking: Booking) -> None:
    for hours in range(5):
        shift = timedelta(hours=hours)
        catalogue.book(renamed(booking, f"n{hours}", aos=booking.aos + shift, los=booking.los + shift))
    assert [o.name for o in catalogue.observations(limit=2)] == ["n4", "n3"]
    assert [o.name for o in catalogue.observations(since=booking.los + timedelta(hours=3))] == ["n4", "n3"]
    assert [o.name for o in catalogue.observations(until=booking.aos)] == ["n0"]
    assert catalogue.observations(satellite="NOAA 19") == []


def test_the_migrations_make_the_tables_of_the_schema(catalogue: Catalogue) -> None:
    with sqlite3.connect(catalogue.path) as connection:
        for name, table in Base.metadata.tables.items():
            columns = {row[1] for row in connection.execute(f"pragma table_info('{name}')")}
            assert columns == set(table.columns.keys())
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_catalogue_that_is_none_is_said(tmp_path: Path, booking: Booking) -> None:
    (tmp_path / CATALOGUE_NAME).write_bytes(b"this is no database" * 100)
    with pytest.raises(CatalogueError, match="not a database") as error:
        Catalogue(tmp_path)
    assert error.value.exit_status == 3
    with pytest.raises(CatalogueError, match="no observation 'x'"):
        Catalogue(tmp_path / "new").observation("x")


def test_the_copy_before_a_migration_holds_the_newest_rows(tmp_path: Path, booking: Booking) -> None:
    """After a kill they stand in the log beside the database only."""
    alive, killed = Catalogue(tmp_path / "alive"), tmp_path / "killed"
    alive.book(booking)
    killed.mkdir()
    for file in (tmp_path / "alive").iterdir():
        if not file.name.endswith("-shm"):
            (killed / file.name).write_bytes(file.read_bytes())
    assert (killed / f"{CATALOGUE_NAME}-wal").stat().st_size > 0
    with closing(sqlite3.connect(tmp_path / "copied")) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr("station.database._revision", lambda _: "0000")
        patch.setattr("alembic.command.upgrade", lambda *_: None)
        Catalogue(killed).close()
        (copy,) = killed.glob("*.before-*")
        made.execute(f"attach '{copy}' as copy")
        assert made.execute("select name from copy.observation").fetchall() == [(booking.name,)]
