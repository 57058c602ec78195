"""A few seconds of tests/figures/live_equals_replay.py, by processes of their own, and that it can say no."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.figures.live_equals_replay import CHAINS, MOST_S, Outcome, measure, reached, row


@pytest.mark.parametrize("sabotage", [None, pytest.param("samples", marks=pytest.mark.slow)])
def test_live_and_replay_are_the_same_bits_unless_the_recording_is_touched(
    tmp_path: Path, sabotage: str | None
) -> None:
    """How late a frame is seen is for the figure to judge; what it waits for in samples is judged here."""
    chain = CHAINS["lrpt_72k"]
    outcome = measure(chain, 6.0, tmp_path, sabotage)
    assert len(outcome.latencies_s) > 35
    assert outcome.files == 3  # frames, report, NetCDF
    assert outcome.own_largest_s is not None
    assert outcome.own_largest_s < 1.3
    punctual = replace(outcome, latencies_s=(1.0,))
    assert reached(punctual, bound=True) == (sabotage is None)
    assert ("DIFFER: " in row("x", chain, outcome)) == (sabotage is not None)


def test_the_figure_says_no_to_late_frames_and_to_none() -> None:
    late = Outcome(60.0, (0.5, MOST_S + 0.01), 1.0, 0.3, 0.03, (), 3)
    assert not reached(late, bound=True)
    assert reached(late, bound=False)
    assert "MISSED" in row("lrpt_72k", CHAINS["lrpt_72k"], late)
    assert not reached(replace(late, latencies_s=()), bound=False)
