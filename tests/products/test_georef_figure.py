"""The figure of tests/figures/georef_against_vrt.py holds, and a wrong model would show."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "figures/georef_against_vrt.py"


@pytest.fixture(scope="module")
def figure() -> ModuleType:
    spec = importlib.util.spec_from_file_location("georef_against_vrt", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_author_s_points_are_explained(figure: ModuleType, shared_data: Path) -> None:
    found = figure.compare(shared_data / "lrpt/georef-meteor-m2_2022-12-20")
    assert found.points == 200
    assert found.explained_median_km < 0.5
    assert found.explained_max_km < 2
    assert found.roll_deg == pytest.approx(-2.01, abs=0.02)
    assert found.time_s == pytest.approx(0.9, abs=0.05)
    # What his lean makes of it at nominal attitude, and that it is his lean.
    assert 30 < found.nominal_median_km < 45
    assert found.roll_median_km < 7
    # A mirrored scan and a wrong time zone are no small matter.
    assert found.other_side_median_km > 500
    assert found.an_hour_off_median_km > 1000
