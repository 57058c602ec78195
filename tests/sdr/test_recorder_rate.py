"""The quick form of tests/figures/recorder_rate.py: the station's recorder on the true driver path."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.figures.recorder_rate import MOST_MB, measure


def test_no_sample_is_lost_on_the_true_driver_path(tmp_path: Path) -> None:
    outcome = measure(tmp_path, 2.0, 2e6, beside=False)
    assert outcome.status == 0
    assert outcome.recorded >= outcome.samples
    assert (outcome.lost, outcome.device_lost, outcome.wrong, outcome.hash_right) == (0, 0, 0, True)
    assert outcome.peak_mb <= MOST_MB


@pytest.mark.slow
@pytest.mark.parametrize("sabotage", ["loss", "byte"])
def test_the_figure_sees_what_is_wrong(tmp_path: Path, sabotage: str) -> None:
    outcome = measure(tmp_path, 2.0, 2e6, beside=False, sabotage=sabotage)
    if sabotage == "loss":
        assert outcome.lost == outcome.device_lost == 1234
    else:
        assert (outcome.wrong, outcome.hash_right) == (1, False)
    assert not all(right for _, _, right in outcome.rows())
