"""A frozen record from a table of a file: nothing unknown, nothing missing, each value of its type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from scheduler.errors import SatelliteError


def record(kind: type[Any], table: Mapping[str, Any], where: str, **given: Any) -> Any:
    """A frozen record from a table: no key more, none missing, each of the declared type."""
    allowed = {f.name: f for f in fields(kind) if f.name not in given}
    for key in table:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"allowed are: {', '.join(allowed)}"
            raise SatelliteError(f"{where}: unknown key {key!r}; {hint}")
    missing = [k for k, f in allowed.items() if f.default is MISSING and k not in table]
    if missing:
        raise SatelliteError(f"{where}: {', '.join(missing)} missing")
    values = {k: _typed(v, str(allowed[k].type), f"{where}: {k}") for k, v in table.items()}
    return kind(**values, **given)


def _typed(value: Any, declared: str, where: str) -> Any:
    kind = declared.removesuffix(" | None")
    if kind == "float" and type(value) in (int, float):
        return float(value)
    if kind in ("str", "int") and type(value).__name__ == kind:
        return value
    if kind.startswith("tuple") and isinstance(value, list):
        element = kind.removeprefix("tuple[").removesuffix(", ...]")
        return tuple(_typed(item, element, where) for item in value)
    raise SatelliteError(f"{where} is {value!r}; {declared} is expected")
