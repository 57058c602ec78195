"""Impairments from plain values, each checked where it is read."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from sim.errors import SimulationError
from sim.impairments import Crystal, Delivery, Fading, Gaps, Impairments, Interferer, Outages

# Tables inside the table, as they stand in a configuration.
_TABLES = {
    "crystal": Crystal,
    "delivery": Delivery,
    "fading": Fading,
    "gaps": Gaps,
    "outages": Outages,
}


def impairments_from(table: Mapping[str, Any]) -> Impairments:
    """Impairments from plain values, as of a TOML table.

    `crystal`, `delivery`, `fading`, `gaps` and `outages` are tables, `interferers` a list of tables,
    `dc_offset` a number or [I, Q].

    Raises:
        SimulationError: a key is unknown (the nearest is named) or a value does not fit.
    """
    values = dict(table)
    for name, kind in _TABLES.items():
        if name in values:
            values[name] = _made(kind, values[name])
    if "interferers" in values:
        if not isinstance(values["interferers"], list | tuple):
            raise SimulationError("interferers is a list of tables: write [[interferers]]")
        values["interferers"] = tuple(_made(Interferer, entry) for entry in values["interferers"])
    if "dc_offset" in values:
        values["dc_offset"] = _complex("dc_offset", values["dc_offset"])
    made: Impairments = _made(Impairments, values)
    return made


def _made(kind: Any, values: Any) -> Any:
    known = [entry.name for entry in fields(kind)]
    if not isinstance(values, Mapping):
        raise SimulationError(f"{kind.__name__.lower()} is a table of {', '.join(known)}, not {values!r}")
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise SimulationError(f"unknown key {key!r} of {kind.__name__.lower()}; {hint}")
    checked = {key: _checked(key, value) for key, value in values.items()}
    try:
        return kind(**checked)
    except TypeError as error:
        raise SimulationError(f"{kind.__name__.lower()} {dict(values)}: {error}") from None


def _checked(key: str, value: Any) -> Any:
    check = _CHECKS.get(key)
    return _number(key, value) if check is None else check(key, value)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SimulationError(f"{key} is a number, not {value!r}")
    return value


def _count(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SimulationError(f"{key} is a whole number, not {value!r}")
    return value


def _not_negative(key: str, value: Any) -> float:
    if _number(key, value) < 0:
        raise SimulationError(f"{key} is 0 or more, not {value!r}")
    return float(value)


def _truth(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SimulationError(f"{key} is true or false, not {value!r}")
    return value


def _pairs(key: str, value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list | tuple) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 for pair in value
    ):
        raise SimulationError(f"{key} is a list of [start, length] in seconds, not {value!r}")
    return tuple((_not_negative(key, start), _not_negative(key, length)) for start, length in value)


def _steps(key: str, value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list | tuple) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 for pair in value
    ):
        raise SimulationError(f"{key} is a list of [second, dB], not {value!r}")
    return tuple((_not_negative(key, second), _number(key, db)) for second, db in value)


def _complex(key: str, value: Any) -> complex:
    if isinstance(value, complex):
        return value
    parts = value if isinstance(value, list | tuple) else (value,)
    if len(parts) not in (1, 2):
        raise SimulationError(f"{key} is a number or [I, Q], not {value!r}")
    return complex(*(_number(key, part) for part in parts))


def _as_made(key: str, value: Any) -> Any:  # noqa: ARG001 - checked where it was made
    return value


# What is no plain number; a wrong value is told here, by its key, and not deep inside the channel.
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "adc_bits": _count,
    "marked": _truth,
    "swapped": _truth,
    "mirrored": _truth,
    "gain_steps": _steps,
    "period_s": _not_negative,
    "length_s": _not_negative,
    "at": _pairs,
    "stalls": _pairs,
    "cuts": _pairs,
    "jitter_s": _not_negative,
    "piece_bytes": _count,
    "per_minute": _not_negative,
    "mean_s": _not_negative,
    "spread_hz": _not_negative,
} | dict.fromkeys(
    ("crystal", "delivery", "fading", "gaps", "outages", "interferers", "dc_offset", "kind"), _as_made
)
