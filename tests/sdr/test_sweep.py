"""What dead recorders left in shared memory goes when nobody can need it any more, and not before."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from sdr import ring as ring_module
from sdr.recording import RecordingWriter
from sdr.ring import NOT_KEPT, Ring, ring_path
from sdr.sweep import sweep_rings, sweep_within
from tests.sdr.test_segment_writer import segmented

RING = 1 << 20  # bytes, the smallest
DAYS_S = 100 * 86_400.0
WORDS = {"format": "cs16", "sample_rate": 10_000.0, "center_frequency_hz": None, "start": None}


@pytest.fixture(autouse=True)
def _memory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shm").mkdir()
    monkeypatch.setattr(ring_module, "RING_FOLDER", tmp_path / "shm")


def left_by(stem: Path, *, age_s: float = 0.0, dead: bool = True) -> Path:
    """The ring of a recorder, which was killed with samples in it that are not on the disk."""
    stem.parent.mkdir(exist_ok=True)
    writer = RecordingWriter(stem, **WORDS)
    ring = Ring.create(ring_path(stem), RING, 0, stem)
    ring.put(bytes(4000))
    if dead:
        writer.let_go()
        ring.close()
    os.utime(ring.path, (time.time() - age_s,) * 2)
    return ring.path


def test_samples_that_nobody_took_up_stay_however_old(tmp_path: Path) -> None:
    path = left_by(tmp_path / "a", age_s=DAYS_S)
    sweep_rings()
    assert path.exists()
    writer = RecordingWriter.resume(tmp_path / "a")
    assert writer.sample_count == 1000
    assert not path.exists()
    writer.close()


def test_of_many_that_nobody_ever_takes_up_the_newest_four_stay(tmp_path: Path) -> None:
    paths = [left_by(tmp_path / f"a{age}", age_s=1000.0 * age) for age in range(9)]
    lives = left_by(tmp_path / "lives", age_s=DAYS_S, dead=False)
    sweep_rings()
    assert [path.exists() for path in paths] == [True] * 4 + [False] * 5
    assert lives.exists()


def test_of_recorders_killed_together_none_takes_the_samples_of_another(
    tmp_path: Path,
) -> None:
    for number in range(6):
        left_by(tmp_path / f"a{number}", age_s=number)
    for number in range(6):
        writer = RecordingWriter.resume(tmp_path / f"a{number}")
        sweep_rings()
        assert writer.sample_count == 1000
        writer.close()


def test_a_ring_of_which_nothing_can_be_taken_up_takes_no_place_of_another(tmp_path: Path) -> None:
    """The disk had been left, and the ring has turned over since."""
    path = left_by(tmp_path / "a", age_s=DAYS_S)
    for number in range(4):
        empty = left_by(tmp_path / f"b{number}")
        ring = Ring.attach(empty)
        assert ring is not None
        ring.release(0, NOT_KEPT, 0)
        ring.close()
    sweep_rings()
    assert path.exists()
    assert empty.exists()
    os.utime(empty, (time.time() - 4000.0,) * 2)
    sweep_rings()
    assert not empty.exists()


@pytest.mark.parametrize("how", ["finished", "removed"])
def test_the_ring_of_a_recording_that_is_over_goes_after_an_hour(tmp_path: Path, how: str) -> None:
    stem = tmp_path / "a"
    path = left_by(stem, age_s=600.0)
    if how == "finished":
        RecordingWriter.resume(stem, ring=False).close()
    else:
        stem.with_name("a.sigmf-index").unlink()
    sweep_rings()
    assert path.exists()  # for whoever follows slowly
    os.utime(path, (time.time() - 4000.0,) * 2)
    sweep_rings()
    assert not path.exists()


def test_the_ring_of_a_recording_on_a_disk_that_is_away_stays(tmp_path: Path) -> None:
    path = left_by(tmp_path / "usb" / "a", age_s=DAYS_S)
    (tmp_path / "usb").rename(tmp_path / "unplugged")
    sweep_rings()
    assert path.exists()


def test_a_disk_that_answers_with_errors_is_away_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = left_by(tmp_path / "usb" / "a", age_s=DAYS_S)

    def pulled_out(folder: Path) -> bool:
        if folder.name == "usb":
            raise OSError(errno.EIO, f"{folder}: Input/output error")
        return True

    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_dir", pulled_out)
        sweep_rings()
    assert path.exists()


def test_a_disk_that_does_not_answer_keeps_no_recording_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by(tmp_path / "nfs" / "a")
    answers = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_dir", lambda folder: folder.name != "nfs" or answers.wait(60.0))
        sweep_within(0.05)
        (waits,) = (thread for thread in threading.enumerate() if thread.name == "sweep")
        answers.set()
        waits.join()


@pytest.mark.parametrize("finished", [True, False])
def test_of_segments_the_newest_tells(tmp_path: Path, finished: bool) -> None:
    writer = segmented(tmp_path / "a", 0.1, **WORDS)
    writer.write_raw(bytes(4 * 3500))
    path = ring_path(tmp_path / "a")
    Ring.create(path, RING, 0, tmp_path / "a").close()
    os.utime(path, (time.time() - DAYS_S,) * 2)
    writer.close() if finished else writer.let_go()
    sweep_rings()
    assert path.exists() == (not finished)


def test_what_names_no_recording_goes_after_an_hour(tmp_path: Path) -> None:
    """Torn, or of an older version; and the index of what was in memory only."""
    paths = [ring_path(tmp_path / name) for name in ("torn", "old")]
    paths[0].write_bytes(b"tram")
    Ring.create(paths[1], RING).close()
    paths.append(ring_path(tmp_path / "index").with_suffix(".index"))
    paths[2].touch()
    sweep_rings()
    assert all(path.exists() for path in paths)
    for path in paths:
        os.utime(path, (time.time() - 4000.0,) * 2)
    sweep_rings()
    assert not any(path.exists() for path in paths)
