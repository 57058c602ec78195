"""Packets of the simulator's camera through the decoder's assembler to places: against the scene's truth.

The simulator shares neither code nor constants with products/; its temperatures are averages over a band,
ours those of one wavenumber, so they may differ by about a kelvin.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.framing.packets import Packet
from decoders.instruments.level1a import Provenance, write_level1a
from decoders.instruments.msu_mr import MsuMrAssembler
from products.calibration import temperature_table
from products.instrument import Attitude, msu_mr
from products.level1a import Level1a, geolocator, read_level1a
from products.orbit import Orbit
from products.own_orbit import OwnOrbit
from products.qa import GeolocationError, geolocation_error
from scheduler.elements import Elements, load_elements, select
from sim.msu_mr import MsuMrCamera
from sim.scene import EarthScene

ELEMENTS = Path(__file__).parents[2] / "scheduler/data/elements"
STRIPS = 48
LINES_PER_SECOND = 6.498
MEASURED = ("METEOR-M2", "METEOR-M2 3")


@pytest.fixture(scope="module", params=["METEOR-M2 4", "METEOR-M2 3", "METEOR-M2"])
def elements(request: pytest.FixtureRequest) -> Elements:
    known = [one for path in sorted(ELEMENTS.glob("*.t*")) for one in load_elements(path)]
    return select(known, request.param)


Simulated = tuple[Level1a, dict[str, NDArray]]


@pytest.fixture(scope="module")
def simulated(elements: Elements, tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    start = elements.epoch.timestamp() + 36000
    camera = MsuMrCamera(elements, EarthScene(1), channels=(1, 2, 5), seed=1)
    time = "moscow-no-day" if elements.name == "METEOR-M2" else "utc"
    assembler = MsuMrAssembler(time, datetime.fromtimestamp(start, UTC))
    strips = list(camera.strips(start, start + STRIPS * camera.strip_period_s))
    for strip in strips:
        assembler.process(_packet(packet) for packet in strip.packets)
    image = assembler.finish()
    assert image is not None
    provenance = Provenance(satellite=elements.name, elements_omm=elements.to_omm())
    path = write_level1a(tmp_path_factory.mktemp("simulated"), image, provenance)
    truth = {
        "line_time": np.array([strip.stamp for strip in strips])[:, None] + np.arange(8) / LINES_PER_SECOND,
        "columns": strips[0].truth_columns,
        "lon": np.stack([strip.truth_lon for strip in strips]),
        "lat": np.stack([strip.truth_lat for strip in strips]),
    }
    return read_level1a(path), truth


def _error(simulated: Simulated, attitude: Attitude | None = None) -> GeolocationError:
    level1a, truth = simulated
    locator = geolocator(level1a, attitude)
    assert locator is not None
    return geolocation_error(level1a.line_time, *locator.lonlat(level1a.line_time), truth)


def _packet(raw: bytes) -> Packet:
    return Packet(
        apid=int.from_bytes(raw[:2], "big") & 0x7FF,
        count=int.from_bytes(raw[2:4], "big") & 0x3FFF,
        flags=raw[2] >> 6,
        data=raw[6:],
    )


def test_places_are_the_scene_s(simulated: Simulated) -> None:
    found = _error(simulated)
    assert found.lines == STRIPS * 8
    assert found.median_km < 0.05
    assert found.p95_km < 0.1
    late = replace(msu_mr().attitude(simulated[0].satellite), time_offset_s=1.0)
    assert _error(simulated, late).median_km > 5


def test_a_lean_or_a_clock_of_the_other_sign_shows(simulated: Simulated) -> None:
    attitude = msu_mr().attitude(simulated[0].satellite)
    assert (attitude.roll_deg != 0) == (simulated[0].satellite in MEASURED)
    leaning = replace(attitude, roll_deg=-attitude.roll_deg)
    # 14 km a degree straight down, and more at the rims.
    assert _error(simulated, leaning).median_km >= 2 * 14 * abs(attitude.roll_deg)
    ticking = replace(attitude, time_offset_s=-attitude.time_offset_s)
    # 6.6 km a second along the track.
    assert _error(simulated, ticking).median_km >= 2 * 6 * abs(attitude.time_offset_s)


def test_the_satellite_s_own_positions_do_as_well(simulated: Simulated) -> None:
    """Told to a metre, with the clock of the navigator; METEOR-M2 tells none."""
    level1a, truth = simulated
    alone = replace(level1a, attributes=level1a.attributes | {"elements_omm": ""})
    if level1a.satellite == "METEOR-M2":
        assert alone.orbit == "no orbital elements came with the pass"
        assert geolocator(alone) is None
        return
    assert isinstance(alone.orbit, OwnOrbit)
    assert alone.orbit.used == alone.orbit.told >= STRIPS - 2
    assert alone.orbit.worst_km < 0.02
    assert _error((alone, truth)).p95_km < 0.1


def test_old_elements_give_way_to_the_satellite_s_own_positions(simulated: Simulated) -> None:
    level1a, truth = simulated
    elements = json.loads(level1a.elements_omm)
    # The same orbit a fortnight earlier, and a quarter of a degree behind by now: a guess gone wrong.
    epoch = datetime.fromisoformat(elements["EPOCH"].removesuffix("Z")) - timedelta(days=14)
    elements |= {"EPOCH": epoch.isoformat(), "MEAN_ANOMALY": (elements["MEAN_ANOMALY"] - 0.25) % 360}
    old = replace(level1a, attributes=level1a.attributes | {"elements_omm": json.dumps(elements)})
    assert isinstance(level1a.orbit, Orbit)
    assert not isinstance(level1a.orbit, OwnOrbit)  # fresh ones are used
    if level1a.satellite == "METEOR-M2":
        assert isinstance(old.orbit, Orbit)  # better than none
        assert old.orbit.omm == old.elements_omm
        return
    assert isinstance(old.orbit, OwnOrbit)
    assert _error((old, truth)).p95_km < 0.1


def test_telemetry_of_the_simulator_calibrates(simulated: Simulated) -> None:
    level1a, _ = simulated
    if level1a.satellite == "METEOR-M2":
        assert not level1a.bodies  # its telemetry was digital, without temperatures
        return
    bodies = level1a.bodies[5]
    assert (bodies.cold_k, bodies.hot_k) == (pytest.approx(262.65), pytest.approx(317.65))
    temperature = temperature_table(5, bodies)[level1a.counts[5][level1a.quality[5] == 0]]
    assert 200 < np.nanpercentile(temperature, 1) < np.nanpercentile(temperature, 99) < 330
    assert set(level1a.dark) == {1, 2}
    assert all(30 < dark < 45 for dark in level1a.dark.values())
