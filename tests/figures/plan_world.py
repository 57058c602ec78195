"""Two stations, twenty satellites, the real elements of 2020-09-27: what the figures of the plan share.

Who sent what in 2020 is simplified: each satellite has one or two downlinks with the bands of its kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from scheduler.areas import Area, load_areas
from scheduler.elements import Elements, load_elements, select
from scheduler.link_budget import Antenna
from scheduler.passes import Pass, Site, find_all_passes
from scheduler.plan import (
    AntennaResource,
    Candidate,
    DownlinkNeed,
    ReceiverResource,
    Resources,
    SlewModel,
    View,
    reason,
)
from scheduler.satellites import DownlinkUse, Satellite
from scheduler.swath import ground
from scheduler.track import track
from scheduler.value import PassValue, Weights, value_of

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = ROOT.parent / "shared"
ELEMENTS = SHARED / "data/elements/tle-2020-09-27.txt"
AREAS = SHARED / "data/boundaries/provinces_2025.geojson"
START = datetime(2020, 9, 28, tzinfo=UTC)
SITES = (Site("Lai Châu", 22.40, 103.45, 900.0), Site("Lạng Sơn", 21.85, 106.76, 300.0))
LEAST_ELEVATION_DEG = 5.0

# name, frequency MHz, bandwidth MHz, EIRP dBW, C/N0 needed dBHz
LRPT = ("lrpt", 137.1, 0.15, 6.0, 55.0)
LRPT_9 = ("lrpt", 137.9, 0.15, 6.0, 55.0)
HRPT = ("hrpt", 1700.0, 3.0, 10.0, 67.0)
NOAA_HRPT = ("hrpt", 1707.0, 3.0, 10.0, 67.0)
AHRPT = ("ahrpt", 1701.3, 4.5, 12.0, 70.0)
HRD = ("hrd", 7812.0, 30.0, 16.0, 80.0)
MERSI = ("mpt", 7820.0, 45.0, 16.0, 82.0)
DB = ("db", 8160.0, 15.0, 16.0, 80.0)

# Name in the elements, instrument, priority, downlinks.
SATELLITES = (
    ("METEOR-M 2", "msu-mr", 2.0, (LRPT, HRPT)),
    ("METEOR-M2 2", "msu-mr", 2.0, (LRPT_9, HRPT)),
    ("METEOR-M 1", "msu-mr", 1.0, (HRPT,)),
    ("METOP-A", "avhrr-3", 1.0, (AHRPT,)),
    ("METOP-B", "avhrr-3", 2.0, (AHRPT,)),
    ("METOP-C", "avhrr-3", 2.0, (AHRPT,)),
    ("NOAA 15", "avhrr-3", 1.0, (HRPT,)),
    ("NOAA 18", "avhrr-3", 1.0, (NOAA_HRPT,)),
    ("NOAA 19", "avhrr-3", 1.0, (NOAA_HRPT,)),
    ("FENGYUN 3A", "avhrr-3", 1.0, (AHRPT,)),
    ("FENGYUN 3B", "avhrr-3", 1.0, (AHRPT,)),
    ("FENGYUN 3C", "avhrr-3", 1.0, (AHRPT,)),
    ("FENGYUN 3D", "viirs", 2.0, (MERSI,)),
    ("NOAA 20", "viirs", 3.0, (HRD,)),
    ("SUOMI NPP", "viirs", 3.0, (HRD,)),
    ("AQUA", "viirs", 1.0, (DB,)),
    ("TERRA", "viirs", 1.0, (DB,)),
    ("OCEANSAT-2", "", 1.0, (AHRPT,)),
    ("SENTINEL-3A", "", 1.0, (DB,)),
    ("SENTINEL-3B", "", 1.0, (DB,)),
)

OMNI = Antenna("omni", ((136e6, 138e6),), kind="qfh", noise_temperature_k=1000)
DISH = Antenna("dish", ((1.6e9, 1.8e9), (7.7e9, 8.3e9)), diameter_m=2.4, noise_temperature_k=150)
SLEW = SlewModel(6.0, 4.0, 6.0, 6.0, settle_s=2.0, azimuth_range_deg=540.0, elevation_range_deg=90.0)


def resources() -> Resources:
    """Per station an antenna for VHF, a dish on a rotator, and two receivers that reach both."""
    receivers, antennas = [], []
    for site in SITES:
        antennas += [
            AntennaResource("omni", site.name, OMNI.frequency_ranges_hz),
            AntennaResource("dish", site.name, DISH.frequency_ranges_hz, SLEW),
        ]
        receivers += [
            ReceiverResource(
                "narrow", site.name, ("omni", "dish"), ((24e6, 1.8e9),), 10e6, setup_s=10, wide=True
            ),
            ReceiverResource("broad", site.name, ("dish",), ((1e9, 9e9),), 60e6, setup_s=2, wide=True),
        ]
    return Resources(tuple(receivers), tuple(antennas))


def elements_of(satellites: Sequence[tuple] = SATELLITES) -> dict[str, Elements]:
    """Their element sets, by name."""
    sets = load_elements(ELEMENTS)
    return {name: select(sets, name, START) for name, *_ in satellites}


def areas() -> tuple[Area, ...]:
    """Both provinces."""
    return load_areas(AREAS)


def passes(sets: Mapping[str, Elements], start: datetime, days: float) -> list[Pass]:
    """Of all satellites over both stations, complete ones."""
    places = [(site, None) for site in SITES]
    found = find_all_passes(
        list(sets.values()), places, start, start + timedelta(days=days), min_elevation_deg=0.0
    )
    return [p for p in found.passes if p.complete]


def candidates(
    sets: Mapping[str, Elements],
    start: datetime,
    days: float,
    *,
    satellites: Sequence[tuple] = SATELLITES,
    last_seen: Mapping[str, float] | None = None,
    last_heard: Mapping[str, float] | None = None,
    weights: Weights | None = None,
) -> list[Candidate]:
    """One per pass and downlink."""
    by_name = {name: (tool, priority, uses) for name, tool, priority, uses in satellites}
    places = {site.name: site for site in SITES}
    wanted = areas()
    found: list[Candidate] = []
    for seen in passes(sets, start, days):
        tool, priority, uses = by_name[seen.satellite]
        site = places[seen.site]
        curve = track(sets[seen.satellite], site, seen.aos, seen.los, 10.0)
        over = ground(sets[seen.satellite], curve.time)
        for name, megahertz, wide, eirp, needed in uses:
            use = DownlinkUse(
                name, megahertz * 1e6, "rhcp", "active", "figure", eirp_dbw=eirp,
                bandwidth_hz=wide * 1e6, required_cn0_dbhz=needed,
            )  # fmt: skip
            known = Satellite(
                seen.satellite, seen.norad_id, seen.satellite, "figure", (), (tool,) if tool else ()
            )
            antenna = OMNI if megahertz < 200 else DISH
            value = value_of(
                seen,
                curve,
                over,
                satellite=known,
                use=use,
                antenna=antenna,
                areas=wanted,
                weights=weights,
                priority=priority,
                last_seen=last_seen,
                last_heard=(last_heard or {}).get(seen.satellite),
                shared=True,
            )
            low = seen.max_elevation_deg < LEAST_ELEVATION_DEG
            degrees = {"elevation": f"{seen.max_elevation_deg:.1f}", "least": f"{LEAST_ELEVATION_DEG:g}"}
            found.append(
                Candidate(
                    id=f"{seen.norad_id}@{seen.tca:%Y%m%dT%H%M}/{name}/{seen.site}",
                    seen=seen,
                    station=seen.site,
                    satellite=seen.satellite,
                    downlinks=(DownlinkNeed(name, megahertz * 1e6, wide * 1e6),),
                    views=tuple(_views(antenna, value, curve.azimuth_deg, curve.elevation_deg)),
                    least_s=120,
                    margin_s=5,
                    priority=priority,
                    refused=reason("below_elevation", **degrees) if low else None,
                )
            )
    return found


def _views(antenna: Antenna, value: PassValue, azimuth: np.ndarray, elevation: np.ndarray) -> Iterator[View]:
    """By the dish each turn of a rotator from -90 to 450 degrees that holds the whole pass."""
    if antenna is OMNI:
        yield View("omni", value)
        return
    path = np.unwrap(azimuth, period=360.0)
    for turn in (-360.0, 0.0, 360.0):
        if (path + turn).min() >= -90 and (path + turn).max() <= 450:
            yield View("dish", value, path + turn, elevation)
