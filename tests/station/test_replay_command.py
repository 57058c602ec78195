"""`tramthu replay`: the same bytes, and what it says when a byte of last time was another one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from station.processes import Ended
from tests.station.conftest import Run, one_sentence

# 6 s at a high level: some fifty frames, a few strips
PASS = ("simulate", "--seconds", "6", "--ebn0", "15", "--mode", "72k")


@pytest.mark.slow
def test_a_changed_byte_is_found_and_said(tramthu: Run, tmp_path: Path) -> None:
    stem = tmp_path / "one"
    assert tramthu(*PASS, "--out", stem)[0] == 0
    first = ("replay", f"{stem}.sigmf-meta", "--downlink", "meteor_lrpt")
    status, out, _ = tramthu(*first)
    assert status == 0
    assert out.splitlines()[-1].startswith("FIRST TIME")

    status, out, _ = tramthu(*first)
    assert status == 0
    assert out.splitlines()[-1].startswith("SAME"), out

    (frames,) = [*max(tmp_path.glob("replay-*")).glob("decoded/frames.cadu")]
    changed = bytearray(frames.read_bytes())
    changed[5000] ^= 1
    frames.write_bytes(changed)
    status, out, _ = tramthu(*first)
    assert status == 0
    assert out.splitlines()[-1].startswith("DIFFERENT")
    assert "(1 lost, 1 gained)" in out
    assert "differ: frames.cadu" in out

    last = max(tmp_path.glob("replay-*"))
    (image,) = last.glob("decoded/*_l1a.nc")
    image.rename(image.with_name("other_l1a.nc"))
    status, out, _ = tramthu(*first, "--json")
    report = json.loads(out)
    assert report["identical"] is False
    assert report["decoded"]["frames_same"] is True
    assert report["decoded"]["missing"] == ["other_l1a.nc"]
    assert len(report["decoded"]["new"]) == 1


def test_what_no_longer_decodes_is_different(tramthu: Run, tmp_path: Path) -> None:
    recording = tmp_path / "noise.cu8"
    recording.write_bytes(b"\x80\x7f" * 200_000)
    (tmp_path / "decoded").mkdir()
    (tmp_path / "decoded/frames.cadu").write_bytes(bytes(1024))
    (tmp_path / "decoded/report.json").write_text('{"input": {"name": "noise.cu8"}}')
    status, out, _ = tramthu("replay", recording, "--downlink", "meteor_lrpt", "--rate", "250e3")
    assert status == 1
    assert f"compared with the last replay: {tmp_path / 'decoded'}" in out
    assert "1 frames before, 0 now (1 lost, 0 gained)" in out
    assert out.splitlines()[-1].startswith("DIFFERENT")


@pytest.mark.parametrize(
    ("options", "says"),
    [((), "--downlink"), (("--downlink", "meteor_lrpd"), "meteor_lrpt")],
)
def test_wrong_use_is_status_2(tramthu: Run, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    recording = tmp_path / "noise.cu8"
    recording.write_bytes(b"\x80\x7f" * 20_000)
    status, out, err = tramthu("replay", recording, "--rate", "250e3", *options)
    assert status == 2
    assert says in out + err
    assert "Traceback" not in out + err


def test_what_the_decoder_refuses_is_no_replay(tramthu: Run, tmp_path: Path) -> None:
    (tmp_path / "noise.cu8").write_bytes(b"\x80\x7f" * 20_000)
    status, out, err = tramthu("replay", tmp_path / "noise.cu8", "--downlink", "meteor_lrpt")
    assert status == 2
    assert "--rate" in one_sentence(err)
    assert "FIRST TIME" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["noise.cu8"]


@pytest.mark.parametrize("status", [3, -9])
def test_what_came_to_no_end_is_compared_with_nothing(
    tramthu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    (tmp_path / "noise.cu8").write_bytes(b"\x80\x7f" * 20_000)
    (tmp_path / "decoded").mkdir()
    (tmp_path / "decoded/report.json").write_text('{"input": {"name": "noise.cu8"}}')
    ended = Ended(status, 1.0, 1.0, "the disk is full")
    monkeypatch.setattr("station.replay._run", lambda *_: ended)
    code, out, err = tramthu("replay", tmp_path / "noise.cu8", "--downlink", "meteor_lrpt")
    assert code == 3
    assert "DIFFERENT" not in out
    assert f"{ended.reason}; nothing is compared; " in one_sentence(err)
