"""`tramthu demo`: refuses what cannot be done before anything is made; Ctrl-C leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scheduler.passes import Pass
from station.demo import DemoRequest
from station.errors import StationError
from station.truth import score_frames
from tests.station.conftest import Run, one_sentence
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--date", "bad"), "ISO 8601"),
        (("--date", "9999-12-31"), "outside 1957 to 2099"),
        (("--out", "file"), "name a folder"),
        (("--boundaries", "absent.json"), "absent.json"),
        (("--rate", "10"), "115200 or more"),
        (("--mode", "90k"), "--mode"),
        (("--language", "fr"), "language"),
    ],
)
def test_wrong_use_leaves_nothing_behind(
    tramthu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    status, _, err = tramthu("demo", "--no-serve", "--seconds", "30", *arguments)
    assert status == 2
    assert says in one_sentence(err)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_with_a_date_the_next_good_pass_is_taken_also_at_night(
    tramthu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Pass] = []

    def seen_only(request: DemoRequest, _progress: object) -> None:
        taken.append(request.seen)
        raise StationError("enough seen")

    monkeypatch.setattr("station.demo.run_demo", seen_only)
    demo = ("demo", "--no-serve", "--out", tmp_path / "d")
    for date in (("--date", "2024-07-17T12:00"), ("--date", "2024-07-17T00:00"), ()):
        tramthu(*demo, *date)
    night, day, best = taken
    assert night.sunlit_fraction == 0.0
    assert night.site_sun_elevation_deg < -10
    assert "2024-07-17T12:00" < night.aos.isoformat() < "2024-07-18T00:00"
    assert all(p.max_elevation_deg >= 30 for p in taken)
    assert day.aos < night.aos
    assert best.sunlit_fraction > 0.9
    assert "by day or by night" in " ".join(tramthu("demo", "--help")[1].replace("│", " ").split())


def test_elements_ten_years_off_are_refused_and_leave_nothing_behind(tramthu: Run, tmp_path: Path) -> None:
    for command in (("demo", "--no-serve", "--out", tmp_path / "d"), ("simulate", "--out", tmp_path / "x")):
        word = "--date" if command[0] == "demo" else "--start"
        status, _, err = tramthu(*command, "--seconds", "30", word, "2034-07-17")
        assert status == 2
        assert "choose a pass within 1100 days" in err
        assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def _members(session: str) -> list[str]:
    """Command lines of the processes that name this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if session in line:
                found.append(line)
    return found


@pytest.mark.slow
def test_ctrl_c_ends_every_worker(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    command = [sys.executable, "-m", "station.cli", "demo", "--no-serve", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
        wait_for(lambda: list(out.glob("observations/*/decoded")), "nothing is decoded")
        assert len(_members(str(out))) >= 3, "demo, recorder and decoder"
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert one_sentence(err) == "tramthu: interrupted"
    wait_for(lambda: not _members(str(out)), "a worker is left")


def test_frames_from_above_an_elevation_are_counted_apart(tmp_path: Path) -> None:
    frames = [bytes([k]) * 1024 for k in range(4)]
    (tmp_path / "r.sent.cadu").write_bytes(b"".join(frames))
    line = '{{"time": "2026-01-01T00:00:0{}+00:00", "complete": {}}}\n'
    said = [line.format(k, "false" if k == 3 else "true") for k in range(4)]
    (tmp_path / "r.sent.jsonl").write_text("".join(said))
    (tmp_path / "got.cadu").write_bytes(frames[2] + frames[0])

    def elevation_deg(seconds: np.ndarray) -> np.ndarray:
        return np.asarray((seconds % 60) * 5.0)  # 0, 5, 10, 15 degrees

    score = score_frames(tmp_path / "r", tmp_path / "got.cadu", (5.0, elevation_deg))
    assert (score.sent_complete, score.exact) == (3, 2)
    assert (score.sent_high, score.exact_high) == (2, 1)
