"""A daemon that starts in mid-pass begins the recorder before it has imported itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hardware.errors import SafetyError
from station.alone import alone_in
from station.at_once import recorders_at_once
from station.catalogue import Booking, Catalogue
from station.config import RtlTcpReceiver
from station.processes import Worker
from station.recorder import Recorder
from station.records import Observation
from tests.station.conftest import ModuleOf, Run, entered, station_file
from tests.station.desk import kill_workers, workers_of
from tests.waiting import wait_for

NOW = datetime.now(UTC)
Patch = pytest.MonkeyPatch


@pytest.fixture
def observation(
    catalogue: Catalogue,
    booking: Booking,
    module_of: ModuleOf,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Observation]:
    """One that is recorded, as the catalogue says, for another hour, by a module that does nothing."""
    code = "import os, time\nopen(os.environ['TRAMTHU_PROGRESS'], 'w').write('0.5')\ntime.sleep(600)\n"
    monkeypatch.setattr("station.recorder._MODULE", module_of("idle_recorder", code))
    made = entered(catalogue, replace(booking, start=NOW, end=NOW + timedelta(hours=1)))
    _describe(made)
    yield catalogue.begin(made.name, "record")
    kill_workers(catalogue.data_dir, b"idle_recorder")


def _describe(observation: Observation, **other: Any) -> None:
    """As `station.observation` leaves it, of what is needed here."""
    table = {"end": observation.end.isoformat(), "receiver": {"type": "rtl_tcp"}}
    (observation.folder / "observation.json").write_text(json.dumps(table | other), "utf-8")


def _end(begun: dict[str, Worker]) -> None:
    for worker in begun.values():
        worker.kill()
        worker.wait()


def test_the_recorder_of_a_pass_under_way_is_begun_once(
    catalogue: Catalogue, observation: Observation
) -> None:
    begun = recorders_at_once(catalogue.data_dir, NOW)
    assert list(begun) == [observation.name]
    wait_for(lambda: begun[observation.name].progress == 0.5, "it does not begin")
    assert recorders_at_once(catalogue.data_dir, NOW) == {}
    _end(begun)
    again = recorders_at_once(catalogue.data_dir, NOW)
    assert list(again) == [observation.name]
    _end(again)


def test_it_is_watched_by_the_daemon_that_began_it(catalogue: Catalogue, observation: Observation) -> None:
    (worker,) = recorders_at_once(catalogue.data_dir, NOW).values()
    seen: set[int] = set()

    def watch() -> None:
        if worker.progress == 0.5:
            seen.update(workers_of(catalogue.data_dir, b"idle_recorder"))
            worker.kill()

    over = replace(observation, end=NOW)
    recorder = Recorder(over, RtlTcpReceiver(type="rtl_tcp"), lambda: False, 600.0, worker)
    assert recorder.run(watch).status == -9
    assert seen == {worker.pid}


@pytest.mark.parametrize(
    "other",
    [
        {"end": NOW.isoformat()},
        {"receiver": {"type": "simulator"}},
        {"receiver": {"type": "no such"}},
        {"wide": "/another/recording"},
        {"end": None},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_is_over_can_wait_or_cannot_be_told_is_left_to_the_daemon(
    catalogue: Catalogue, observation: Observation, other: dict[str, Any]
) -> None:
    _describe(observation, **other)
    assert recorders_at_once(catalogue.data_dir, NOW) == {}


def test_beside_another_daemon_nothing_is_begun(catalogue: Catalogue, observation: Observation) -> None:
    with alone_in(catalogue.data_dir):
        assert recorders_at_once(catalogue.data_dir, NOW) == {}
    assert observation.job("record").state == "running"


def test_without_a_catalogue_or_a_recording_nothing_is_begun(
    tmp_path: Path, catalogue: Catalogue, observation: Observation
) -> None:
    assert recorders_at_once(tmp_path / "nowhere", NOW) == {}
    catalogue.fail(observation.name, "record", "cut off")
    assert recorders_at_once(catalogue.data_dir, NOW) == {}


@pytest.fixture
def config_file(catalogue: Catalogue) -> Iterator[Path]:
    """Of the station; who handles SIGTERM is as before afterwards."""
    path = station_file(catalogue.data_dir.parent, receiver={"type": "rtl_tcp"})
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield path
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_stop_while_the_daemon_starts_leaves_no_recorder(
    tramthu: Run, config_file: Path, catalogue: Catalogue, observation: Observation, monkeypatch: Patch
) -> None:
    def unheard(*_: object) -> None:
        raise SystemExit(143)

    def begun_and_stopped(*args: Any) -> dict[str, Worker]:
        begun = recorders_at_once(*args)
        assert list(begun) == [observation.name]
        signal.raise_signal(signal.SIGTERM)
        return begun

    signal.signal(signal.SIGTERM, unheard)
    monkeypatch.setattr("station.at_once.recorders_at_once", begun_and_stopped)
    status, _, err = tramthu("run", "-c", config_file)
    assert (status, workers_of(catalogue.data_dir, b"")) == (0, []), err
    assert catalogue.observation(observation.name).job("record").reason == "ended by SIGTERM"


def test_a_daemon_that_cannot_begin_leaves_no_recorder(
    tramthu: Run, config_file: Path, catalogue: Catalogue, observation: Observation, monkeypatch: Patch
) -> None:
    """It is killed, as one that ends in order is over: the next start goes on with the recording."""
    begun: dict[str, Worker] = {}

    def refuses(*_: object, **words: Any) -> None:
        begun.update(words["begun"])
        raise SafetyError("what may forbid motion cannot be asked")

    monkeypatch.setattr("station.daemon.Daemon.__init__", refuses)
    status, _, err = tramthu("run", "-c", config_file)
    assert (status, workers_of(catalogue.data_dir, b"")) == (3, []), err
    ended = begun[observation.name].ended
    assert ended is not None
    assert ended.status == -signal.SIGKILL
    assert catalogue.observation(observation.name).job("record").state == "running"


def test_what_leads_to_it_imports_neither_database_nor_solver() -> None:
    """They cost more of a processor than all the rest, while samples are lost."""
    code = (
        "import sys, station.commands.app, station.at_once\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"numpy", "typer"} <= set(said.split())
    assert not {"sqlalchemy", "alembic", "scipy", "fastapi"} & set(said.split())
