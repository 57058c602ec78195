"""Two results compared; of a recording in segments those whose samples are still there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from decoders.by_segment import decode_segments
from decoders.decode import DecodeRequest
from station.commands.replay import _said
from station.compare import compare_folders
from station.processes import Ended
from station.replay import ReplayReport, ReplaySource, recording_source, replay
from tests.sdr.test_segments import Recorder
from tests.station.test_replay import observation

OLDEST, NEXT = "recording-0002", "recording-0003"


def frame(number: int) -> bytes:
    return number.to_bytes(4, "big") * 256


def decoded(folder: Path, *numbers: int, report: str = "{}") -> None:
    """Three frames in the results of each segment."""
    for number in numbers:
        out = folder / (f"recording-{number:04d}" if number else "recording")
        out.mkdir(parents=True)
        (out / "frames.cadu").write_bytes(b"".join(frame(10 * number + place) for place in range(3)))
        (out / "report.json").write_text(report)


@pytest.fixture
def rolled(tmp_path: Path) -> Path:
    """The folder of an observation of which the two newest of four segments are left."""
    folder = observation(tmp_path / "always", segments={"segment_s": 3.0, "keep_segments": 2})
    recorder = Recorder(folder / "recording")
    for number in range(4):
        recorder.begin()
        recorder.write(1000)
        if number < 3:
            recorder.roll()
    for path in [*folder.glob("recording.sigmf-*"), *folder.glob("recording-0001.*")]:
        path.unlink()
    decoded(folder / "decoded", 0, 1, 2, 3)
    return folder


def replayed(source: ReplaySource, monkeypatch: pytest.MonkeyPatch, *numbers: int) -> ReplayReport:
    def run(_module: str, arguments: list[str], *_: object) -> Ended:
        out = Path(arguments[arguments.index("--out") + 1])
        decoded(out, *numbers)
        for number in numbers:  # it settled with other samples
            if number - 1 not in numbers and number != 3:
                (out / f"recording-{number:04d}/report.json").write_text('{"blocks": 9}')
        return Ended(0, 1.0, 1.0, "")

    monkeypatch.setattr("station.replay._run", run)
    return replay(source, lambda *_: None)


def test_of_a_rolling_recording_what_is_left_is_compared(
    rolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = replayed(recording_source(rolled, ()), monkeypatch, 2, 3)
    found = report.decoded
    assert found is not None
    assert report.identical
    assert (found.frames_same, found.frames_before, found.frames_now) == (True, 6, 6)
    assert found.same == (f"{OLDEST}/frames.cadu", f"{NEXT}/frames.cadu", f"{NEXT}/report.json")
    assert found.not_replayed == ("recording", "recording-0001")
    assert f"of {OLDEST} only frames" in _said(found)
    assert "not replayed: recording, recording-0001" in _said(found)


def test_of_a_rolling_recording_a_lost_frame_is_found(rolled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (OLDEST, NEXT):
        with (rolled / "decoded" / name / "frames.cadu").open("ab") as file:
            file.write(frame(77))
    report = replayed(recording_source(rolled, ()), monkeypatch, 2, 3)
    found = report.decoded
    assert found is not None
    assert not report.identical
    assert (found.frames_before, found.frames_now, found.frames_lost, found.frames_gained) == (8, 6, 2, 0)
    assert found.different == (f"{OLDEST}/frames.cadu", f"{NEXT}/frames.cadu")


def test_of_a_segment_that_has_samples_and_is_not_decoded_all_is_missing(
    rolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = replayed(recording_source(rolled, ()), monkeypatch, 2)
    assert report.decoded is not None
    assert report.decoded.missing == (f"{NEXT}/frames.cadu", f"{NEXT}/report.json")
    assert report.decoded.frames_lost == 3


def test_from_a_segment_on_with_the_one_before_it_there(
    rolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = recording_source(rolled / f"{NEXT}.sigmf-meta", ())
    report = replayed(source, monkeypatch, 3)
    assert report.decoded is not None
    assert report.identical
    assert report.decoded.without_lead == ()
    assert report.decoded.not_replayed == ("recording", "recording-0001", OLDEST)


def with_hole(rolled: Path) -> None:
    """The newest one becomes the one that is number 5."""
    for path in rolled.glob(f"{NEXT}.*"):
        path.rename(path.with_name(path.name.replace(NEXT, "recording-0005")))
    index = rolled / "recording-0005.sigmf-index"
    index.write_text(index.read_text("utf-8").replace('"segment":3', '"segment":5'))
    decoded(rolled / "decoded", 5)


def test_past_a_hole_is_compared_what_is_decoded_there(rolled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends at the hole lacks the frames that went on in it; what begins behind it settles otherwise."""
    with_hole(rolled)
    with (rolled / "decoded" / OLDEST / "frames.cadu").open("ab") as file:
        file.write(frame(23))
    begun: list[str] = []
    monkeypatch.setattr("decoders.decode.decode", lambda request, **_: begun.append(request.out.name))
    list(decode_segments(DecodeRequest(rolled / "recording", "meteor_lrpt_72k", rolled / "live")))
    report = replayed(recording_source(rolled, ()), monkeypatch, 2, 5)
    found = report.decoded
    assert begun == [OLDEST, "recording-0005"]
    assert found is not None
    assert report.identical
    assert found.same == ("recording-0005/frames.cadu",)
    assert found.not_replayed == ("recording", "recording-0001", NEXT)
    assert "of recording-0005 only frames" in _said(found)
    assert f"of {OLDEST} nothing" in _said(found)


def test_where_all_of_it_ends_at_a_hole_nothing_is_compared(
    rolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in rolled.glob(f"{NEXT}.*"):
        path.unlink()
    report = replayed(recording_source(rolled, ()), monkeypatch, 2)
    assert report.decoded is not None
    assert report.identical is None
    assert _said(report.decoded).startswith("nothing is compared")


def test_frames_of_a_single_recording_are_counted(tmp_path: Path) -> None:
    decoded(tmp_path, 0)
    before, now = tmp_path / "recording", tmp_path / "again"
    shutil.copytree(before, now)
    assert compare_folders(before, now).identical
    (now / "frames.cadu").write_bytes(frame(0) + frame(2) + frame(5))
    found = compare_folders(before, now)
    assert (found.frames_same, found.frames_before, found.frames_now) == (False, 3, 3)
    assert (found.frames_lost, found.frames_gained) == (1, 1)
    assert found.not_replayed == ()
