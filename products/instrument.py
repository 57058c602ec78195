"""The MSU-MR instrument as data: scan geometry and attitude, read strictly from instruments/msu_mr.toml."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from products.errors import InputError

FILE = Path(__file__).parent / "instruments" / "msu_mr.toml"
MATURITIES = ("nominal", "fitted", "reported")
SIDES = {"left": 1.0, "right": -1.0}


@dataclass(frozen=True)
class Scan:
    """How a line is swept; angles in degrees, positive to the right of the flight."""

    columns: int
    total_angle_deg: float
    total_angle_columns: int
    lines_per_second: float
    turn_per_line_deg: float
    first_column: str

    @property
    def step_deg(self) -> float:
        """Angle from one column to the next, without its sign."""
        return self.total_angle_deg / self.total_angle_columns

    def angle_rad(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scan angle at a column's centre; columns 783 and 784 lie either side of straight down."""
        middle = (self.columns - 1) / 2
        return SIDES[self.first_column] * math.radians(self.step_deg) * (column - middle)

    def delay_s(self, column: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds from the line's time stamp to the moment a column is seen."""
        return column * (self.step_deg / self.turn_per_line_deg / self.lines_per_second)


@dataclass(frozen=True)
class Attitude:
    """Fixed turn of the line of sight, in pyorbital's sense, and shift of the clock.

    maturity is "nominal" (assumed), "fitted" (to one pass) or "reported" (by others); error_km is what is to
    be expected of a place below the satellite.
    """

    roll_deg: float
    pitch_deg: float
    yaw_deg: float
    time_offset_s: float
    applied: bool
    maturity: str
    error_km: float
    source: str


@dataclass(frozen=True)
class Instrument:
    """MSU-MR with the attitudes known for each satellite."""

    name: str
    maturity: str
    reason: str
    scan: Scan
    attitudes: dict[str, Attitude]

    def attitude(self, satellite: str) -> Attitude:
        """The attitude to apply for a satellite: its own where it is marked so, else the nominal one."""
        own = self.attitudes.get(satellite)
        return own if own is not None and own.applied else self.attitudes["nominal"]


@cache
def msu_mr() -> Instrument:
    """The instrument of the METEOR-M satellites."""
    return load_instrument(FILE)


def load_instrument(path: Path) -> Instrument:
    """Read an instrument file.

    Raises:
        InputError: the file is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path.name} cannot be read: {error}") from error
    scan = _record(Scan, table.pop("scan", {}), path, "scan")
    if scan.first_column not in SIDES:
        raise InputError(
            f"{path.name}, scan: first_column is {scan.first_column!r}; allowed: {', '.join(SIDES)}"
        )
    attitudes = {
        name: _record(Attitude, value, path, f"attitude.{name}")
        for name, value in table.pop("attitude", {}).items()
    }
    for name, attitude in attitudes.items():
        if attitude.maturity not in MATURITIES:
            raise InputError(
                f"{path.name}, attitude.{name}: maturity is {attitude.maturity!r}; "
                f"allowed: {', '.join(MATURITIES)}"
            )
    if "nominal" not in attitudes:
        raise InputError(f"{path.name}: attitude.nominal is missing")
    return _record(Instrument, table | {"scan": scan, "attitudes": attitudes}, path, "top")


def _record(kind: Any, table: dict[str, Any], path: Path, where: str) -> Any:
    """A frozen dataclass from a table that has exactly its fields, numbers finite."""
    known = {field.name: field.type for field in fields(kind)}
    unknown, missing = sorted(set(table) - set(known)), sorted(set(known) - set(table))
    if unknown or missing:
        raise InputError(f"{path.name}, {where}: unknown keys {unknown}, missing keys {missing}")
    for key, value in table.items():
        expected = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}.get(str(known[key]))
        if expected is None:
            continue
        if not isinstance(value, expected) or (isinstance(value, bool) and known[key] != "bool"):
            raise InputError(f"{path.name}, {where}: {key} is {value!r}; {known[key]} is expected")
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{path.name}, {where}: {key} is {value!r}; a finite number is expected")
    return kind(**table)
