"""The recorder: a receiver that is late costs the time that it is late, not the pass."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from station.record import Assignment, is_orphaned, record_assignment
from tests.station.conftest import ELEMENTS, START


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


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
    port = _free_port()
    sky = PassSimulation(None, None, START, START + timedelta(seconds=60), ebn0_db=10.0)
    ended = threading.Event()

    def plug_in() -> None:
        time.sleep(2.0)
        with RtlTcpServer(sky, port=port, source=FillSource()):
            ended.wait(30)

    dongle = threading.Thread(target=plug_in)
    dongle.start()
    wanted = _assignment(port, 6.0)
    try:
        count = record_assignment(wanted, tmp_path / "late", threading.Event(), lambda fraction: None)  # noqa: ARG005
    finally:
        ended.set()
        dongle.join()
    assert 1.0 < count / 250e3 < 5.0
    assert "the receiver is tried again until the pass is over: " in capfd.readouterr().err
    with open_recording(tmp_path / "late.sigmf-meta") as reader:
        start = reader.info.start
    assert start is not None
    assert timedelta(seconds=1.5) < start - wanted.start < timedelta(seconds=5)


def test_a_dongle_that_never_comes_fails_the_recording_at_its_end(tmp_path: Path) -> None:
    wanted = _assignment(_free_port(), 1.5)
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
