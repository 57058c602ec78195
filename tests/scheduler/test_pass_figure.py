"""A day of the figure of `tests/figures/passes_against_skyfield.py`, and that its judge can say no."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FIGURE = Path(__file__).resolve().parent.parent / "figures" / "passes_against_skyfield.py"


@pytest.fixture(scope="module")
def figure() -> ModuleType:
    spec = importlib.util.spec_from_file_location("passes_against_skyfield", FIGURE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


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
