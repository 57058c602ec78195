"""Areas and recipes as data, read strictly from areas.toml and recipes.toml."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from products.errors import InputError, ProductError

FOLDER = Path(__file__).parent
LANGUAGES = ("en", "vi")

T = TypeVar("T")


@dataclass(frozen=True)
class AreaEntry:
    """A named area; without bbox and crs it is the pass itself."""

    name: str
    resolution_m: float
    title: dict[str, str]
    bbox: tuple[float, float, float, float] | None = None
    crs: str | None = None


@dataclass(frozen=True)
class Recipe:
    """A named picture; scale holds (value, "#rrggbb") with rising values."""

    name: str
    kind: str
    channels: tuple[int, ...]
    when: str
    title: dict[str, str]
    note: dict[str, str] | None = None
    dataset: str | None = None
    calibration: str | None = None
    unit: str | None = None
    scale: tuple[tuple[float, str], ...] = ()
    only_uncalibrated: bool = False


@cache
def areas() -> dict[str, AreaEntry]:
    """The built-in areas by name, in the order of areas.toml."""
    return load_areas(FOLDER / "areas.toml")


@cache
def recipes() -> dict[str, Recipe]:
    """The built-in recipes by name, in the order of recipes.toml."""
    return load_recipes(FOLDER / "recipes.toml")


def load_areas(path: Path) -> dict[str, AreaEntry]:
    """Read an areas file.

    Raises:
        InputError: an unknown or missing key, or values that make no area.
    """
    entries = {}
    for name, table in _tables(path, "areas").items():
        entry = _entry(AreaEntry, name, table, path)
        if (entry.bbox is None) != (entry.crs is None):
            raise InputError(f"{path.name}, {name}: bbox and crs go together")
        if entry.bbox is not None:
            west, south, east, north = entry.bbox
            if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
                raise InputError(f"{path.name}, {name}: bbox is west, south, east, north in degrees")
        if not 100 <= entry.resolution_m <= 50000:
            raise InputError(
                f"{path.name}, {name}: resolution_m is {entry.resolution_m}; 100 to 50000 is allowed"
            )
        entries[name] = entry
    return entries


def load_recipes(path: Path) -> dict[str, Recipe]:
    """Read a recipes file.

    Raises:
        InputError: an unknown or missing key, or values that make no picture.
    """
    entries = {}
    for name, table in _tables(path, "recipes").items():
        if "scale" in table:
            table["scale"] = tuple((float(value), str(colour)) for value, colour in table["scale"])
        recipe = _entry(Recipe, name, table, path)
        if recipe.kind not in ("rgb", "scale") or recipe.when not in ("day", "any"):
            raise InputError(f"{path.name}, {name}: kind is rgb or scale, when is day or any")
        if not recipe.channels or not set(recipe.channels) <= {1, 2, 3, 4, 5, 6}:
            raise InputError(f"{path.name}, {name}: channels are numbers 1 to 6")
        if recipe.kind == "rgb" and recipe.dataset is None:
            raise InputError(f"{path.name}, {name}: an rgb recipe names its dataset")
        if recipe.kind == "scale":
            _check_scale(recipe, path)
        entries[name] = recipe
    return entries


def _check_scale(recipe: Recipe, path: Path) -> None:
    values = [value for value, _ in recipe.scale]
    if len(values) < 2 or values != sorted(values) or values[0] == values[-1]:
        raise InputError(f"{path.name}, {recipe.name}: scale needs two rising values or more")
    if not all(re.fullmatch("#[0-9a-f]{6}", colour) for _, colour in recipe.scale):
        raise InputError(f"{path.name}, {recipe.name}: colours are written #rrggbb")
    if recipe.calibration not in ("counts", "reflectance", "brightness_temperature") or recipe.unit is None:
        raise InputError(f"{path.name}, {recipe.name}: a scale recipe names its calibration and unit")


def _tables(path: Path, key: str) -> dict[str, dict[str, Any]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path.name} cannot be read: {error}") from error
    if set(table) != {key}:
        raise InputError(f"{path.name} holds {sorted(table)}; only [{key}.NAME] tables are allowed")
    return dict(table[key])


def _entry(kind: Any, name: str, table: dict[str, Any], path: Path) -> Any:
    known = set(kind.__dataclass_fields__) - {"name"}
    for key in table:
        if key not in known:
            raise InputError(f"{path.name}, {name}: unknown key {key!r}{nearest(key, known)}")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    try:
        entry = kind(name=name, **values)
    except TypeError as error:
        raise InputError(f"{path.name}, {name}: {error}") from error
    for language in LANGUAGES:
        if not entry.title.get(language):
            raise InputError(f"{path.name}, {name}: the title in {language!r} is missing")
    return entry


def chosen(asked: Iterable[str] | None, known: dict[str, T], what: str) -> list[T]:
    """The entries asked for, or all of them.

    Raises:
        ProductError: an unknown name; the nearest is named.
    """
    if asked is None:
        return list(known.values())
    found = []
    for name in asked:
        if name not in known:
            raise ProductError(f"unknown {what} {name!r}{nearest(name, known)}; known are {', '.join(known)}")
        found.append(known[name])
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """The words "did you mean" with the known name that is near, or nothing."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""
