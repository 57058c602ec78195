"""A day of the figures `tests/figures/passes_*.py`, and that their judges can say no."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FIGURES = Path(__file__).resolve().parent.parent / "figures"


def _loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FIGURES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figure() -> ModuleType:
    return _loaded("passes_against_skyfield")


def test_passes_are_skyfields(figure: ModuleType, shared_data: Path) -> None:
    sets = figure.chosen(shared_data / "elements/tle-2020-09-27.txt", 50)
    assert len({s[1][2:7] for s in sets}) == 50
    right, _ = figure.judge(sets[::4], 1, say=lambda _: None, second_judge=0)
    assert right


@pytest.mark.parametrize("how", ["late", "blind", "inventive"])
def test_the_judge_sees_what_is_wrong(figure: ModuleType, shared_data: Path, how: str) -> None:
    sets = figure.chosen(shared_data / "elements/tle-2020-09-27.txt", 50)
    right, _ = figure.judge(sets[:3], 1, how, say=lambda _: None, second_judge=0)
    assert not right


@pytest.mark.parametrize(("how", "site", "days"), [(None, 2, 2), ("late", 2, 2), ("narrow", 0, 4)])
def test_the_seen_part_of_a_province_is_that_of_the_judge(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, how: str | None, site: int, days: int
) -> None:
    figure = _loaded("passes_areas_seen")
    monkeypatch.setattr(figure, "FLOWN", figure.FLOWN[:1])
    monkeypatch.setattr(figure, "SITES", figure.SITES[site : site + 1])
    off = [abs(a - b) for _, a, b in figure.rows(shared_data, days, how)]
    assert len(off) > 2
    assert (max(off) < figure.MOST_OFF) == (how is None)
