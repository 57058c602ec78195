"""The recorder: a receiver that is late costs the time that it is late, not the pass."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler.elements import load_elements
from sdr.errors import DeviceError
from sdr.recording import open_recording
from sdr.writer import RecordingWriter
from sim.packet_source import FillSource
from sim.request import PassSimulation
from sim.rtl_tcp_server import RtlTcpServer
from station.commands.options import SITES
from station.config import RtlTcpReceiver
from station.processes import GO
from station.record import Assignment, is_orphaned, main, record_assignment
from tests.station.conftest import ELEMENTS, START
from tests.waiting import free_port


def _assignment(port: int, seconds: float) -> Assignment:
    now = datetime.now(UTC)
    return Assignment(
        satellite="METEOR-M2 4",
        frequency_hz=137.9e6,
        site=SITES["lai-chau"],
        elements=load_elements(ELEMENTS)[1],
        start=now,
        end=now + timedelta(seconds=seconds),
        receiver=RtlTcpReceiver(type="rtl_tcp", port=port, sample_rate=250e3),
    )


def test_a_dongle_that_comes_late_is_waited_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    sky = PassSimulation(None, None, START, START + timedelta(seconds=60), ebn0_db=10.0)
    ended, there = threading.Event(), list[datetime]()

    def plug_in() -> None:
        time.sleep(2.0)
        with RtlTcpServer(sky, port=port, source=FillSource()):
            there.append(datetime.now(UTC))
            ended.wait(30)

    dongle = threading.Thread(target=plug_in)
    dongle.start()
    wanted = _assignment(port, 6.0)
    try:
        count = record_assignment(wanted, tmp_path / "late", threading.Event(), lambda fraction: None)  # noqa: ARG005
    finally:
        ended.set()
        dongle.join()
    assert "the receiver is tried again until the pass is over: " in capfd.readouterr().err
    with open_recording(tmp_path / "late.sigmf-meta") as reader:
        start = reader.info.start
    assert start is not None
    assert start - wanted.start > timedelta(seconds=1.5)
    assert count / 250e3 == pytest.approx((wanted.end - start).total_seconds(), abs=0.2)
    assert start - there[0] < timedelta(seconds=3)


def test_a_dongle_that_never_comes_fails_the_recording_at_its_end(tmp_path: Path) -> None:
    wanted = _assignment(free_port(), 1.5)
    with pytest.raises(DeviceError, match="rtl_tcp"):
        record_assignment(wanted, tmp_path / "never", threading.Event(), lambda fraction: None)  # noqa: ARG005
    assert datetime.now(UTC) >= wanted.end
    assert not list(tmp_path.iterdir())


def test_a_recording_is_orphaned_without_end_and_without_writer(tmp_path: Path) -> None:
    """Then a spare recorder begins by itself, once its daemon is dead."""
    assert not is_orphaned(tmp_path / "none")
    writer = RecordingWriter(
        tmp_path / "one", format="cu8", sample_rate=1e3, center_frequency_hz=None, start=START, durable=False
    )
    writer.write_raw(bytes(2000))
    writer.commit()
    for file in tmp_path.glob("one.*"):  # the lock lies on the file, not on its name
        shutil.copy(file, tmp_path / file.name.replace("one", "killed"))
    assert not is_orphaned(tmp_path / "one")
    assert is_orphaned(tmp_path / "killed")
    writer.close()
    assert not is_orphaned(tmp_path / "one")


@pytest.mark.parametrize(
    ("word", "left_s", "does"),
    [(GO, 60, True), (b"", 60, True), (b"", -60, False)],
    ids=["told", "alone", "over"],
)
def test_a_spare_records_to_the_end_that_is_described_when_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: bytes, left_s: float, *, does: bool
) -> None:
    description = tmp_path / "observation.json"
    now = datetime.now(UTC)
    table: dict[str, Any] = {
        "satellite": "METEOR-M2 4", "frequency_hz": 137.9e6, "site": asdict(SITES["lai-chau"]),
        "elements": load_elements(ELEMENTS)[1].to_omm(), "start": now.isoformat(),
        "end": (now + timedelta(days=1)).isoformat(),
        "receiver": {"type": "rtl_tcp", "port": 1, "sample_rate": 250e3},
    }  # fmt: skip
    description.write_text(json.dumps(table))
    end = now + timedelta(seconds=left_s)

    def shortened_meanwhile() -> bytes:
        description.write_text(json.dumps(table | {"end": end.isoformat()}))
        return word

    recorded: list[Assignment] = []

    def record(wanted: Assignment, *_: object) -> int:
        recorded.append(wanted)
        return 1

    stdin = SimpleNamespace(buffer=SimpleNamespace(readline=shortened_meanwhile))
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr("station.record.is_orphaned", lambda _: True)
    monkeypatch.setattr("station.record.record_assignment", record)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["record", str(description), "--spare"])
    assert main() == 0
    assert [wanted.end for wanted in recorded] == ([end] if does else [])
