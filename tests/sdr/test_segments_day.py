"""The quick form of tests/figures/segments_day.py."""

from __future__ import annotations

from pathlib import Path

from tests.figures.segments_day import Day, measure


def test_memory_is_constant_and_no_sample_lost_in_rolling_segments(tmp_path: Path) -> None:
    outcome = measure(Day(hours=2.0, rate=10e3, segment_s=300.0, keep=3, sabotage=False), tmp_path)
    assert all(right for _, _, right in outcome.rows()), outcome
    assert outcome.left == [21, 22, 23]
