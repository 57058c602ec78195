"""What a pass is worth: for the areas of interest, with this antenna, now.

    picture      minutes of usable downlink x weight: the general weather picture
    area         weight x part of it that is seen x pixel x light x usable link x how long it was not seen
    both x priority x status x how long the satellite was not heard

An area seen whole, by day, near nadir, by an active satellite heard well and lately, is worth `area` times
its own weight once it was not seen for long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from scheduler.areas import Area
from scheduler.errors import ValueModelError
from scheduler.frames import Array, sun_elevation_deg
from scheduler.link_budget import Antenna, cn0_dbhz, usable
from scheduler.pass_value import PassValue, Share, Term
from scheduler.passes import Pass
from scheduler.satellites import DownlinkUse, Satellite
from scheduler.swath import Ground, Instrument, instrument, places_seen
from scheduler.track import Track

__all__ = ["PassValue", "Share", "Term", "Weights", "value_of"]

_HOUR_S = 3600.0
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Weights:
    """What counts how much; each is configuration. All are factors of 0 or more."""

    picture_per_minute: float = 0.1
    area: float = 5.0
    # A pixel of this size counts 1, another (pixel_km / size) ** pixel_power, at most `pixel_most`.
    pixel_km: float = 1.0
    pixel_power: float = 0.5
    pixel_most: float = 1.5
    # What a picture counts in light that its product does not need; `night`: one that needs none, by night.
    wrong_light: float = 0.1
    night: float = 0.7
    # Novelty of an area is 1 - exp(-hours / this); of a satellite 1 + `unheard` x (1 - exp(-days / 2)).
    novelty_hours: float = 6.0
    unheard: float = 0.5
    # A priority below 1 rises to 1 from half so many days after the last reception until this many: what
    # counts little is left for others, but not for good.
    patience_days: float = 2.0
    # Passes over an area within so many hours compete; a second one counts `repeat`.
    area_hours: float = 3.0
    repeat: float = 0.25
    weak: float = 0.7
    unknown: float = 0.4

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueModelError(f"weight {item.name} is {value}; 0 or more is possible")
        for name in ("wrong_light", "night", "repeat", "weak", "unknown"):
            if getattr(self, name) > 1:
                raise ValueModelError(f"weight {name} is {getattr(self, name)}; 0 to 1 is possible")
        for name in ("pixel_km", "novelty_hours", "area_hours", "patience_days"):
            if not getattr(self, name) > 0:
                raise ValueModelError(f"weight {name} is 0; it must be more")


def value_of(
    seen: Pass,
    curve: Track,
    over: Ground,
    *,
    satellite: Satellite,
    use: DownlinkUse,
    antenna: Antenna | None = None,
    areas: Sequence[Area] = (),
    weights: Weights | None = None,
    priority: float = 1.0,
    last_seen: Mapping[str, float] | None = None,
    last_heard: float | None = None,
    pointing_loss_db: npt.ArrayLike = 0.0,
    shared: bool = False,
) -> PassValue:
    """Value of a pass on the grid of its track.

    Args:
        seen: the pass.
        curve: its track over the site, from rise to set; its times become the grid, 10 s apart as a rule.
        over: the flight at the same times, from `swath.ground`.
        satellite: what is known of the satellite; its first instrument is what makes pictures.
        use: the downlink that is to be received.
        antenna: what receives it; without one the link counts as sure.
        areas: of interest.
        weights: what counts how much.
        priority: factor for this satellite.
        last_seen: POSIX time of the last picture by area; one that is missing was never seen.
        last_heard: POSIX time of the last reception of this satellite; None: never.
        pointing_loss_db: of the rotator, a number or [n].
        shared: another station can hear the same pass: the general picture becomes a share, except that of a
            satellite that stands still.
    """
    weights = weights or Weights()
    if curve.time.shape != over.time.shape:
        raise ValueModelError("the track and the flight need the same times")
    heard = _heard(use, antenna, curve, pointing_loss_db)
    scale, terms = _scale(satellite, use, weights, (priority, last_heard, seen.aos.timestamp()))
    picture = weights.picture_per_minute / 60 * scale * heard
    whole = PassValue(curve.time, picture, {}).total
    terms.append(_picture_term(curve.time, heard, whole))
    shares: list[Share] = []
    passing = satellite.geostationary_longitude_deg is None
    if areas and satellite.instruments and passing:
        pieces = _lines(over, instrument(satellite.instruments[0]), areas, heard, weights)
        for area, lines in zip(areas, pieces, strict=True):
            share, term = _area(area, lines, weights, scale, (last_seen or {}).get(area.name))
            shares += [share] if share else []
            terms.append(term)
    parts = {share.key.rsplit("@", 1)[0]: share.value for share in shares} | {"picture": whole}
    if shared and passing and whole > 0:
        weight = np.gradient(curve.time) * heard
        key = f"picture@{seen.norad_id}/{over.revolution}"
        shares.append(Share(key, whole, curve.time, weight / weight.sum()))
        picture = np.zeros_like(picture)
    return PassValue(curve.time, picture, parts, tuple(shares), tuple(terms), heard)


def _heard(use: DownlinkUse, antenna: Antenna | None, curve: Track, pointing_loss_db: npt.ArrayLike) -> Array:
    if antenna is None:
        return np.ones_like(curve.time)
    if not antenna.hears(use.frequency_hz):
        return np.zeros_like(curve.time)
    return usable(use, cn0_dbhz(use, antenna, curve, pointing_loss_db))


def _scale(
    satellite: Satellite, use: DownlinkUse, weights: Weights, case: tuple[float, float | None, float]
) -> tuple[float, list[Term]]:
    """What multiplies the whole pass; `case`: priority, time of the last reception, time of this one."""
    priority, last_heard, at = case
    status = {"active": 1.0, "weak": weights.weak, "unknown": weights.unknown, "off": 0.0}[use.status]
    days = math.inf if last_heard is None else max(at - last_heard, 0.0) / _DAY_S
    unheard = 1 + weights.unheard * (1 - math.exp(-days / 2))
    if 0 < priority < 1 and last_heard is not None:
        late = min(max(2 * days / weights.patience_days - 1, 0.0), 1.0)
        unheard *= 1 + (1 / priority - 1) * late
    return priority * status * unheard, [
        Term("priority", priority, "priority", {"name": satellite.name}),
        Term("status", status, "status", {"use": use.name, "status": use.status}),
        Term("unheard", unheard, "unheard_never" if last_heard is None else "unheard", {"days": days}),
    ]


def _picture_term(time: Array, heard: Array, value: float) -> Term:
    given = {"minutes": float(np.trapezoid(heard, time)) / 60, "length": float(np.ptp(time)) / 60}
    return Term("picture", value, "picture", given)


@dataclass(frozen=True, eq=False)
class _Lines:
    """What the points of one area get, each [k]; `quality` is link x fineness x light."""

    grid: Array
    time: Array
    link: Array
    sun_deg: Array
    resolution_km: Array
    fine: Array
    quality: Array


def _lines(
    over: Ground, scanner: Instrument, areas: Sequence[Area], heard: Array, weights: Weights
) -> list[_Lines]:
    """For each area, all of them computed at once."""
    latitude = np.concatenate([a.latitude_deg for a in areas])
    longitude = np.concatenate([a.longitude_deg for a in areas])
    found = places_seen(over, scanner, latitude, longitude)
    time = np.where(found.seen, found.time, over.time[0])
    link = np.interp(time, over.time, heard) * found.seen
    sun = sun_elevation_deg(latitude, longitude, time)
    fineness = (weights.pixel_km / np.nan_to_num(found.resolution_km, nan=np.inf)) ** weights.pixel_power
    fine = link * np.minimum(fineness, weights.pixel_most)
    quality = fine * _light(scanner, sun, weights)
    cuts = np.cumsum([a.latitude_deg.size for a in areas])[:-1]
    columns = (np.split(a, cuts) for a in (time, link, sun, found.resolution_km, fine, quality))
    return [_Lines(over.time, *piece) for piece in zip(*columns, strict=True)]


def _area(
    area: Area, lines: _Lines, weights: Weights, scale: float, last_seen: float | None
) -> tuple[Share | None, Term]:
    part, total = f"area {area.name}", float(lines.quality.sum())
    if total == 0.0:
        return None, Term(part, 0.0, "area_unseen")
    # Of the scan alone, so that it is the same for every station that hears it.
    middle = float(lines.time[np.isfinite(lines.resolution_km)].mean())
    hours = math.inf if last_seen is None else max(middle - last_seen, 0.0) / _HOUR_S
    novelty = 1 - math.exp(-hours / weights.novelty_hours)
    value = weights.area * area.weight * novelty * scale * total / lines.quality.size
    if value == 0.0:
        return None, Term(part, 0.0, "area_nothing")
    place = np.clip(np.searchsorted(lines.grid, lines.time), 0, lines.grid.size - 1)
    weight = np.bincount(place, lines.quality, lines.grid.size) / total
    there, seen = weight > 0, lines.link > 0
    # Each factor is a mean over what the ones before it leave, so that their product is the number itself.
    given = {
        "weight": weights.area * area.weight,
        "seen": float(seen.mean()),
        "link": float(lines.link[seen].mean()),
        "fine": float(lines.fine.sum() / lines.link.sum()),
        "km": float(lines.resolution_km[seen].mean()),
        "light": total / float(lines.fine.sum()),
        "sun": float(lines.sun_deg[seen].mean()),
        "novelty": novelty,
        "hours": hours,
    }
    key = f"{part}@{math.floor(middle / _HOUR_S / weights.area_hours)}"
    return Share(key, value, lines.grid[there], weight[there]), Term(
        part, value, "area_never" if last_seen is None else "area", given
    )


def _light(scanner: Instrument, sun: Array, weights: Weights) -> Array:
    """1 in the light the product needs; between -6° and 6° of the Sun it changes evenly."""
    day = np.clip((sun + 6) / 12, 0, 1)
    by_day, by_night = {
        "any": (1.0, weights.night), "day": (1.0, weights.wrong_light), "night": (weights.wrong_light, 1.0),
    }[scanner.needs]  # fmt: skip
    return np.asarray(by_night + (by_day - by_night) * day)
