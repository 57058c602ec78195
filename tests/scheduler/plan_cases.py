"""Small made-up planning cases, and a judge that tries every plan there is.

The judge shares nothing with the optimiser but the records: it knows the rules in its own words.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np

from scheduler.passes import Pass
from scheduler.plan import (
    AntennaResource,
    Booking,
    Budget,
    Candidate,
    DownlinkNeed,
    Maintenance,
    ReceiverResource,
    Resources,
    SlewModel,
    View,
)
from scheduler.value import PassValue, Share

NOW = datetime(2026, 7, 14, tzinfo=UTC)
T0 = int(NOW.timestamp())
STEP = 60


def a_pass(norad_id: int, rise: int, length: int, station: str) -> Pass:
    aos = NOW + timedelta(seconds=rise)
    return Pass(
        satellite=f"SAT {norad_id}",
        norad_id=norad_id,
        site=station,
        aos=aos,
        tca=aos + timedelta(seconds=length / 2),
        los=aos + timedelta(seconds=length),
        max_elevation_deg=45.0 + norad_id % 40,
        aos_azimuth_deg=10.0,
        tca_azimuth_deg=90.0,
        los_azimuth_deg=170.0,
        sunlit_fraction=1.0,
        site_sun_elevation_deg=30.0,
    )


def a_value(rng: random.Random, rise: int, length: int, keys: list[str]) -> PassValue:
    time = T0 + np.append(np.arange(rise, rise + length, 10.0), float(rise + length))
    density = np.array([rng.random() ** 2 / 60 for _ in time])
    shares = []
    for key in keys:
        weight = np.array([rng.random() for _ in time])
        shares.append(Share(key, rng.uniform(0.5, 4), time, weight / weight.sum()))
    return PassValue(time, density, {}, tuple(shares))


def a_view(rng: random.Random, antenna: AntennaResource, value: PassValue) -> View:
    if antenna.rotator is None:
        return View(antenna.name, value)
    start, sweep = rng.uniform(0, 360), rng.uniform(-170, 170)
    part = np.linspace(0, 1, value.time.size)
    azimuth = np.clip(start + sweep * part, 0, 450)
    return View(antenna.name, value, azimuth, 60 * np.sin(np.pi * part))


def random_case(seed: int, size: int = 5) -> tuple[list[Candidate], Resources]:
    """A handful of overlapping passes of one or two stations, of every kind that there is."""
    rng = random.Random(seed)
    stations = ["Lai Châu", "Lạng Sơn"][: rng.choice([1, 1, 2])]
    antennas, receivers = [], []
    for station in stations:
        slew = SlewModel(
            rng.choice([2.0, 6.0]), 2.0, rng.choice([1.0, math.inf]), settle_s=rng.choice([0, 3])
        )
        antennas += [
            AntennaResource("omni", station, ((136e6, 138e6),)),
            AntennaResource("dish", station, ((1.6e9, 1.8e9),), slew),
        ]
        for i in range(rng.choice([1, 2])):
            bandwidth, setup, wide = rng.choice([2e5, 1e6, 20e6]), rng.choice([0, 10, 20]), rng.random() < 0.5
            both, tunes = ("omni", "dish"), ((1e6, 2e9),)
            receivers += [ReceiverResource(f"radio {i}", station, both, tunes, bandwidth, setup, wide=wide)]
    candidates = []
    for i in range(size):
        station = rng.choice(stations)
        rise, length = rng.randrange(0, 700), rng.randrange(120, 360)
        norad = 40000 + rng.randrange(3)
        seen = a_pass(norad, rise, length, station)
        bands = [DownlinkNeed("lrpt", rng.choice([137.1e6, 137.9e6]), 120e3)]
        if rng.random() < 0.5:
            bands = [DownlinkNeed("hrpt", rng.choice([1700e6, 1701.3e6, 1707e6]), 3e6)]
        keys = rng.sample(["a@1", "a@2", "b@1"], rng.choice([0, 1, 2]))
        value = a_value(rng, rise, length, keys)
        mine = [a for a in antennas if a.station == station]
        views = tuple(a_view(rng, a, value) for a in mine)
        least, name = rng.choice([60, 90]), seen.satellite
        uses = {"bytes_per_s": 1e6, "power_w": 60.0}
        candidates += [
            Candidate(f"{norad}/{i}", seen, station, name, tuple(bands), views, least_s=least, **uses)
        ]
        if rng.random() < 0.3:  # the same pass by the other band
            other = DownlinkNeed("other", 137.1e6 if bands[0].name == "hrpt" else 1700e6, 120e3)
            candidates += [Candidate(f"{norad}/{i}b", seen, station, name, (other,), views, **uses)]
    maintenance, budgets = [], []
    if rng.random() < 0.3:
        begin = NOW + timedelta(seconds=rng.randrange(0, 900))
        what = rng.choice([None, "dish", "omni", "radio 0"])
        maintenance.append(Maintenance(stations[0], what, begin, begin + timedelta(seconds=200)))
    if rng.random() < 0.3:
        budgets.append(Budget(stations[0], disk_bytes=rng.uniform(2e8, 8e8)))
    elif rng.random() < 0.3:
        budgets.append(Budget(stations[0], energy_wh_per_day=rng.uniform(5, 15)))
    return candidates[:size], Resources(tuple(receivers), tuple(antennas), tuple(maintenance), tuple(budgets))


# The judge.


def forms(candidate: Candidate, resources: Resources, *, trims: bool) -> Iterator[Booking]:
    """Every single booking of a candidate that breaks no rule by itself."""
    low = min(n.frequency_hz - n.bandwidth_hz / 2 for n in candidate.downlinks)
    high = max(n.frequency_hz + n.bandwidth_hz / 2 for n in candidate.downlinks)
    first, last = candidate.window
    first = max(first, T0)
    grid = [t for t in range(first, last + 1) if t % STEP == 0] if trims else []
    for receiver, view in itertools.product(resources.receivers, candidate.views):
        antenna = next(
            a for a in resources.antennas if (a.station, a.name) == (candidate.station, view.antenna)
        )
        if receiver.station != candidate.station or antenna.name not in receiver.antennas:
            continue
        if high - low > receiver.bandwidth_hz:
            continue
        if not any(a <= low and high <= b for a, b in receiver.frequency_ranges_hz):
            continue
        if not any(a <= low and high <= b for a, b in antenna.frequency_ranges_hz):
            continue
        mine = [
            m
            for m in resources.maintenance
            if m.station == candidate.station and m.resource in {None, receiver.name, antenna.name}
        ]
        edges = [
            t for m in mine for t in (int(m.start.timestamp()), int(m.end.timestamp())) if first < t < last
        ]
        for start, end in itertools.product([first, *grid, *edges], [*grid, *edges, last]):
            closed = any(m.start.timestamp() < end and start < m.end.timestamp() for m in mine)
            if end - start >= candidate.least_s and not closed:
                yield Booking(candidate, receiver.name, antenna.name, start, end, 0.0, view)


def points_to(view: View, time: float) -> tuple[float, float]:
    return (
        float(np.interp(time, view.value.time, view.azimuth_deg)),
        float(np.interp(time, view.value.time, view.elevation_deg)),
    )


def seconds_between(model: SlewModel, a: tuple[float, float], b: tuple[float, float]) -> float:
    times = []
    for way, rate, acceleration in (
        (abs(a[0] - b[0]), model.azimuth_rate_deg_s, model.azimuth_acceleration_deg_s2),
        (abs(a[1] - b[1]), model.elevation_rate_deg_s, model.elevation_acceleration_deg_s2),
    ):
        if math.isinf(acceleration):
            times.append(way / rate)
        elif way > rate * rate / acceleration:
            times.append(way / rate + rate / acceleration)
        else:
            times.append(2 * math.sqrt(way / acceleration))
    return max(times) + model.settle_s


def together(a: Booking, b: Booking, resources: Resources) -> bool:
    """Whether two bookings can both be, the bands of a wide recording apart."""
    if a.candidate.station != b.candidate.station:
        return True
    if a.start > b.start:
        a, b = b, a
    if a.receiver == b.receiver:
        receiver = next(
            r for r in resources.receivers if (r.station, r.name) == (a.candidate.station, a.receiver)
        )
        joined = receiver.wide and a.antenna == b.antenna
        if b.start < a.end and not joined:
            return False
        if b.start < a.end + receiver.setup_s and not joined:
            return False
    antenna = next(x for x in resources.antennas if (x.station, x.name) == (a.candidate.station, a.antenna))
    if a.antenna == b.antenna and antenna.rotator is not None and a.candidate.seen != b.candidate.seen:
        if b.start < a.end:
            return False
        need = seconds_between(antenna.rotator, points_to(a.view, a.end), points_to(b.view, b.start))
        return b.start - a.end >= need
    return True


def tunable(bookings: list[Booking], resources: Resources) -> bool:
    """Whether each wide receiver can take its chains of recordings with one tuning each.

    Tunings are those of the optimiser's statement: a chain whose members are closer than the set-up time fits
    into the bandwidth.
    """
    for receiver in resources.receivers:
        if not receiver.wide:
            continue
        mine = sorted(
            (b for b in bookings if (b.candidate.station, b.receiver) == (receiver.station, receiver.name)),
            key=lambda b: b.start,
        )
        chain: list[Booking] = []
        until = -math.inf
        for booking in mine:
            if booking.start >= until + receiver.setup_s:
                chain = []
            chain.append(booking)
            until = max(until, booking.end) if len(chain) > 1 else booking.end
            needs = [n for b in chain for n in b.candidate.downlinks]
            low = min(n.frequency_hz - n.bandwidth_hz / 2 for n in needs)
            high = max(n.frequency_hz + n.bandwidth_hz / 2 for n in needs)
            if high - low > receiver.bandwidth_hz or len({b.antenna for b in chain}) > 1:
                return False
    return True


def within_budgets(bookings: list[Booking], resources: Resources) -> bool:
    for budget in resources.budgets:
        mine = [b for b in bookings if b.candidate.station == budget.station]
        if sum(b.candidate.bytes_per_s * (b.end - b.start) for b in mine) > budget.disk_bytes:
            return False
        if sum(b.candidate.power_w * (b.end - b.start) / 3600 for b in mine) > budget.energy_wh_per_day:
            return False
    return True


def worth(bookings: list[Booking], candidates: list[Candidate], repeat: float) -> float:
    total = sum(b.view.value.integral(b.start, b.end) for b in bookings)
    keys = {s.key for c in candidates for v in c.views for s in v.value.shares}
    for key in keys:
        largest = max(s.value for c in candidates for v in c.views for s in v.value.shares if s.key == key)
        chosen = sum(
            s.value * s.part(b.start, b.end) for b in bookings for s in b.view.value.shares if s.key == key
        )
        total += repeat * chosen + (1 - repeat) * min(chosen, largest)
    return total


def best_plan(
    candidates: list[Candidate], resources: Resources, *, trims: bool = True, repeat: float = 0.25
) -> float:
    """Value of the best of all plans, found by trying all."""

    def alone(booking: Booking) -> float:
        return booking.view.value.over(booking.start, booking.end)

    choices = [
        sorted(((alone(b), b) for b in forms(c, resources, trims=trims)), key=lambda pair: -pair[0])
        for c in candidates
    ]
    # Together they are never worth more than each alone: what cannot reach the best so far is not tried.
    most = [sum(of[0][0] for of in choices[i:] if of) for i in range(len(choices) + 1)]
    best = 0.0

    def extend(chosen: list[Booking], value: float, depth: int) -> None:
        nonlocal best
        if depth == len(choices):
            if tunable(chosen, resources) and within_budgets(chosen, resources):
                best = max(best, worth(chosen, candidates, repeat))
            return
        for own, choice in choices[depth]:
            if value + own + most[depth + 1] <= best:
                break
            if all(together(choice, other, resources) for other in chosen):
                extend([*chosen, choice], value + own, depth + 1)
        if value + most[depth + 1] > best:
            extend(chosen, value, depth + 1)

    extend([], 0.0, 0)
    return best
