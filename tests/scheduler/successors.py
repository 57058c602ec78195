"""Later sets of the same orbit, made by SGP4's own secular theory from a real set."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from scheduler.elements import Elements


def successor(elements: Elements, days: float) -> Elements:
    """The mean elements after so many days, as SGP4 has them."""
    record = elements.satrec()
    error, _, _ = record.sgp4_tsince(days * 1440)
    if error:
        raise ValueError(f"SGP4 code {error}")
    return replace(
        elements,
        epoch=elements.epoch + timedelta(days=days),
        mean_motion_rev_per_day=kozai(record.nm, record.em, record.im) * 1440 / (2 * math.pi),
        eccentricity=record.em,
        inclination_deg=math.degrees(record.im),
        raan_deg=math.degrees(record.Om) % 360,
        argument_of_perigee_deg=math.degrees(record.om) % 360,
        mean_anomaly_deg=math.degrees(record.mm) % 360,
    )


def kozai(brouwer: float, eccentricity: float, inclination: float) -> float:
    """Mean motion as published from the one that SGP4 uses, rad/min (AIAA 2006-6753, initl, turned round)."""
    ke, j2 = 0.0743669161331734, 0.001082616
    shape = 0.75 * j2 * (3 * math.cos(inclination) ** 2 - 1) / (1 - eccentricity**2) ** 1.5
    wanted, published = brouwer, brouwer
    for _ in range(10):
        axis = (ke / published) ** (2 / 3)
        first = shape / axis**2
        axis *= 1 - first**2 - first * (1 / 3 + 134 * first**2 / 81)
        back = published / (1 + shape / axis**2)
        published *= wanted / back
    return published
