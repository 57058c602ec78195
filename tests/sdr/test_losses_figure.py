"""The figure of the 1000 losses in its quick form: the same code, fewer losses."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdr.recording import Gap
from tests.figures.loss_receiving import Paced, received_in_real_time
from tests.figures.loss_truth import Estimated, Exact
from tests.figures.losses import Undamaged, silent, slip, stamps

pytestmark = pytest.mark.usefixtures("simulated_radio")


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> Undamaged:
    return Undamaged(tmp_path_factory.mktemp("undamaged"), 25, 3)


def test_stamped_losses_are_exact_and_frames_outside_them_are_as_they_were(undamaged: Undamaged) -> None:
    exact, frames, changed = stamps(undamaged, None)
    assert (exact.lost, exact.right, exact.invented, changed) == (25, 25, 0, 0)
    assert frames.due_received == frames.due > 50
    assert frames.invented == 0


def test_a_loss_that_is_not_annotated_is_seen_by_the_figure(undamaged: Undamaged, tmp_path: Path) -> None:
    elsewhere = object.__new__(Undamaged)
    elsewhere.__dict__ |= undamaged.__dict__ | {"folder": tmp_path}
    exact, _, changed = stamps(elsewhere, 12)
    assert exact.right < exact.lost
    assert changed > 0


def test_frames_after_a_loss_that_is_told_wrongly(undamaged: Undamaged) -> None:
    frames = slip(undamaged, 1)
    assert frames.due_received == frames.due > 50
    assert frames.invented == 0


def test_frames_after_a_loss_that_nobody_told(undamaged: Undamaged) -> None:
    frames = silent(undamaged, 5, 1)
    assert frames.due_received == frames.due > 100
    assert frames.invented == 0


@pytest.mark.slow
def test_losses_in_real_time_are_told_within_their_uncertainty(tmp_path: Path) -> None:
    found = received_in_real_time(Paced(tmp_path / "paced", 2, 5))
    assert (found.missed, found.invented) == ([], 0)
    assert found.right + len(found.wrong) + len(found.invisible) == 2


def test_the_judge_knows_right_from_wrong() -> None:
    truth = [(1000, 10), (5000, 500)]
    assert Exact.of(truth, [Gap(1000, 10, ""), Gap(5000, 500, "")]) == Exact(2, 2, 0)
    assert Exact.of(truth, [Gap(1000, 10, ""), Gap(5001, 500, "")]) == Exact(2, 1, 1)
    assert Exact.of(truth, [Gap(1000, 10, "", 1)]) == Exact(2, 0, 1)
    told = Estimated.of(truth, [Gap(5003, 490, "", 20)], [(0, 50)], 1000)
    assert (told.right, told.wrong, told.missed, told.invisible) == (1, [], [], [10])
    told = Estimated.of(truth, [Gap(5003, 490, "", 5)], [(0, 5)], 1000)
    assert (told.right, told.wrong, told.missed) == (0, [(500, -10, 13, 5)], [10])
    told = Estimated.of([(0, 9000), (14_000, 500)], [Gap(5003, 490, "", 20)], [(0, 50)], 1000)
    assert (told.right, told.missed, told.total_error) == (1, [], -10)
