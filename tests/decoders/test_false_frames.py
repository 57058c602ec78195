"""No false frames, in slices of the figure that counts them, and its bounds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from decoders.downlink import load_downlink


def figure() -> ModuleType:
    path = Path(__file__).parents[1] / "figures/false_frames.py"
    spec = importlib.util.spec_from_file_location("false_frames", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["false_frames"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["gk2a_lrit", "noaa21_hrd", "meteor_hrpt"])
def test_a_little_noise_makes_no_frame(name: str) -> None:
    count = figure().from_noise(name, 300_000, np.random.default_rng(1))
    assert count.put_in >= 300_000
    assert count.false == 0


@pytest.mark.parametrize("name", ["meteor_lrpt_72k", "metop_ahrpt"])
def test_some_hurt_frames_make_no_false_one(name: str) -> None:
    count = figure().from_hurt(name, 20, np.random.default_rng(2))
    assert count.located >= 15  # so that the second try was made
    assert count.false == 0


def test_frames_that_are_not_hurt_come_out_of_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts false ones would see them: with few enough wrong bytes the frames are all there."""
    module = figure()
    monkeypatch.setattr(module, "FEWEST_WRONG", 1)
    monkeypatch.setattr(module, "MOST_WRONG", 9)
    monkeypatch.setattr(module, "sent_frame", lambda mode, *_: bytes(mode.block_bytes))
    (mode,) = load_downlink("gk2a_lrit").modes
    rng = np.random.default_rng(3)
    stream, soft = module.stream_of(mode, [module.sent_frame(mode, 0, rng)] * 3, rng)
    finder = module.FrameFinder(mode)
    found = [*finder.process(stream, soft), *finder.flush()]
    assert [one.block.proven for one in found] == [True] * 3
    assert {module.joined(mode, one.block.words) for one in found} == {bytes(mode.block_bytes)}


def test_the_bounds() -> None:
    """One word alone is the worst of the protected formats; two markers bound the others."""
    module = figure()
    modes = {name: load_downlink(name).modes[0] for name in ("gk2a_lrit", "meteor_hrpt")}
    assert module.bound_from_noise(modes["gk2a_lrit"], 1e9) < 1e-29
    assert module.bound_from_hurt(modes["gk2a_lrit"], 1e5) == pytest.approx(8e-4)
    assert module.bound_from_noise(modes["meteor_hrpt"], 1e9) <= 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("part", ["noise", "hurt"])
def test_much_of_both_makes_no_false_frame(part: str) -> None:
    for what, count, bound in figure().rows([part], 3e7, 3000, seed=5):
        assert count.false == 0, what
        assert bound < 1e-4, what
