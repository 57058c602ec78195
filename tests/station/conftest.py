"""A station on a desk, its clock and its command line."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from station import cli
from station.catalogue import Booking, Catalogue, Observation
from station.config import StationConfig, parse_config

ROOT = Path(__file__).resolve().parents[2]
ELEMENTS = ROOT / "scheduler/data/elements/meteor_2024-07-16.txt"
START = datetime(2024, 7, 17, tzinfo=UTC)
Run = Callable[..., tuple[int, str, str]]
ModuleOf = Callable[[str, str], str]


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Commands that run in this process set logging up on a stream that ends with their test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def tramthu(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process; status, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tramthu", *(str(a) for a in arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capfd.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, out, err

    return run


def one_sentence(err: str) -> str:
    """The one line that is said."""
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1, err
    assert "Traceback" not in err
    assert lines[0].startswith("tramthu: ")
    return lines[0]


class ManualClock:
    """Time that passes only when somebody waits; waiting lets `between` run first."""

    def __init__(self, start: datetime, end: datetime, between: Callable[[], None] = lambda: None) -> None:
        self.time, self.end, self.between = start, end, between

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        self.between()
        self.time += timedelta(seconds=max(seconds, 0.001))
        if self.time >= self.end:
            stop.set()
        return stop.is_set()


class AtOnce(Executor):
    """Plans while the daemon waits for it, so that a simulated clock stands meanwhile."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def station_table(data_dir: Path, **receiver: Any) -> dict[str, Any]:
    """A configuration as TOML gives it."""
    return {
        "station": {
            "name": "Lai Châu",
            "latitude_deg": 22.4,
            "longitude_deg": 103.45,
            "altitude_m": 900,
            "data_dir": str(data_dir),
        },
        "receiver": receiver or {"type": "simulator"},
        "elements": {"files": [str(ELEMENTS)]},
        "satellite": [
            {"name": "METEOR-M2 4", "priority": 2},
            {"name": "METEOR-M2 3", "min_elevation_deg": 20.0},
        ],
        "schedule": {"keep_free_gb": 0.1},
    }


def station_file(folder: Path, **tables: Any) -> Path:
    """`station.toml` of a station with one satellite in a folder; these tables stand in place of its own."""
    given = station_table(folder / "data") | {"satellite": [{"name": "METEOR-M2 4"}]} | tables
    path = folder / "station.toml"
    path.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in given.items()), "utf-8")
    return path


def _toml(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


@pytest.fixture
def config(tmp_path: Path) -> StationConfig:
    return parse_config(station_table(tmp_path / "data"))


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "data")


@pytest.fixture
def booking() -> Booking:
    return Booking(
        name="20240717T073324Z_METEOR-M2_4",
        key="59051@20240717T074100Z",
        satellite="METEOR-M2 4",
        norad_id=59051,
        downlink="meteor_lrpt",
        frequency_hz=137.9e6,
        site={"name": "Lai Châu", "latitude_deg": 22.4, "longitude_deg": 103.45, "altitude_m": 900.0},
        elements={"OBJECT_NAME": "METEOR-M2 4"},
        aos=START + timedelta(hours=7, minutes=33),
        tca=START + timedelta(hours=7, minutes=41),
        los=START + timedelta(hours=7, minutes=48),
        start=START + timedelta(hours=7, minutes=33),
        end=START + timedelta(hours=7, minutes=48),
        max_elevation_deg=69.8,
    )


def entered(catalogue: Catalogue, booking: Booking) -> Observation:
    """Its observation, and the folder of it."""
    made = catalogue.book(booking)
    assert made is not None
    made.folder.mkdir(parents=True)
    return made


@pytest.fixture
def observation(catalogue: Catalogue, booking: Booking) -> Observation:
    return entered(catalogue, booking)


@pytest.fixture
def module_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleOf:
    """Makes a module, of a name and a text, that workers find."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    def made(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return made


def orphan(module: str, arguments: list[str], log: Path, *, at_work: bool = True, **options: bool) -> int:
    """Process id of a worker, which may have told its progress, whose supervisor was killed then."""
    code = (
        "import pathlib, time\n"
        "from station.processes import Worker\n"
        f"worker = Worker({module!r}, {arguments!r}, pathlib.Path({str(log)!r}), **{options!r})\n"
        f"while {at_work} and worker.progress is None: time.sleep(0.05)\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        supervisor.kill()
    return pid


def renamed(booking: Booking, name: str, **fields: Any) -> Booking:
    return replace(booking, name=name, key=name, **fields)
