"""Satellites and what they send, from one TOML file each in `scheduler/satellites/`, loaded strictly."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from scheduler.errors import SatelliteError
from scheduler.records import record

FOLDER = Path(__file__).parent / "satellites"
STATUSES = ("active", "weak", "off", "unknown")
POLARISATIONS = ("rhcp", "lhcp", "linear")


@dataclass(frozen=True)
class DownlinkUse:
    """One downlink as one satellite sends it; `name` joins it to the decoder's definition."""

    name: str
    frequency_hz: float
    polarisation: str
    status: str
    source: str
    alternatives_hz: tuple[float, ...] = ()
    eirp_dbw: float | None = None
    eirp_range_dbw: tuple[float, ...] = ()
    bandwidth_hz: float | None = None
    required_cn0_dbhz: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        _one_of("status", self.status, STATUSES)
        _one_of("polarisation", self.polarisation, POLARISATIONS)
        for value in (self.frequency_hz, *self.alternatives_hz):
            if not 1e6 <= value <= 100e9:
                raise SatelliteError(f"frequency_hz is {value:g}; 1e6 to 100e9 Hz is possible")
        spread = (*self.eirp_range_dbw[:1], self.eirp_dbw or 0.0, *self.eirp_range_dbw[1:])
        if self.eirp_range_dbw and not (len(spread) == 3 and spread == tuple(sorted(spread))):
            raise SatelliteError(
                f"eirp_range_dbw is {self.eirp_range_dbw}; the lowest and highest about eirp_dbw are expected"
            )

    @property
    def on_air(self) -> bool:
        """Whether waiting for it can be worth while."""
        return self.status != "off"


@dataclass(frozen=True)
class Satellite:
    """One satellite, named as its element sets name it."""

    name: str
    norad_id: int
    platform_name: str
    source: str
    aliases: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    downlinks: tuple[DownlinkUse, ...] = ()
    geostationary_longitude_deg: float | None = None
    inclination_deg: float | None = None  # what its first set of elements is held against
    mean_motion_rev_per_day: float | None = None
    note: str = ""

    def downlink(self, name: str | None = None) -> DownlinkUse:
        """The downlink of that name, or the first; `SatelliteError` names what there is."""
        for use in self.downlinks:
            if name is None or use.name == name:
                return use
        have = ", ".join(use.name for use in self.downlinks) or "none"
        raise SatelliteError(f"{self.name} has no downlink {name!r}; it has: {have}")


def satellite(name_or_id: str | int) -> Satellite:
    """By name, alias or catalogue number, without regard to case, blanks and hyphens.

    Raises:
        SatelliteError: none is known by it; the message names the nearest.
    """
    wanted = _plain(str(name_or_id))
    known = {
        _plain(n): s for s in all_satellites() for n in (s.name, str(s.norad_id), s.platform_name, *s.aliases)
    }
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=1)
    names = ", ".join(s.name for s in all_satellites())
    hint = f"the nearest is {known[near[0]].name!r}" if near else f"known are: {names}"
    raise SatelliteError(f"no satellite {name_or_id!r}; {hint}")


@cache
def all_satellites() -> tuple[Satellite, ...]:
    """Every satellite of the folder, by catalogue number."""
    found = [load_satellite(path) for path in sorted(FOLDER.glob("*.toml"))]
    return tuple(sorted(found, key=lambda s: s.norad_id))


def load_satellite(path: Path) -> Satellite:
    """One file; `SatelliteError` names file, key and the nearest allowed key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        made = record(Satellite, table, "the file", downlinks=_downlinks(table.pop("downlinks", [])))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SatelliteError(f"{path}: {error}") from error
    except SatelliteError as error:
        raise SatelliteError(f"{path}: {error}") from error
    assert isinstance(made, Satellite)  # noqa: S101 - for the type checker
    return made


def _downlinks(uses: Any) -> tuple[DownlinkUse, ...]:
    if not isinstance(uses, list) or not all(isinstance(use, dict) for use in uses):
        raise SatelliteError("downlinks must be tables: [[downlinks]]")
    return tuple(record(DownlinkUse, use, f"downlinks[{i}]") for i, use in enumerate(uses))


def _one_of(key: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SatelliteError(f"{key} is {value!r}; allowed are: {', '.join(allowed)}")


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.casefold())
