"""Every data file of products/ loads, and a wrong one is refused with its place named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from products import definitions
from products.calibration import dark_word
from products.errors import InputError, ProductError
from products.instrument import FILE, load_instrument, msu_mr

FOLDER = Path(definitions.__file__).parent


def test_all_data_files_load() -> None:
    assert set(definitions.areas()) == {"pass", "northern_vietnam", "lai_chau", "lang_son"}
    assert {"day_221", "day_124", "natural_321", "infrared", "cloud_tops"} <= set(definitions.recipes())
    assert msu_mr().scan.step_deg == pytest.approx(0.0702, abs=1e-4)
    composites = (FOLDER / "etc/composites/msu-mr.yaml").read_text(encoding="utf-8")
    for recipe in definitions.recipes().values():
        if recipe.dataset:
            assert f"\n  {recipe.dataset}:\n" in composites
    for path in FOLDER.glob("etc/*/*.yaml"):
        assert yaml.compose(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("resolution_m = 2000", "resolution = 2000", "did you mean 'resolution_m'"),
        ("bbox = [102.2, 21.6, 104.1, 22.95]", "", "go together"),
        ("bbox = [102.2, 21.6, 104.1, 22.95]", "bbox = [104.1, 21.6, 102.2, 22.95]", "west, south"),
        ("resolution_m = 2000", "resolution_m = 1", "100 to 50000"),
        ('vi = "Lạng Sơn"', 'fr = "Lạng Sơn"', "title in 'vi'"),
    ],
)
def test_a_wrong_area_is_refused(tmp_path: Path, old: str, new: str, match: str) -> None:
    text = (FOLDER / "areas.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "areas.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=match):
        definitions.load_areas(path)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('kind = "rgb"', 'kind = "rgba"', "kind is"),
        ("channels = [1, 2]", "channels = [1, 7]", "1 to 6"),
        ('[233.0, "#d2d2d2"]', '[900.0, "#d2d2d2"]', "rising"),
        ('"#28468c"', '"grey"', "rrggbb"),
        ('dataset = "day_221"', "", "names its dataset"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, old: str, new: str, match: str) -> None:
    text = (FOLDER / "recipes.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "recipes.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=match):
        definitions.load_recipes(path)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("columns = 1568\n", "colums = 1568\n", "unknown keys"),
        ('first_column = "right"', 'first_column = "up"', "left, right"),
        ("roll_deg = 0.0", "roll_deg = true", "float is expected"),
        ("roll_deg = 0.0", "roll_deg = nan", "finite"),
        ('maturity = "fitted"', 'maturity = "sure"', "nominal, fitted, reported"),
        ("[attitude.nominal]", "[attitude.usual]", "nominal is missing"),
        ("[scan]", "[scan", "cannot be read"),
    ],
)
def test_a_wrong_instrument_is_refused(tmp_path: Path, old: str, new: str, match: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "msu_mr.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=match):
        load_instrument(path)


def test_each_satellite_s_own_attitude_is_applied_where_it_was_measured() -> None:
    used = {name: msu_mr().attitude(name) for name in ("METEOR-M2", "METEOR-M2 3")}
    assert (used["METEOR-M2"].roll_deg, used["METEOR-M2"].time_offset_s) == (-2.01, 0.0)
    assert (used["METEOR-M2 3"].roll_deg, used["METEOR-M2 3"].time_offset_s) == (0.49, -0.23)
    assert {one.maturity for one in used.values()} == {"fitted"}
    for satellite in ("METEOR-M2 2", "METEOR-M2 4", "another", "SatDump METEOR-M2 4"):
        assert msu_mr().attitude(satellite) == msu_mr().attitudes["nominal"]
    assert msu_mr().attitudes["SatDump METEOR-M2"].roll_deg == 2.3


def test_an_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(ProductError, match="did you mean 'lai_chau'"):
        definitions.chosen(["lai_cau"], definitions.areas(), "area")


def test_dark_word_needs_words() -> None:
    import numpy as np

    assert dark_word(1, np.zeros((0, 6, 2))) == 0
