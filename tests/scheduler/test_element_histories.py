"""The figure of element_histories.py in small: some months, bad beginnings, and both with a judgement off."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from scheduler import element_checks, element_vault
from tests.figures import element_histories


@pytest.fixture
def folder(shared_data: Path, tmp_path: Path) -> Path:
    for part in ("simulated", "real", "begun"):
        (tmp_path / part).mkdir()
    return tmp_path


def test_no_bad_set_replaces_a_good_one(folder: Path) -> None:
    counts = element_histories.run(0.25, 7, folder)
    assert not [bad for count in counts.values() for bad in count.bad]
    assert sum(count.offered for count in counts.values()) > 400
    assert all(count.longest_days < 2.5 for count in counts.values())


def test_without_the_comparison_of_orbits_bad_sets_get_in(folder: Path) -> None:
    passing = element_checks.Verdict(element_checks.Kind.ACCEPTED, "")
    with patch.object(element_checks, "compare", lambda *_: passing):
        counts = element_histories.run(0.15, 7, folder)
    assert len([bad for count in counts.values() for bad in count.bad]) > 5


def test_a_store_that_began_badly_is_right_after_two_good_files(folder: Path) -> None:
    late = element_histories.run_begun_badly(7, folder / "begun")
    assert set(late.values()) == {1, 2}


def test_without_the_vote_it_never_is(folder: Path) -> None:
    with patch.object(element_vault, "judge_against_lone", element_histories.first_for_ever):
        late = element_histories.run_begun_badly(7, folder / "begun")
    assert max(late.values()) == 2 * element_histories.RIGHT_AFTER_DAYS
