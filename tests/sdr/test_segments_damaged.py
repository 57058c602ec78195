"""Segments that are not as their indexes say: what is lost stays where it was, and nobody waits for ever."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sdr.index_line import CONTINUED, Gap
from sdr.recording import open_recording
from sdr.recording_files import segment_stem
from tests.sdr.test_segments import Recorder, numbers


@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("block", [333, 10_000])
def test_samples_that_a_segment_lost_are_a_gap_and_all_behind_keeps_its_place(
    tmp_path: Path, follow: bool, block: int
) -> None:
    recorder = Recorder(tmp_path / "a")
    recorder.begin()
    recorder.write(500)
    recorder.write(400, gap=Gap(850, 50, "overflow"))  # the cut goes through it
    recorder.write(100, gap=Gap(950, 10, "overflow"))
    data = recorder.path("data")
    recorder.roll()
    recorder.begin()
    recorder.write(700, gap=Gap(100, 20, "overflow"))
    recorder.line(end="finished")
    os.truncate(data, 4 * 880 - 3)  # in mid-sample
    with open_recording(tmp_path / "a", follow=follow) as reader:
        got = numbers(reader, block)
        info, notes = reader.info, reader.notes
    whole = np.arange(1700)
    for first, count in ((850, 150), (1100, 20)):
        whole[first : first + count] = 0
    assert np.array_equal(got, whole)
    assert info.sample_count == 1700
    assert info.gaps == (
        Gap(850, 29, "overflow"),
        Gap(879, 121, "the file of samples was cut off here"),
        Gap(1100, 20, "overflow"),
    )
    assert any("shorter than its index" in note for note in notes)


@pytest.mark.timeout(60)
def test_segments_that_lead_in_a_circle_are_not_counted_for_ever(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a")
    recorder.begin()
    recorder.write(500)
    recorder.roll()
    recorder.begin(segment=0)
    recorder.write(300)
    recorder.line(end=CONTINUED)
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.sample_count == 500
        assert len(numbers(reader)) == 500
        assert reader.info.sample_count == 500
        assert any("calls itself number 0" in note for note in reader.notes)


def test_a_segment_that_is_not_read_is_not_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a")
    recorder.all()
    index = segment_stem(recorder.stem, 2)
    index = index.with_name(index.name + ".sigmf-index")
    index.write_text(index.read_text().replace('"first_sample":3500', '"first_sample":3400'))
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.sample_count == 3500
        assert len(numbers(reader)) == 3500
