"""The figure of element_histories.py in small: some months, and again with the comparison of orbits off."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest

from scheduler import element_checks
from tests.figures import element_histories


@pytest.fixture
def folder(shared_data: Path, tmp_path: Path) -> Path:
    for part in ("simulated", "real"):
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
