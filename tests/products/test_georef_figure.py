"""The figures of the geometry on real passes hold, and a wrong model would show."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FIGURES = Path(__file__).parents[1] / "figures"


def _figure(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FIGURES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_author_s_points_are_explained(shared_data: Path) -> None:
    found = _figure("georef_against_vrt").compare(shared_data / "lrpt/georef-meteor-m2_2022-12-20")
    assert found.points == 200
    assert found.explained_median_km < 0.5
    assert found.explained_max_km < 2
    assert found.roll_deg == pytest.approx(-2.01, abs=0.02)
    assert found.time_s == pytest.approx(0.9, abs=0.05)
    # What his lean makes of it at nominal attitude, and that it is his lean.
    assert 30 < found.nominal_median_km < 45
    assert found.default_median_km < 7
    assert found.default_and_clock_median_km < 4
    # A mirrored scan and a wrong time zone are no small matter.
    assert found.other_side_median_km > 500
    assert found.an_hour_off_median_km > 1000


@pytest.mark.slow
def test_a_real_pass_lies_on_the_coast(shared_data: Path, tmp_path: Path) -> None:
    orbit, _, offsets = _figure("m2_3_on_the_coast").measure(
        shared_data / "lrpt/meteor-m2-3_2026-02-14", tmp_path
    )
    assert orbit.worst_km < 0.05
    found = {(one.attitude, one.part): one for one in offsets}
    # The lean of this satellite is found alike in every part of the swath; a wrong scan angle would not be.
    for part in ("all", "left", "middle", "right"):
        assert found["nominal", part].columns == 7
        assert 0 <= found["nominal", part].lines <= 2
        assert abs(found["METEOR-M2 3", part].columns) <= 1
        assert abs(found["METEOR-M2 3", part].lines) <= 1
    assert found["METEOR-M2 3", "all"].jump_k > 2 * found["nominal", "all"].jump_unmoved_k
