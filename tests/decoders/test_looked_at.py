"""Whoever looks at what a decoder does changes nothing of it, and sees all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import decoders.live
from decoders.decode import DecodeRequest, decode
from sdr.formats import from_samples, to_samples
from sdr.recording import RecordingWriter
from sim.link_test import link_test

RATE = 288e3


def results(folder: Path) -> tuple[bytes, dict[str, Any]]:
    """Frames, and the report but for the list of files."""
    report = json.loads((folder / "report.json").read_text())
    del report["files"]
    return (folder / "frames.cadu").read_bytes(), report


def test_a_tap_gets_every_sample_and_changes_no_result(tmp_path: Path) -> None:
    raw = from_samples(link_test("72k", frames=60, ebn0_db=6.0, sample_rate=RATE).samples, "cs16")
    (tmp_path / "a.raw").write_bytes(raw)
    request = DecodeRequest(
        input=tmp_path / "a.raw",
        downlink="meteor_lrpt_72k",
        out=tmp_path / "alone",
        format="cs16",
        sample_rate=RATE,
    )
    decode(request)
    decode(DecodeRequest(**(vars(request) | {"out": tmp_path / "tapped", "taps": ("samples", "soft")})))
    assert results(tmp_path / "tapped") == results(tmp_path / "alone")
    tapped = np.fromfile(tmp_path / "tapped" / "tap.samples.cf32", np.complex64)
    assert np.array_equal(tapped, to_samples(raw, "cs16"))


def test_frames_that_come_are_told_where_a_recording_that_is_over_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for its samples, but somebody looks on."""
    stem = tmp_path / "a"
    with RecordingWriter(
        stem, format="cs16", sample_rate=RATE, center_frequency_hz=None, start=None, durable=False
    ) as writer:
        writer.write(link_test("72k", frames=200, ebn0_db=6.0, sample_rate=RATE).samples)
    states = []
    told = decoders.live.LiveStatus.waiting

    def waiting(self: Any) -> None:
        self._written_at = -np.inf
        if self._good:
            states.append(self._state())
        told(self)

    monkeypatch.setattr(decoders.live.LiveStatus, "waiting", waiting)
    decode(DecodeRequest(input=stem, downlink="meteor_lrpt_72k", out=tmp_path / "out", follow=True))
    assert len(states) > 20
    assert set(states) == {"frames"}
