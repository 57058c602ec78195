"""What a recorder left that died at once is removed; samples never are, nor what another one has begun."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import sdr.recording_files
import sdr.writer
from sdr.errors import RecordingError
from sdr.record import take_up
from sdr.recording import RecordingWriter, open_recording
from sdr.recording_files import lock, remove_stillborn

START = datetime(2026, 3, 24, 3, 14, 15, tzinfo=UTC)


def new(stem: Path) -> RecordingWriter:
    return RecordingWriter(stem, format="cs16", sample_rate=1e5, center_frequency_hz=None, start=START)


def test_a_recorder_that_has_just_begun_keeps_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lock and has not written its first line."""
    looked: list[bool] = []

    def lock_and_wait(index: int, path: Path) -> None:
        lock(index, path)
        looked.append(remove_stillborn(tmp_path / "a"))

    monkeypatch.setattr(sdr.recording_files, "_LOCK_S", 0.0)
    monkeypatch.setattr(sdr.writer, "lock", lock_and_wait)
    with new(tmp_path / "a") as writer:
        writer.write_raw(bytes(400))
    assert looked == [False]
    with open_recording(tmp_path / "a") as reader:
        assert len(reader.read(1000)) == 100


def test_one_that_lost_its_index_before_it_had_the_lock_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would record into a file without a name."""

    def too_late(index: int, path: Path) -> None:
        assert remove_stillborn(tmp_path / "a")
        lock(index, path)

    with monkeypatch.context() as patch:
        patch.setattr(sdr.writer, "lock", too_late)
        with pytest.raises(RecordingError, match="begin again"):
            new(tmp_path / "a")
    assert not list(tmp_path.iterdir())
    new(tmp_path / "a").close()


@pytest.mark.parametrize("torn", [b"", bytes(300), b'{"tramthu_ind'])
def test_samples_without_an_index_are_put_aside(tmp_path: Path, torn: bytes) -> None:
    for number in (1, 2):
        with new(tmp_path / "a") as writer:
            writer.write_raw(bytes([number]) * 400)
        (tmp_path / "a.sigmf-index").write_bytes(torn)
        assert take_up(tmp_path / "a") is None
        assert (tmp_path / f"a.sigmf-data.aside{number}").read_bytes() == bytes([number]) * 400
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a.sigmf-data.aside1", "a.sigmf-data.aside2"]


def test_nothing_is_left_of_a_stillborn_one(tmp_path: Path) -> None:
    new(tmp_path / "a").close()
    (tmp_path / "a.sigmf-index").write_bytes(b'{"tramthu_ind')
    assert remove_stillborn(tmp_path / "a")
    assert not remove_stillborn(tmp_path / "a")
    assert not list(tmp_path.iterdir())
