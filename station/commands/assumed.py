"""The station that is assumed where only a place is given, and what it then wants to hear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scheduler.elements import Elements, select
from scheduler.errors import SatelliteError
from scheduler.passes import Site
from scheduler.satellites import DownlinkUse, Satellite, all_satellites, satellite
from station.candidates import Wanted
from station.commands.options import number_of
from station.config import StationConfig, parse_config
from station.errors import StationError

VHF_HZ = (137e6, 138e6)
DISH_HZ = ((1.6e9, 1.8e9), (7.7e9, 8.5e9))
_RECEIVER_HZ = 70e6
_MIN_ELEVATION_DEG = 10.0
_MOST_UNKNOWN = 100

ASSUMED = (
    "no configuration is given; assumed is one receiver for each place, a QFH antenna for 137 MHz and a dish "
    "of 1.2 m for 1.7 and 7.8 GHz on a rotator of 6 degrees a second that turns from 0 to 450 degrees"
)


def assumed_station(site: Site) -> StationConfig:
    """A station at that place, as `ASSUMED` says."""
    known = [s.name for s in all_satellites() if any(_heard(use) for use in s.downlinks)]
    table = {
        "station": {
            "name": site.name,
            "latitude_deg": site.latitude_deg,
            "longitude_deg": site.longitude_deg,
            "altitude_m": site.altitude_m,
        },
        "receiver": {"type": "soapy", "sample_rate": _RECEIVER_HZ, "bandwidth_hz": _RECEIVER_HZ},
        "antenna": [
            {"name": "qfh", "kind": "qfh", "frequency_ranges_hz": [VHF_HZ]},
            {
                "name": "dish",
                "diameter_m": 1.2,
                "frequency_ranges_hz": DISH_HZ,
                "rotator": {"azimuth_max_deg": 450.0, "resolution_deg": 0.1},
            },
        ],
        "elements": {"files": ["elements"]},
        "satellite": [{"name": name} for name in known],
    }
    return parse_config(table, f"--site {site.name!r}")


def wanted_of(
    sets: Sequence[Elements], names: Sequence[str] = (), min_elevation_deg: float = _MIN_ELEVATION_DEG
) -> tuple[list[Wanted], list[str]]:
    """What to hear of the satellites in some elements, and what is assumed about them.

    The named ones; without names those that are known to send; where the elements hold none of these, all of
    them, each as if it sent what is known of it, or else a picture at 137.9 MHz. Of several downlinks the
    first that the assumed station hears.

    Raises:
        ElementsError: no elements of a named satellite.
        StationError: many satellites, and none that is known to send.
    """
    wanted: list[Wanted] = []
    silent: list[str] = []
    unknown: list[str] = []
    for number in _numbers(sets, names):
        known = _known(number)
        one = known or _unknown(select(sets, number))
        sending = [use for use in one.downlinks if use.on_air]
        use = next((use for use in sending if _heard(use)), (sending or one.downlinks)[0])
        if known is None:
            unknown.append(one.name)
        elif not use.on_air:
            silent.append(one.name)
            use = replace(use, status="unknown")
        wanted.append(Wanted(one, use, min_elevation_deg))
    said = []
    if silent:
        said.append(f"off the air as far as is known, planned as if they sent: {', '.join(silent)}")
    if unknown:
        at = f"{_ASSUMED_USE.frequency_hz / 1e6:g} MHz"
        said.append(f"without a known downlink, planned as if they sent at {at}: {', '.join(unknown)}")
    return wanted, said


def _numbers(sets: Sequence[Elements], names: Sequence[str]) -> list[int]:
    if names:
        return list(dict.fromkeys(select(sets, number_of(name)).norad_id for name in names))
    held = {elements.norad_id for elements in sets}
    known = [one for one in all_satellites() if one.norad_id in held and one.downlinks]
    sending = [one.norad_id for one in known if any(use.on_air for use in one.downlinks)]
    numbers = sending or [one.norad_id for one in known] or sorted(held)
    if len(numbers) > _MOST_UNKNOWN:
        raise StationError(f"none of {len(held)} satellites is known to send; say which with --satellite")
    return numbers


_ASSUMED_USE = DownlinkUse(
    "unknown", 137.9e6, "rhcp", "unknown", "assumed: nothing is known of it", bandwidth_hz=150e3
)


def _known(number: int) -> Satellite | None:
    try:
        found = satellite(number)
    except SatelliteError:
        return None
    return found if found.downlinks else None


def _unknown(elements: Elements) -> Satellite:
    return Satellite(
        elements.name, elements.norad_id, elements.name, "its elements", downlinks=(_ASSUMED_USE,)
    )


def _heard(use: DownlinkUse) -> bool:
    half = (use.bandwidth_hz or 0.0) / 2
    bands = (VHF_HZ, *DISH_HZ)
    inside = any(low <= use.frequency_hz - half and use.frequency_hz + half <= high for low, high in bands)
    return inside and 2 * half <= _RECEIVER_HZ
