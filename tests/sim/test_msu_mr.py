"""Strips and packets of the simulated camera, read by a parser of this test and by libjpeg."""

from __future__ import annotations

import io
import itertools
import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from scheduler.elements import Elements
from sim.errors import SimulationError
from sim.geometry import Attitude, LineGeometry, Scan
from sim.msu_mr import MsuMrCamera, Strip
from sim.scene import EarthScene
from sim.telemetry import CRAFTS

START = datetime(2024, 7, 17, 7, 39, tzinfo=UTC).timestamp()  # over Indochina, by day
PERIOD = 8 / 6.498
BUDGET = 9541


@pytest.fixture(scope="module")
def elements() -> Elements:
    return Elements.from_tle(
        "METEOR-M2 4",
        "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
        "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
    )


@pytest.fixture(scope="module")
def scene() -> EarthScene:
    return EarthScene(1)


@pytest.fixture(scope="module")
def strips(elements: Elements, scene: EarthScene) -> list[Strip]:
    return list(MsuMrCamera(elements, scene, seed=3).strips(START, START + 20 * PERIOD - 0.01))


def _head(packet: bytes) -> tuple[int, int, int, int]:
    """APID, sequence flags, counter, length of the data field; the constant bits are checked."""
    first, second, length = (int.from_bytes(packet[at : at + 2], "big") for at in (0, 2, 4))
    assert first >> 11 == 0b00001  # version 0, telemetry, secondary header
    return first & 2047, second >> 14, second & 16383, length + 1


def _decoded(scan: bytes, quality: int) -> NDArray[np.uint8]:
    """14 blocks by libjpeg: its own file of that quality with the scan put in."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 112), np.uint8)).save(file, "JPEG", quality=quality, optimize=False)
    jpeg = file.getvalue()
    start = jpeg.index(b"\xff\xda")
    end = start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")
    stuffed = jpeg[:end] + scan.replace(b"\xff", b"\xff\x00") + b"\xff\xd9"
    return np.asarray(Image.open(io.BytesIO(stuffed)))


def _image(strip: Strip, apid: int) -> NDArray[np.uint8]:
    """The channel of a strip [8, 1568] as received."""
    parts = [packet for packet in strip.packets if _head(packet)[0] == apid]
    return np.concatenate([_decoded(packet[20:], packet[19]) for packet in parts], axis=1)


def test_a_strip_is_43_packets_in_the_satellites_order(strips: list[Strip]) -> None:
    for strip in strips:
        apids, flags, _, _ = zip(*map(_head, strip.packets), strict=True)
        assert apids == (64,) * 14 + (65,) * 14 + (68,) * 14 + (70,)
        assert flags == (1, *(0,) * 12, 2) * 3 + (3,)


def test_the_counter_runs_through_all_packets(strips: list[Strip]) -> None:
    counters = [_head(packet)[2] for strip in strips for packet in strip.packets]
    assert all((b - a) % 16384 == 1 for a, b in itertools.pairwise(counters))


def test_the_counter_wraps(elements: Elements, scene: EarthScene) -> None:
    """Some seed begins near the end; 20 strips run over it."""
    starts = {seed: int(np.random.default_rng(seed).integers(16384)) for seed in range(2000)}
    seed = next(seed for seed, start in starts.items() if start > 16384 - 40)
    packets = next(iter(MsuMrCamera(elements, scene, seed=seed).strips(START, START + 1))).packets
    counters = [_head(packet)[2] for packet in packets]
    assert counters[0] == starts[seed]
    assert 0 in counters


def test_packet_fields(strips: list[Strip]) -> None:
    for strip in strips:
        for index, packet in enumerate(strip.packets):
            assert _head(packet)[3] == len(packet) - 6
            assert len(packet) % 2 == 0
            day, ms = int.from_bytes(packet[6:8], "big"), int.from_bytes(packet[8:12], "big")
            us = int.from_bytes(packet[12:14], "big")
            assert abs((day + 11322) * 86400 + ms / 1e3 + us / 1e6 - strip.time) < 2e-6
            if index < 42:
                assert packet[14] == index % 14 * 14
                assert packet[15:19] == bytes([0, 0, 0xFF, 0xF0])
                assert packet[19] == strip.quality
        assert len(strip.packets[-1]) == 128


def test_strips_follow_each_other_in_time(strips: list[Strip]) -> None:
    assert len(strips) == 20
    assert [strip.number for strip in strips] == list(range(20))
    assert np.allclose([strip.time - START for strip in strips], np.arange(20) * PERIOD, atol=1e-6)


def test_every_strip_fits_its_time(strips: list[Strip]) -> None:
    sizes = [sum(map(len, strip.packets)) for strip in strips]
    assert max(sizes) <= BUDGET
    # The highest quality that fits is used: only quality 100 may leave much of the link idle.
    assert all(size > 0.8 * BUDGET for size, strip in zip(sizes, strips, strict=True) if strip.quality < 100)


def test_libjpeg_gets_the_counts_back(strips: list[Strip]) -> None:
    for strip in strips[::5]:
        for channel, counts in zip(strip.channels, strip.counts, strict=True):
            off = _image(strip, 63 + channel).astype(int) - counts
            assert np.sqrt(np.mean(off**2)) < 2
            assert abs(off.mean()) < 0.2


def test_truth_is_the_geometry_of_each_line(elements: Elements, strips: list[Strip]) -> None:
    strip = strips[7]
    lon, lat = LineGeometry(elements, Scan(), Attitude())(strip.time + np.arange(8) / 6.498)
    assert strip.truth_columns[0] == 0
    assert strip.truth_columns[-1] == 1567
    assert np.diff(strip.truth_columns).max() <= 16
    assert strip.truth_lon.shape == strip.truth_lat.shape == (8, len(strip.truth_columns))
    assert np.abs(strip.truth_lon - lon[:, strip.truth_columns]).max() < 1e-5
    assert np.abs(strip.truth_lat - lat[:, strip.truth_columns]).max() < 1e-5


def test_the_picture_shows_the_shore_where_it_is(elements: Elements) -> None:
    """Counts of channel 2 under a clear sky against the shore at the places of the truth, 40 strips."""
    clear = EarthScene(1, cloudiness=-9.0)
    share, seen = [], []
    for strip in MsuMrCamera(elements, clear, channels=(2,)).strips(START, START + 40 * PERIOD):
        lon, lat = strip.truth_lon.astype(float), strip.truth_lat.astype(float)
        share.append(
            clear.sight(
                lon, lat, np.full((8, 1), strip.time), clear.climate(lon, lat, np.array([[strip.time]]))
            ).land_share
        )
        seen.append(_image(strip, 65)[:, strip.truth_columns])
    land, counts = np.concatenate(share), np.concatenate(seen)
    assert 0.2 < land.mean() < 0.95
    assert np.mean(counts[land == 1] > 45) > 0.999
    assert np.mean(counts[land == 0] < 30) > 0.999


def test_two_cameras_with_one_seed_agree(elements: Elements, strips: list[Strip]) -> None:
    again = list(MsuMrCamera(elements, EarthScene(1), seed=3).strips(START, START + 3 * PERIOD - 0.01))
    assert [strip.packets for strip in again] == [strip.packets for strip in strips[:3]]
    other = next(iter(MsuMrCamera(elements, EarthScene(1), seed=4).strips(START, START + 1)))
    assert _head(other.packets[0])[2] != _head(strips[0].packets[0])[2]


@pytest.mark.parametrize("channels", [(4,), (4, 5, 6), (1, 2, 3, 4, 5, 6)])
def test_any_set_of_channels(elements: Elements, scene: EarthScene, channels: tuple[int, ...]) -> None:
    for strip in MsuMrCamera(elements, scene, channels=channels).strips(START, START + 2 * PERIOD):
        assert [_head(packet)[0] for packet in strip.packets] == [
            63 + c for c in channels for _ in range(14)
        ] + [70]
        assert sum(map(len, strip.packets)) <= BUDGET


class _NoiseScene(EarthScene):
    """A sight that no encoder can compress."""

    def signal(self, channel: int, *_: object) -> NDArray[np.float32]:  # type: ignore[override]
        rows = 32 if self.rows is None else self.rows
        return np.random.default_rng(channel).uniform(0, 1, (rows, 1568)).astype(np.float32)

    rows: int | None = None


@given(st.integers(3000, BUDGET), st.sampled_from([(1,), (1, 2, 3)]))
@settings(max_examples=10, deadline=None)
def test_even_noise_fits(budget: int, channels: tuple[int, ...]) -> None:
    """Where the lowest quality does not fit, detail is given up, and packets stay decodable."""
    elements = Elements.from_tle(
        "METEOR-M2",
        "1 40069U 14037A   24198.88587815  .00000251  00000+0  13483-3 0  9997",
        "2 40069  98.4373 191.7979 0004498 273.7627  86.3037 14.20996427519845",
    )
    camera = MsuMrCamera(elements, _NOISE, channels=channels, budget_bytes=budget)
    for strip in camera.strips(START, START + 4 * PERIOD - 0.01):
        assert sum(map(len, strip.packets)) <= budget
        assert len(strip.packets) == 14 * len(channels) + 1
        if strip.quality >= 50:
            assert _image(strip, 64).shape == (8, 1568)


_NOISE = _NoiseScene(1)


def test_too_small_a_link_is_refused(elements: Elements) -> None:
    camera = MsuMrCamera(elements, _NOISE, channels=(1, 2, 3, 4, 5, 6), budget_bytes=1000)
    with pytest.raises(SimulationError, match="ask for fewer"):
        next(camera.strips(START, START + 4 * PERIOD - 0.01))


def test_meteor_m2_packets_are_of_the_old_form(elements: Elements, scene: EarthScene) -> None:
    camera = MsuMrCamera(elements, scene, craft=CRAFTS["METEOR-M2"])
    strip = next(camera.strips(START, START + 1))
    assert [_head(packet)[1] for packet in strip.packets] == [1, *(0,) * 13] * 3 + [3]
    moscow_ms = int((START + 3 * 3600) % 86400 * 1000)
    assert all(packet[6:14] == b"\0\0" + moscow_ms.to_bytes(4, "big") + b"\0\0" for packet in strip.packets)
    assert len(strip.packets[-1]) == 64


def test_each_satellite_looks_where_it_really_does_and_stamps_its_own_time(
    elements: Elements, scene: EarthScene
) -> None:
    """METEOR-M2 3 looks 7 km to the right and stamps 0.23 s late; METEOR-M2 looks 2 degrees to the left."""
    found = {}
    for name in ("METEOR-M2 4", "METEOR-M2 3", "METEOR-M2"):
        strip = next(MsuMrCamera(elements, scene, craft=CRAFTS[name]).strips(START, START + 1))
        assert strip.time == START
        found[name] = strip
    level = found["METEOR-M2 4"]
    # Columns run from the right to the left; 0.0702 degrees each.
    for name, columns, ahead_s in (("METEOR-M2 3", 0.49 / 0.0702, 0.23), ("METEOR-M2", -2.01 / 0.0702, 0.0)):
        leaning = found[name]
        assert leaning.stamp == pytest.approx(START + ahead_s)
        for row in (0, 7):
            column = np.arange(48, 1500, 16, dtype=float)
            theirs = np.interp(column, leaning.truth_columns, leaning.truth_lon[row].astype(float))
            ours = np.interp(column - columns, level.truth_columns, level.truth_lon[row].astype(float))
            assert np.abs(theirs - ours).max() < 0.02  # interpolated; a column is 0.01 and more
    stamp = found["METEOR-M2 3"].packets[0][6:14]
    told = int.from_bytes(stamp[2:6], "big") / 1e3 + int.from_bytes(stamp[6:8], "big") / 1e6
    assert told == pytest.approx((START + 0.23) % 86400, abs=2e-6)
    # The navigator's clock is right: the same second and place on both.
    service = {name: found[name].packets[-1] for name in ("METEOR-M2 3", "METEOR-M2 4")}
    assert service["METEOR-M2 3"][64:] == service["METEOR-M2 4"][64:]


def test_a_pass_that_ends_before_it_begins_is_refused(elements: Elements, scene: EarthScene) -> None:
    with pytest.raises(SimulationError, match="before it begins"):
        next(MsuMrCamera(elements, scene).strips(START, START - 1))


@pytest.mark.slow
def test_a_whole_pass_is_constant_in_memory(elements: Elements) -> None:
    """Nothing is kept but the pages of the map."""
    camera = MsuMrCamera(elements, EarthScene(2))
    tracemalloc.start()
    used, sizes = [], []
    for strip in camera.strips(START - 450, START + 450):
        used.append(tracemalloc.get_traced_memory()[0])
        sizes.append(sum(map(len, strip.packets)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sizes) == 732
    assert max(sizes) <= BUDGET
    assert used[-1] - used[100] < 25e6
    assert peak - used[-1] < 60e6
