"""The daemon: simulated days in seconds, and real processes that are stopped and killed in mid-pass."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scheduler.elements import load_elements
from scheduler.frames import Site
from scheduler.passes import find_passes
from scheduler.plan import Plan
from sdr.recording import open_recording
from station.catalogue import Booking, Catalogue, Observation
from station.config import parse_config
from station.daemon import Daemon
from station.errors import CatalogueError, StationError
from station.ledger import rejected_passes
from station.observation import Crew
from station.schedule import Schedule
from station.schema import STEPS
from tests.station.conftest import ELEMENTS, START, AtOnce, ManualClock, renamed, station_file, station_table
from tests.station.desk import up_now, workers_of
from tests.waiting import wait_for


def _quick(observation: Observation, crew: Crew) -> Observation:
    """Every step done at once."""
    for step in STEPS:
        crew.catalogue.begin(observation.name, step)
        crew.catalogue.finish(observation.name, step, {})
    return crew.catalogue.observation(observation.name)


def _daemon(
    folder: Path,
    clock: ManualClock,
    *,
    observe_one: Callable[[Observation, Crew], Observation] = _quick,
    tick_s: float = 3600.0,
    **tables: Any,
) -> Daemon:
    """One that plans at once; these tables stand in place of those of its station."""
    config = parse_config(station_table(folder) | tables)
    return Daemon(config, clock=clock, observe_one=observe_one, planner=AtOnce(), tick_s=tick_s)


def _health(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "health.json").read_text()))


def test_days_of_passes_are_observed_once_each(tmp_path: Path) -> None:
    clock = ManualClock(START, START + timedelta(days=2))
    daemon = _daemon(tmp_path, clock)
    clock.between = daemon.settle
    daemon.run()
    observations = Catalogue(tmp_path).observations()
    over = [o for o in observations if o.end < clock.time]
    assert len(over) > 7
    assert {o.state for o in over} == {"done"}
    tcas = sorted((o.norad_id, o.tca) for o in observations)
    assert all(b[0] != a[0] or b[1] - a[1] > timedelta(minutes=80) for a, b in pairwise(tcas))
    health = _health(tmp_path)
    assert health["state"] == "stopped"
    assert health["ok"] is True


def _two_receivers(folder: Path) -> dict[str, Any]:
    """Tables of a station with two antennas and receivers, and two satellites that fly side by side."""
    omm = load_elements(ELEMENTS)[1].to_omm()
    twin = omm | {"OBJECT_NAME": "METEOR-M2 3", "NORAD_CAT_ID": 57166}
    (folder / "twins.json").write_text(json.dumps([omm, twin]))
    antennas = [
        {"name": name, "kind": "qfh", "frequency_ranges_hz": [[137e6, 138e6]]} for name in ("north", "south")
    ]
    receivers = [
        {"name": name, "type": "rtl_tcp", "antennas": [antenna]}
        for name, antenna in (("a", "north"), ("b", "south"))
    ]
    elements = {"files": [str(folder / "twins.json")]}
    return {"receiver": receivers, "antenna": antennas, "elements": elements}


def test_two_receivers_record_at_once(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=60)
    met: list[str] = []

    def together(observation: Observation, crew: Crew) -> Observation:
        both.wait()
        met.append(observation.name)
        return _quick(observation, crew)

    clock = ManualClock(START, START + timedelta(hours=9))
    daemon = _daemon(tmp_path, clock, observe_one=together, **_two_receivers(tmp_path))
    clock.between = daemon.settle
    daemon.run()
    over = [o for o in Catalogue(tmp_path).observations() if o.end < clock.time]
    assert len(over) == 2
    assert {o.receiver for o in over} == {"a", "b"}
    assert {o.antenna for o in over} == {"north", "south"}
    assert {o.name for o in over} == set(met)


def test_why_a_pass_is_left_stands_in_the_catalogue(tmp_path: Path) -> None:
    clock = ManualClock(START, START + timedelta(days=1))
    daemon = _daemon(tmp_path, clock)
    clock.between = daemon.settle
    daemon.run()
    catalogue = Catalogue(tmp_path)
    over = {(o.norad_id, round(o.tca.timestamp())) for o in catalogue.observations(until=clock.time)}
    left = {(r.norad_id, round(r.tca.timestamp())) for r in rejected_passes(catalogue, until=clock.time)}
    expected = {
        (p.norad_id, round(p.tca.timestamp()))
        for elements in load_elements(ELEMENTS)
        for p in find_passes(elements, Site("Lai Châu", 22.4, 103.45, 900), START, clock.time)
    }
    assert over | left >= expected
    assert not over & left


def test_a_rotator_gets_its_time_before_the_pass_but_not_from_the_one_before(
    tmp_path: Path, booking: Booking
) -> None:
    rotator = {"azimuth_max_deg": 450, "rate_deg_s": 2}
    daemon = _daemon(tmp_path, ManualClock(START, START), rotator=rotator)
    alone = daemon.catalogue.book(replace(booking, receiver="receiver", antenna="antenna"))
    assert alone is not None
    lead = alone.start - daemon._begins(alone, [alone])
    assert timedelta(seconds=225) < lead < timedelta(seconds=260)
    before = replace(
        booking,
        name="before",
        key="before",
        antenna="antenna",
        start=booking.start - timedelta(minutes=20),
        end=booking.start - timedelta(seconds=100),
    )
    daemon.catalogue.book(before)
    assert daemon._begins(alone, daemon.catalogue.unfinished()) == before.end


def test_a_look_asks_the_catalogue_once_however_much_is_booked(
    tmp_path: Path, booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = _daemon(tmp_path, ManualClock(START, START), rotator={"azimuth_max_deg": 450})
    for name in ("first", "second", "third"):
        daemon.catalogue.book(renamed(booking, name, antenna="antenna"))
    daemon._planned_at, ask, asked = START, daemon.catalogue.unfinished, []
    monkeypatch.setattr(daemon.catalogue, "unfinished", lambda: asked.append(1) or ask())
    assert daemon._look() > 0
    daemon.write_health("running")
    assert len(asked) == 1


@pytest.mark.parametrize("after_s", range(6))
def test_a_start_that_comes_during_a_look_is_not_slept_over(
    tmp_path: Path, booking: Booking, monkeypatch: pytest.MonkeyPatch, after_s: int
) -> None:
    """Looking takes time: what began meanwhile begins at the next look, which is at once."""
    begun: list[str] = []
    clock = ManualClock(booking.start, booking.end)
    monkeypatch.setattr(clock, "now", lambda: clock.wait(1.0, threading.Event()) or clock.time)
    daemon = Daemon(parse_config(station_table(tmp_path)), clock=clock, planner=AtOnce())
    monkeypatch.setattr(daemon, "_start", lambda observation: begun.append(observation.name))
    start = booking.start + timedelta(seconds=after_s)
    daemon.catalogue.book(replace(booking, start=start, receiver="receiver", antenna="antenna"))
    daemon._planned_at = clock.time
    pause_s = daemon._look()
    assert begun or pause_s <= max((start - clock.time).total_seconds(), 0.1)


def test_an_observation_that_breaks_ends_as_failed_and_the_daemon_goes_on(tmp_path: Path) -> None:
    def breaks(observation: Observation, crew: Crew) -> Observation:
        crew.catalogue.begin(observation.name, "record")
        raise RuntimeError("a bug")

    clock = ManualClock(START, START + timedelta(days=1))
    daemon = _daemon(tmp_path, clock, observe_one=breaks)
    clock.between = daemon.settle
    daemon.run()
    over = [o for o in Catalogue(tmp_path).observations() if o.end < clock.time]
    assert len(over) >= 3
    assert {o.job("record").reason for o in over} == {"RuntimeError: a bug"}
    health = _health(tmp_path)
    assert health["ok"] is False
    assert "record failed: RuntimeError: a bug" in str(health["problems"])


def test_an_observation_that_could_not_begin_is_begun_while_its_pass_lasts(tmp_path: Path) -> None:
    """As on a disk that is full for a moment."""
    tried: list[str] = []

    def refused_at_first(observation: Observation, crew: Crew) -> Observation:
        tried.append(observation.name)
        if tried.count(observation.name) < 3:
            raise CatalogueError("database or disk is full")
        return _quick(observation, crew)

    clock = ManualClock(START + timedelta(minutes=100), START + timedelta(minutes=130))
    daemon = _daemon(tmp_path, clock, observe_one=refused_at_first, tick_s=120.0)

    def threads_end() -> None:
        for thread in list(daemon._threads.values()):
            thread.join()

    clock.between = threads_end
    daemon.run()
    over = [o for o in Catalogue(tmp_path).observations() if o.end < clock.time]
    assert over
    assert {o.state for o in over} == {"done"}
    assert {tried.count(o.name) for o in over} == {3}


def test_a_second_daemon_in_one_data_folder_is_refused(tmp_path: Path) -> None:
    def daemon(hours: float) -> Daemon:
        return _daemon(tmp_path, ManualClock(START, START + timedelta(hours=hours)))

    refused: list[bool] = []

    def second() -> None:
        with pytest.raises(StationError, match="another daemon"):
            daemon(1).run()
        refused.append(True)

    first = daemon(1)
    first.clock.between = second  # type: ignore[attr-defined]
    first.run()
    assert refused
    daemon(1).run()  # and afterwards the folder is free again


def test_a_clock_that_is_set_back_does_not_stop_the_planning(tmp_path: Path) -> None:
    ahead = START + timedelta(days=900)
    clock = ManualClock(ahead, ahead + timedelta(days=1))

    def set_right() -> None:
        if clock.time == ahead:
            clock.time, clock.end = START, START + timedelta(hours=2)

    clock.between = set_right
    _daemon(tmp_path, clock).run()
    assert Catalogue(tmp_path).observations()


def test_stale_and_broken_elements_book_nothing_and_say_so(tmp_path: Path) -> None:
    broken = tmp_path / "download.json"
    broken.write_text("<html>429 Too Many Requests</html>")
    clock = ManualClock(START + timedelta(days=3650), START + timedelta(days=3650, minutes=1))
    _daemon(tmp_path / "data", clock, elements={"files": [str(broken), str(ELEMENTS)]}).run()
    assert Catalogue(tmp_path / "data").observations() == []
    problems = str(_health(tmp_path / "data")["problems"])
    assert "web page" in problems
    assert "METEOR-M2 4: no pass is booked" in problems


def test_short_of_room_a_pass_is_received_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock(START, START + timedelta(hours=10))
    daemon = _daemon(tmp_path, clock, schedule={"keep_free_gb": 1e6})
    clock.between = daemon.settle
    with caplog.at_level("WARNING"):
        daemon.run()
    over = [o for o in Catalogue(tmp_path).observations() if o.end < clock.time]
    assert over
    assert {o.state for o in over} == {"done"}
    assert all(f"{o.name}: short of room: 0.0 GB are free" in caplog.text for o in over)


def test_a_full_disk_under_the_catalogue_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(START, START + timedelta(hours=10))
    daemon = _daemon(tmp_path, clock)
    clock.between = daemon.settle
    book, refused = daemon.catalogue.book, []

    def full_at_first(booking: Booking) -> Observation | None:
        if len(refused) < 2:
            refused.append(booking)
            raise CatalogueError("database or disk is full")
        return book(booking)

    monkeypatch.setattr(daemon.catalogue, "book", full_at_first)
    daemon.run()
    assert len(refused) == 2
    assert any(o.state == "done" for o in Catalogue(tmp_path).observations())


def test_passes_that_nobody_was_awake_for_are_entered_as_missed(tmp_path: Path) -> None:
    _daemon(tmp_path, ManualClock(START, START + timedelta(minutes=1))).run()
    clock = ManualClock(START + timedelta(hours=12), START + timedelta(hours=12, minutes=1))
    _daemon(tmp_path, clock).run()
    past = [o for o in Catalogue(tmp_path).observations() if o.end < clock.time]
    assert past
    assert {o.job("record").reason for o in past} == {"missed: the station was not running during the pass"}


def test_a_booking_that_the_catalogue_does_not_take_is_not_called_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock(START, START + timedelta(minutes=1))
    daemon = _daemon(tmp_path, clock)
    monkeypatch.setattr(daemon.catalogue, "book", lambda _booking: None)
    with caplog.at_level("INFO"):
        daemon.run()
    assert not [r for r in caplog.messages if r.startswith("booked")]
    assert "is not booked: the catalogue holds" in str(_health(tmp_path)["problems"])


def test_the_health_file_is_kept_while_workers_finish_after_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.daemon.HEARTBEAT_S", 0.1)
    seen: list[object] = []

    one_at_a_time = threading.Lock()  # else each takes away the file that another is about to read

    def slow(observation: Observation, crew: Crew) -> Observation:
        assert crew.stop.wait(60)
        for _ in range(2):
            with one_at_a_time:
                (tmp_path / "health.json").unlink(missing_ok=True)
                deadline = time.monotonic() + 30
                while not (tmp_path / "health.json").exists() and time.monotonic() < deadline:
                    time.sleep(0.02)
                seen.append(_health(tmp_path)["state"] if (tmp_path / "health.json").exists() else "silent")
        return _quick(observation, crew)

    clock = ManualClock(START, START + timedelta(hours=10))
    _daemon(tmp_path, clock, observe_one=slow).run()
    assert seen
    assert set(seen) == {"stopping"}
    assert _health(tmp_path)["state"] == "stopped"


def test_a_plan_that_takes_long_delays_no_recording_and_is_not_applied_over_what_it_began(
    tmp_path: Path, booking: Booking, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, think, begun = list[int](), threading.Event(), threading.Event()

    def slow_plan(
        _config: object, _sets: object, _now: object, taken: Sequence[Observation], **_: object
    ) -> Schedule:
        planned.append(sum(o.job("record").state == "due" for o in taken))
        assert think.wait(300)
        return Schedule(
            (replace(soon, name=f"plan {len(planned)}", key=f"{len(planned)}"),),
            (),
            (),
            (),
            Plan((), (), 0, 0),
        )

    def records(observation: Observation, crew: Crew) -> Observation:
        crew.catalogue.begin(observation.name, "record")
        begun.set()
        return observation

    monkeypatch.setattr("station.planning.plan_station", slow_plan)
    now = datetime.now(UTC)
    soon = replace(booking, **{n: now + timedelta(hours=2) for n in ("aos", "tca", "los", "start", "end")})  # type: ignore[arg-type]
    daemon = Daemon(parse_config(station_table(tmp_path)), observe_one=records)
    daemon.catalogue.book(replace(soon, start=now + timedelta(seconds=4)))
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        assert begun.wait(100), "the plan holds up the recording"
        wait_for(lambda: planned)
        assert planned == [1]
        think.set()
        wait_for(lambda: len(_names(tmp_path)) > 1, "no second plan")
    finally:
        think.set()
        daemon.stop.set()
        thread.join(100)
    assert planned == [1, 0]
    assert _names(tmp_path) == {booking.name, "plan 2"}


def _names(folder: Path) -> set[str]:
    return {observation.name for observation in Catalogue(folder).observations()}


def test_a_plan_that_fails_is_said_and_what_is_booked_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(START, START + timedelta(hours=10))
    said: list[object] = []

    def breaks() -> None:
        daemon.settle()
        if clock.time > START:
            said.append(_health(tmp_path)["problems"])

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr("station.planning.plan_station", broken)

    daemon = _daemon(tmp_path, clock)
    clock.between = breaks
    daemon.run()
    assert said
    assert all("nothing new is planned: ZeroDivisionError: a bug" in str(problems) for problems in said)
    over = [o for o in Catalogue(tmp_path).observations() if o.end < clock.time]
    assert over
    assert {o.state for o in over} == {"done"}


# Real processes from here on: the machine's clock, a satellite made to be up now, a receiver that plays noise


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """A station.toml with a pass under way."""
    np.random.default_rng(1).integers(0, 256, 2 * 250_000 * 60, dtype=np.uint8).tofile(tmp_path / "noise.cu8")
    (tmp_path / "elements.json").write_text(json.dumps([up_now(4).to_omm()]))
    receiver = {"type": "playback", "file": "noise.cu8", "format": "cu8", "sample_rate": 250_000}
    return station_file(
        tmp_path,
        receiver=receiver | {"realtime": True},
        elements={"files": ["elements.json"]},
        satellite=[{"name": "METEOR-M2 4", "min_elevation_deg": 0}],
    )


@contextmanager
def _running(config: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "station.cli", "run", "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _wait_for_samples(data: Path, count: int) -> Path:
    def recorded() -> Path | None:
        found = data.glob("observations/*/recording.sigmf-data")
        return next((path for path in found if path.stat().st_size > 2 * count), None)

    return Path(wait_for(recorded, "nothing was recorded"))


def test_sigterm_in_mid_pass_closes_the_recording_and_decodes_it(station: Path) -> None:
    data = station.parent / "data"
    with _running(station) as process:
        path = _wait_for_samples(data, 500_000)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    with open_recording(path) as reader:
        assert reader.info.sample_count is not None
        assert reader.info.sample_count >= 500_000
        assert not reader.notes  # it has its end mark
    observation = Catalogue(data).observations()[-1]
    assert observation.job("record").state == "done"
    assert "the station was stopped" in observation.job("record").reason
    assert observation.job("decode").reason.startswith("nothing usable"), err
    assert "decode failed: nothing usable" in err
    assert _health(data)["state"] == "stopped"


def _worker_of(path: Path, word: bytes) -> int:
    """Process id of the worker for a recording whose command line holds a word; 0 without one."""
    return next(iter(workers_of(path.parent, word)), 0)


def _ended_in_order(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return str(err)


def _only_observation(data: Path, path: Path) -> Observation:
    (one,) = [o for o in Catalogue(data).observations() if o.job("record").attempts]
    assert one.name == path.parent.name
    return one


def test_a_daemon_that_is_killed_in_mid_pass_costs_no_sample(station: Path) -> None:
    """The recorder outlives it, and the next one takes it over."""
    data = station.parent / "data"
    with _running(station) as process:
        path = _wait_for_samples(data, 500_000)
        recorder = _worker_of(path, b"station.record")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    size = path.stat().st_size
    wait_for(lambda: path.stat().st_size > size, "the recorder died with the daemon")
    with _running(station) as process:
        wait_for(lambda: _worker_of(path, b"decode") != 0, "nothing is decoded")
        assert _worker_of(path, b"station.record") == recorder
        err = _ended_in_order(process)
    assert "the recorder lives, and is watched on" in err
    one = _only_observation(data, path)
    assert one.job("record").state == "done"
    assert (one.job("record").result or {})["gaps"] == 0
    assert one.job("decode").reason.startswith("nothing usable")  # noise was decoded to its end
    with open_recording(path) as reader:
        assert reader.info.end == "stopped on request"
        assert reader.info.gaps == ()


@pytest.mark.slow
def test_what_was_killed_with_the_daemon_goes_on_in_the_same_recording(station: Path) -> None:
    """As after a power cut."""
    data = station.parent / "data"
    with _running(station) as process:
        path = _wait_for_samples(data, 500_000)
        os.kill(process.pid, signal.SIGKILL)
        os.kill(_worker_of(path, b"station.record"), signal.SIGKILL)
        process.wait(10)
    before = path.read_bytes()
    (data / "health.json").unlink(missing_ok=True)
    with _running(station) as process:
        wait_for(lambda: path.stat().st_size > len(before) + 500_000, "the recording does not go on")
        # A spare recorder may have gone on before the daemon is there to be told to stop.
        wait_for((data / "health.json").exists, "the daemon does not begin")
        _ended_in_order(process)
    one = _only_observation(data, path)
    assert one.job("record").state == "done"
    with open_recording(path) as reader:
        assert reader.info.end == "stopped on request"
        (gap,) = reader.info.gaps
    kept = min(2 * gap.sample_index, len(before))  # what was in memory is kept beyond what was on the disk
    assert kept > 0.5 * len(before)
    assert path.read_bytes()[:kept] == before[:kept]


def test_a_recorder_and_a_decoder_that_are_killed_in_mid_pass_are_begun_again(station: Path) -> None:
    data = station.parent / "data"
    with _running(station) as process:
        path = _wait_for_samples(data, 500_000)
        wait_for(lambda: _worker_of(path, b"decode") != 0, "nothing is decoded")
        decoder, size = _worker_of(path, b"decode"), path.stat().st_size
        os.kill(_worker_of(path, b"station.record"), signal.SIGKILL)
        os.kill(decoder, signal.SIGKILL)
        wait_for(lambda: _worker_of(path, b"decode") not in (0, decoder), "no decoder is begun again")
        wait_for(lambda: path.stat().st_size > size + 500_000, "the recording does not go on")
        err = _ended_in_order(process)
    one = _only_observation(data, path)
    record, decode = one.job("record"), one.job("decode")
    assert (record.state, (record.result or {})["gaps"], (record.result or {})["deaths"]) == ("done", 1, 1)
    assert record.reason.startswith("recorded with an interruption: the recorder died once (ended by SIGKILL")
    assert [line for line in err.splitlines() if "WARNING" in line and record.reason in line], err
    assert decode.reason.startswith("nothing usable")  # noise was decoded to its end
    assert (decode.attempts, (decode.result or {})["folder"]) == (1, "decoded")
    health = _health(data)
    assert health["ok"] is False
    assert f"{one.name}: {record.reason}" in health["problems"]  # type: ignore[operator]
    told: dict[str, Any]
    (told,) = health["recordings"]  # type: ignore[misc]
    assert (told["name"], told["gaps"], told["level_dbfs"]) == (one.name, 1, pytest.approx(-1.8, abs=0.3))
    assert told["lost_s"] > 0
    assert 0.003 < told["clipped"] < 0.06  # one in 64 of such samples has a part at either end
