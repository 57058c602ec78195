"""Packets of the simulator, which shares no table with the decoder: counts, places and times come back."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from decoders.framing.packets import Packet
from decoders.instruments.msu_mr import GOOD, MsuMrAssembler, MsuMrImage
from scheduler.elements import Elements
from sim.msu_mr import MsuMrCamera, Strip
from sim.scene import EarthScene

STRIPS = 8
START = datetime(2024, 7, 16, 20, 59, 55, tzinfo=UTC)  # Moscow's midnight is inside
TLES = {
    "METEOR-M2": (
        "1 40069U 14037A   24198.88587815  .00000251  00000+0  13483-3 0  9997",
        "2 40069  98.4373 191.7979 0004498 273.7627  86.3037 14.20996427519845",
    ),
    "METEOR-M2 4": (
        "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
        "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
    ),
}


@pytest.fixture(scope="module")
def scene() -> EarthScene:
    return EarthScene(1)


def simulated(name: str, channels: tuple[int, ...], scene: EarthScene) -> list[Strip]:
    elements = Elements.from_tle(name, *TLES[name])
    camera = MsuMrCamera(elements, scene, channels=channels, seed=3)
    return list(camera.strips(START.timestamp(), START.timestamp() + (STRIPS - 0.5) * camera.strip_period_s))


def parsed(octets: bytes) -> Packet:
    sequence = int.from_bytes(octets[2:4], "big")
    return Packet(int.from_bytes(octets[:2], "big") & 2047, sequence & 16383, sequence >> 14, octets[6:])


def decoded(strips: list[Strip]) -> MsuMrImage:
    assembler = MsuMrAssembler("auto", START)
    assembler.process(parsed(octets) for strip in strips for octets in strip.packets)
    image = assembler.finish()
    assert image is not None
    return image


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("METEOR-M2", (1, 2, 5)),
        ("METEOR-M2 4", (1, 2, 4)),
        ("METEOR-M2 4", (5,)),
        ("METEOR-M2 4", (1, 2, 3, 4, 5, 6)),
    ],
)
def test_counts_and_times_come_back(name: str, channels: tuple[int, ...], scene: EarthScene):
    strips = simulated(name, channels, scene)
    image = decoded(strips)
    assert image.channels == channels
    assert image.report.counts_per_strip == (14 * len(channels) + 1,)
    assert (image.report.strips, image.report.misplaced, image.report.damaged) == (STRIPS, 0, 0)
    for index, channel in enumerate(channels):
        assert (image.quality[channel] == GOOD).all()
        truth = np.concatenate([strip.counts[index] for strip in strips]).astype(int)
        error = image.counts[channel].astype(int) - truth
        # Quantisation alone: small everywhere, and not shifted by a block or a strip.
        assert np.sqrt((error**2).mean()) < 0.35 * max(truth.std(), 4)
        assert abs(error.mean()) < 0.5
    expected = np.concatenate([strip.time + np.arange(8) / 6.498 for strip in strips])
    assert np.abs(image.line_time_s - expected).max() < 1.1e-3  # METEOR-M2 sends whole milliseconds
    assert len(image.telemetry.time_s) == STRIPS
    assert np.abs(image.telemetry.time_s - [strip.time for strip in strips]).max() < 1.1e-3
    assert image.telemetry.strip.tolist() == list(range(STRIPS))
    assert image.telemetry.serial == (0 if name == "METEOR-M2" else 4)
    position_m = image.telemetry.position_m
    if name == "METEOR-M2":
        assert np.isnan(position_m).all()  # the first series sends none
    else:
        assert np.abs(np.linalg.norm(position_m, axis=1) - 7.2e6).max() < 5e4
        assert np.abs(image.telemetry.time_s - image.telemetry.position_time_s - 1.5).max() < 1.0
