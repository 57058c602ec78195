"""A recording of many segments, decoded one by one: no frame is lost at a border, none comes twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decoders import decode as decode_module
from decoders import iq_source
from decoders.by_segment import decode_segments, is_done
from decoders.decode import DecodeRequest, decode
from decoders.errors import InputError
from decoders.report import DecodeReport
from sdr.formats import from_samples
from sdr.index_line import CONTINUED, Gap
from sdr.recording_files import segment_stem
from sim.link_test import LinkTest, link_test
from tests.sdr.test_segments import Recorder

RATE = 288e3
# Of 9.2 s of signal; one border lies within a second of another, and frames last 0.11 s.
LENGTHS = (900_017, 150_000, 800_000, 1 << 30)


class Writer(Recorder):
    """Cuts samples into segments."""

    def samples(self, raw: bytes, lengths: tuple[int, ...] = LENGTHS, pause_s: float = 0.0) -> None:
        view = memoryview(raw)
        for k, length in enumerate(lengths):
            part, view = view[: 4 * length], view[4 * length :]
            if k:
                self.roll()
            self.begin()
            for at in range(0, len(part), 40_000):
                with self.path("data").open("ab") as file:
                    file.write(part[at : at + 40_000])
                count = len(part[at : at + 40_000]) // 4
                self.total, self.here = self.total + count, self.here + count
                self.line()
                time.sleep(pause_s)
        self.line(end="finished")


@pytest.fixture(scope="module")
def sent() -> LinkTest:
    return link_test("72k", frames=80, ebn0_db=7.0, sample_rate=RATE)


@pytest.fixture(scope="module")
def raw(sent: LinkTest) -> bytes:
    return from_samples(sent.samples, "cs16")


def names(count: int = len(LENGTHS)) -> list[str]:
    return [segment_stem(Path("day"), number).name for number in range(count)]


def frames(out: Path) -> bytes:
    return b"".join((out / name / "frames.cadu").read_bytes() for name in names())


def results(out: Path) -> dict[str, bytes]:
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in files
        if path.name not in ("run.json", "live.json")
    }


def request(folder: Path, out: str, **more: object) -> DecodeRequest:
    return DecodeRequest(folder / "day", "meteor_lrpt_72k", folder / out, **more)  # type: ignore[arg-type]


def test_every_frame_comes_out_of_one_segment(tmp_path: Path, sent: LinkTest, raw: bytes) -> None:
    Writer(tmp_path / "day", RATE).samples(raw)
    reports = list(decode_segments(request(tmp_path, "out")))
    assert frames(tmp_path / "out") == b"".join(sent.complete)
    assert [report.frames.lost for report in reports] == [0, 0, 0, 0]
    first = 0
    for name, report, length in zip(names(), reports, LENGTHS, strict=True):
        table = json.loads((tmp_path / "out" / name / "report.json").read_text())
        places = np.array(table["columns"]["sample_index"])
        assert table["input"]["samples"] == min(length, len(sent.samples) - first)
        assert (places >= 0).all()
        assert (places < length).all()
        begun = [
            frame.first_sample
            for frame in sent.frames
            if frame.complete and 0 <= frame.first_sample - first < length
        ]
        assert places == pytest.approx(np.array(begun) - first, abs=2)
        assert report.run["end"] == ("finished" if name == names()[-1] else CONTINUED)
        first += length


def test_what_is_done_is_not_done_again(tmp_path: Path, raw: bytes) -> None:
    Writer(tmp_path / "day", RATE).samples(raw)
    list(decode_segments(request(tmp_path, "whole")))
    several = decode_segments(request(tmp_path, "out"))
    next(several)
    several.close()
    assert [is_done(tmp_path / "out" / name) for name in names()] == [True, False, False, False]
    stamp = (tmp_path / "out/day/report.json").stat().st_mtime_ns
    assert len(list(decode_segments(request(tmp_path, "out")))) == 3
    assert (tmp_path / "out/day/report.json").stat().st_mtime_ns == stamp
    assert results(tmp_path / "out") == results(tmp_path / "whole")


def test_segments_that_were_let_go_are_passed_over(tmp_path: Path, sent: LinkTest, raw: bytes) -> None:
    Writer(tmp_path / "day", RATE).samples(raw)
    for path in (*tmp_path.glob("day.*"), *tmp_path.glob("day-0001.*")):
        path.unlink()
    reports = list(decode_segments(request(tmp_path, "out")))
    assert len(reports) == 2
    first = sum(LENGTHS[:2])
    wanted = [frame.data for frame in sent.frames if frame.complete and frame.first_sample >= first]
    got = b"".join((tmp_path / "out" / name / "frames.cadu").read_bytes() for name in names()[2:])
    assert got == b"".join(wanted)


def test_a_segment_that_goes_while_it_is_decoded_ends_nothing(tmp_path: Path, raw: bytes) -> None:
    """As a short disk takes them."""
    Writer(tmp_path / "day", RATE).samples(raw)
    list(decode_segments(request(tmp_path, "whole")))

    def take(_: float) -> None:
        for path in tmp_path.glob("day.*"):
            path.unlink()

    list(decode_segments(request(tmp_path, "out"), progress=take))
    assert all(is_done(tmp_path / "out" / name) for name in names()[1:])
    for name in names()[2:]:
        got, wanted = ((tmp_path / out / name / "frames.cadu").read_bytes() for out in ("out", "whole"))
        assert got == wanted


def test_a_segment_that_goes_before_its_file_is_open_is_passed_over(
    tmp_path: Path, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    Writer(tmp_path / "day", RATE).samples(raw)
    opened = decode_module.decode

    def late(one: DecodeRequest, **more: Any) -> DecodeReport:
        for path in tmp_path.glob("day.*"):
            path.unlink()
        return opened(one, **more)

    monkeypatch.setattr(decode_module, "decode", late)
    list(decode_segments(request(tmp_path, "out")))
    assert [is_done(tmp_path / "out" / name) for name in names()] == [False, True, True, True]


def test_a_hole_among_the_segments_ends_no_decoding(tmp_path: Path, raw: bytes) -> None:
    """One is missing; behind it one has lost its samples' file, and is no lead for the last."""
    Writer(tmp_path / "day", RATE).samples(raw, (200_000, 200_000, 200_000, 200_000, 1 << 30))
    for path in tmp_path.glob("day-0002.*"):
        path.unlink()
    (tmp_path / "day-0003.sigmf-data").unlink()
    decoded = decode_segments(replace(request(tmp_path, "out"), input=tmp_path / "day-0001.sigmf-index"))
    next(decoded)
    with pytest.raises(InputError, match="day-0003"):
        next(decoded)
    list(decode_segments(replace(request(tmp_path, "out"), input=tmp_path / "day-0004.sigmf-index")))
    assert [path.name for path in sorted(tmp_path.glob("out/*")) if is_done(path)] == ["day-0001", "day-0004"]


def test_live_gives_what_a_replay_gives(tmp_path: Path, sent: LinkTest, raw: bytes) -> None:
    writer = Writer(tmp_path / "day", RATE)
    thread = threading.Thread(target=writer.samples, args=(raw,), kwargs={"pause_s": 0.01})
    thread.start()
    while not (tmp_path / "day.sigmf-index").exists():
        time.sleep(0.01)
    list(decode_segments(request(tmp_path, "live", follow=True)))
    thread.join()
    assert json.loads((tmp_path / "live/live.json").read_text())["state"] == "over"
    list(decode_segments(request(tmp_path, "replay")))
    assert results(tmp_path / "live") == results(tmp_path / "replay")
    assert frames(tmp_path / "live") == b"".join(sent.complete)


COMMAND = "from station.cli import main; main()"


def test_killed_at_any_moment_and_begun_again(tmp_path: Path, sent: LinkTest, raw: bytes) -> None:
    """kill -9 again and again, a little later each time, until one run comes to the end."""
    Writer(tmp_path / "day", RATE).samples(raw)
    command = [
        sys.executable, "-c", COMMAND, "decode", str(tmp_path / "day.sigmf-index"), "--by-segment",
        "--downlink", "meteor_lrpt_72k", "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    for name in names()[1::2]:
        # Killed once the segment is begun: its unfinished file is there, or its results already.
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        begun = tmp_path / "out" / name
        while process.poll() is None and not begun.exists():
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert frames(tmp_path / "out") == b"".join(sent.complete)
    assert not list((tmp_path / "out").rglob("*.part"))


def test_gaps_are_told_in_the_segment_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iq_source, "describe", lambda *_: "numbers")
    recorder = Recorder(tmp_path / "day", RATE)
    recorder.begin()
    recorder.write(300_000, Gap(290_000, 100, "overflow", 3))
    recorder.roll()
    recorder.begin()
    recorder.write(300_000, Gap(10, 20, "overflow"))
    recorder.line(end="finished")
    list(decode_segments(request(tmp_path, "out")))
    told = [
        json.loads((tmp_path / "out" / name / "report.json").read_text())["input"]["gaps"]
        for name in names(2)
    ]
    assert [[gap["sample_index"] for gap in gaps] for gaps in told] == [[290_000], [10]]


def test_what_has_no_segments_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "day.cs16").write_bytes(raw)
    one = DecodeRequest(tmp_path / "day.cs16", "meteor_lrpt_72k", tmp_path / "out", of_segment=True)
    with pytest.raises(InputError, match="has segments"):
        decode(one)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
