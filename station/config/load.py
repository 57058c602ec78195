"""Reading `station.toml`, and saying in one sentence what is wrong with it."""

from __future__ import annotations

import difflib
import tomllib
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from station.config.station import StationConfig
from station.errors import ConfigError


def load_config(path: Path) -> StationConfig:
    """Read and check `station.toml`; relative paths count from the folder of the file.

    Raises:
        ConfigError: unreadable, ill-formed, an unknown key (the message names the nearest) or a wrong value.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; copy station.example.toml and edit it") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: no valid TOML: {error}") from error
    try:
        return _with_base(parse_config(table, str(path)), path.resolve().parent)
    except RuntimeError as error:  # from expanduser
        raise ConfigError(f"{path}: a path begins with ~ and a user who has no home here") from error


def parse_config(table: dict[str, Any], source: str = "station.toml") -> StationConfig:
    """Check a table that was read elsewhere; `ConfigError` as from `load_config`."""
    try:
        return StationConfig.model_validate(table)
    except ValidationError as error:
        raise ConfigError(f"{source}: {_first_problem(error, table)}") from error


def _with_base(config: StationConfig, base: Path) -> StationConfig:
    """The configuration with every path made absolute."""

    def absolute(value: Any) -> Any:
        if isinstance(value, Path):
            return base / value.expanduser()
        if isinstance(value, tuple):
            return tuple(absolute(item) for item in value)
        if isinstance(value, BaseModel):
            return value.model_copy(
                update={name: absolute(getattr(value, name)) for name in value.model_fields_set}
            )
        return value

    made = absolute(config)
    assert isinstance(made, StationConfig)  # noqa: S101 - for the type checker
    # A default counts from the same folder.
    station = made.station
    if "data_dir" not in station.model_fields_set:
        station = station.model_copy(update={"data_dir": base / station.data_dir})
    return made.model_copy(update={"station": station})


def _first_problem(error: ValidationError, table: dict[str, Any]) -> str:
    """One sentence: unknown keys first, as they are the cause of most others."""
    problems = sorted(error.errors(), key=lambda p: p["type"] != "extra_forbidden")
    first, more = problems[0], len(problems) - 1
    place = _place(first["loc"], table)
    where = ".".join(str(part) for part in place)
    if first["type"] == "extra_forbidden":
        allowed = _allowed_keys(place[:-1], table)
        near = difflib.get_close_matches(str(place[-1]), allowed, n=1)
        said = (
            f"unknown key; did you mean {near[0]!r}?"
            if near
            else f"unknown key; allowed: {', '.join(allowed)}"
        )
    elif first["type"] == "missing":
        said = "is missing"
    elif first["type"] == "value_error":
        said = first["msg"].removeprefix("Value error, ")
    else:
        said = f"{first['msg']} (given: {first['input']!r})"
    rest = f" (and {more} more)" if more else ""
    return f"{where}: {said}{rest}" if where else f"{said}{rest}"


def _place(loc: tuple[int | str, ...], table: dict[str, Any]) -> list[int | str]:
    """Where it stands in the file: as pydantic says, without its own words for a receiver."""
    place = [*loc]
    if place[:1] == ["receiver"]:
        place = [*place[:2], *place[3:]]  # without the receiver's type
        if isinstance(table.get("receiver"), dict):
            del place[1:2]  # and without the 0 of the only one
    return place


def _allowed_keys(place: list[int | str], table: dict[str, Any]) -> list[str]:
    """Keys that the section at that place may have."""
    models: list[type[BaseModel]] = [StationConfig]
    given: Any = table
    for part in place:
        given = given[part]
        if isinstance(part, str):
            models = _models(_field(models[0], part))
            models = [m for m in models if _is_of_type(m, given)] or models
        else:
            models = [m for m in models if _is_of_type(m, given)] or models
    return sorted(field.alias or name for name, field in models[0].model_fields.items())


def _field(model: type[BaseModel], key: str) -> Any:
    return next(f.annotation for name, f in model.model_fields.items() if (f.alias or name) == key)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Sections that an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models(part)]


def _is_of_type(model: type[BaseModel], given: Any) -> bool:
    field = model.model_fields.get("type")
    return (
        field is not None
        and isinstance(given, dict)
        and given.get("type") in typing.get_args(field.annotation)
    )
