"""Packets of the simulator's camera through the decoder's assembler to places: against the scene's truth.

The simulator shares neither code nor constants with products/; its temperatures are averages over a band,
ours those of one wavenumber, so they may differ by about a kelvin.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from decoders.level1a import Provenance, write_level1a
from decoders.msu_mr import MsuMrAssembler
from decoders.packets import Packet
from products.calibration import temperature_table
from products.level1a import Level1a, geolocator, read_level1a
from products.qa import geolocation_error
from scheduler.elements import Elements, load_elements, select
from sim.msu_mr import MsuMrCamera
from sim.scene import EarthScene

ELEMENTS = Path(__file__).parents[2] / "scheduler/data/elements"
STRIPS = 24
LINES_PER_SECOND = 6.498


@pytest.fixture(scope="module", params=["METEOR-M2 4", "METEOR-M2 3"])
def elements(request: pytest.FixtureRequest) -> Elements:
    known = [one for path in sorted(ELEMENTS.glob("*.t*")) for one in load_elements(path)]
    return select(known, request.param)


@pytest.fixture(scope="module")
def simulated(
    elements: Elements, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Level1a, dict[str, NDArray]]:
    start = elements.epoch.timestamp() + 36000
    camera = MsuMrCamera(elements, EarthScene(1), channels=(1, 2, 5), seed=1)
    assembler = MsuMrAssembler("utc")
    strips = list(camera.strips(start, start + STRIPS * camera.strip_period_s))
    for strip in strips:
        assembler.process(_packet(packet) for packet in strip.packets)
    image = assembler.finish()
    assert image is not None
    provenance = Provenance(satellite=elements.name, elements_omm=elements.to_omm())
    path = write_level1a(tmp_path_factory.mktemp("simulated"), image, provenance)
    truth = {
        "line_time": np.array([strip.time for strip in strips])[:, None] + np.arange(8) / LINES_PER_SECOND,
        "columns": strips[0].truth_columns,
        "lon": np.stack([strip.truth_lon for strip in strips]),
        "lat": np.stack([strip.truth_lat for strip in strips]),
    }
    return read_level1a(path), truth


def _packet(raw: bytes) -> Packet:
    return Packet(
        apid=int.from_bytes(raw[:2], "big") & 0x7FF,
        count=int.from_bytes(raw[2:4], "big") & 0x3FFF,
        flags=raw[2] >> 6,
        data=raw[6:],
    )


def test_places_are_the_scene_s(simulated: tuple[Level1a, dict[str, NDArray]]) -> None:
    level1a, truth = simulated
    locator = geolocator(level1a)
    assert locator is not None
    found = geolocation_error(level1a.line_time, *locator.lonlat(level1a.line_time), truth)
    assert found.lines == STRIPS * 8
    assert found.median_km < 0.05
    assert found.p95_km < 0.1
    late = geolocation_error(level1a.line_time, *locator.lonlat(level1a.line_time + 1), truth)
    assert late.median_km > 5


def test_telemetry_of_the_simulator_calibrates(simulated: tuple[Level1a, dict[str, NDArray]]) -> None:
    level1a, _ = simulated
    bodies = level1a.bodies[5]
    assert (bodies.cold_k, bodies.hot_k) == (pytest.approx(262.65), pytest.approx(317.65))
    temperature = temperature_table(5, bodies)[level1a.counts[5][level1a.quality[5] == 0]]
    assert 200 < np.nanpercentile(temperature, 1) < np.nanpercentile(temperature, 99) < 330
    assert set(level1a.dark) == {1, 2}
    assert all(30 < dark < 45 for dark in level1a.dark.values())
