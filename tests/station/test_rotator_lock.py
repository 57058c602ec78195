"""One rotator, one driver: recordings wait for one another, and who drives by hand gives way to them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hardware.errors import HardwareError
from station import rotator_lock
from station.config import RotatorSection
from station.rotator_lock import held_by_hand, held_by_recorder, recorder_drives

ROTATOR = RotatorSection(port=4533)
_PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotator_lock, "FOLDER", tmp_path)


def test_by_hand_is_refused_while_a_recording_drives_and_says_since_when() -> None:
    with held_by_recorder(ROTATOR, "the recording of METEOR-M2 4", lambda: True):
        with pytest.raises(HardwareError) as refused, held_by_hand(ROTATOR, "by hand"):
            pass
        assert "the recording of METEOR-M2 4" in str(refused.value)
        assert f"process {os.getpid()}" in str(refused.value)
        assert "since 20" in str(refused.value)
        with held_by_hand(RotatorSection(port=4534), "another rotator") as called_away:
            assert not called_away()
    with held_by_hand(ROTATOR, "free again") as called_away:
        assert not called_away()


def test_whether_a_recorder_drives_is_known_to_others() -> None:
    assert recorder_drives(ROTATOR) is False
    with held_by_recorder(ROTATOR, "recording", lambda: True):
        assert recorder_drives(ROTATOR) is True
        assert recorder_drives(RotatorSection(port=4534)) is False
    with held_by_hand(ROTATOR, "by hand"):
        assert recorder_drives(ROTATOR) is False


def test_a_second_hand_is_refused() -> None:
    with (
        held_by_hand(ROTATOR, "tramthu track of NOAA 19"),
        pytest.raises(HardwareError, match="NOAA 19"),
        held_by_hand(ROTATOR, "second"),
    ):
        pass


def test_a_recording_calls_the_hand_away_and_then_drives() -> None:
    drives, over = threading.Event(), threading.Event()

    def recorder() -> None:
        with held_by_recorder(ROTATOR, "recording", over.is_set):
            drives.set()
            over.wait(_PATIENCE_S)

    with held_by_hand(ROTATOR, "by hand") as called_away:
        assert not called_away()
        thread = threading.Thread(target=recorder)
        thread.start()
        for _ in range(int(_PATIENCE_S / 0.05)):
            if called_away():
                break
            over.wait(0.05)
        assert called_away()
        assert not drives.is_set()  # while the hand still holds it
    assert drives.wait(_PATIENCE_S)
    over.set()
    thread.join(_PATIENCE_S)


def test_a_recording_waits_no_longer_than_its_pass() -> None:
    with (
        held_by_recorder(ROTATOR, "the first", lambda: True),
        pytest.raises(HardwareError, match="the first"),
        held_by_recorder(ROTATOR, "the second", lambda: True),
    ):
        pass


def test_without_a_folder_everybody_drives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rotator_lock, "FOLDER", tmp_path / "absent")
    with (
        held_by_recorder(ROTATOR, "recording", lambda: True),
        held_by_hand(ROTATOR, "by hand") as called_away,
    ):
        assert not called_away()
    assert recorder_drives(ROTATOR) is None
