"""Slots, places and the times at which packets may leave; impairments from a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from sim.downlink import SentSlot, SymbolStream, frame_places, mode_named
from sim.errors import SimulationError
from sim.framing import ZONE_BYTES, CaduFrames, TimedPackets
from sim.impairment_table import impairments_from
from sim.impairments import Crystal, Fading, Gaps, Impairments, Interferer, Outages
from sim.modes import MODES
from sim.packet_source import STRIP_PERIOD_S, FillSource

LRPT = ("m2_72k", "72k", "80k")
FRAME_PERIOD_S = 8192 / 72_000


def _stream(mode: str, packets: Iterator[TimedPackets], start: float) -> tuple[SymbolStream, list[SentSlot]]:
    sent: list[SentSlot] = []
    frames = CaduFrames(MODES[mode], packets, 1000, 2000)
    return SymbolStream(MODES[mode], frames, start, np.random.SeedSequence(5), sent.append), sent


def test_frames_leave_at_8_789_a_second() -> None:
    assert pytest.approx(8.789, abs=5e-4) == 1 / FRAME_PERIOD_S
    for mode in (MODES[name] for name in LRPT):
        firsts = [frame_places(mode, n)[0] / mode.symbol_rate for n in range(0, 90, 9)]
        assert np.allclose(np.diff(firsts), 9 * FRAME_PERIOD_S, atol=0.6e-3)


def test_interleaved_places_hold_all_coded_bits() -> None:
    """Against every single bit of a frame, by the interleaver's definition."""
    mode = MODES["80k"]
    for number in (0, 1, 7, 100):
        k = np.arange(16_384 * number, 16_384 * (number + 1))
        out = k + (k % 36) * 36 * 2048
        place = (out // 72 * 80 + 8 + out % 72) / 2
        place = np.floor(place) + (place % 1 > 0) * 0.5
        assert frame_places(mode, number) == (place.min(), place.max())


@pytest.mark.parametrize("mode", LRPT)
def test_no_packet_leaves_before_its_time(mode: str) -> None:
    """A batch carries its own byte; no frame with that byte is sent before the batch is ready."""
    ready = {n + 1: -5.0 + 1.3 * n for n in range(30)}
    stream, sent = _stream(
        mode, (TimedPackets(time, (bytes([n]) * 4000,)) for n, time in ready.items()), -10.0
    )
    stream.rails(0, int(50 * MODES[mode].symbol_rate))
    seen: dict[int, float] = {}
    for number, slot in enumerate(sent):
        for value in set(slot.frame.cadu[14 : 14 + ZONE_BYTES]) if slot.frame.vcid == 5 else ():
            seen.setdefault(value, -10.0 + number * FRAME_PERIOD_S)
    assert set(seen) == set(ready)
    # It leaves with the next free slot once a zone is full: at most a batch of 5 frames stands before it.
    assert all(0 <= seen[n] - ready[n] < 6 * FRAME_PERIOD_S for n in seen)


def test_symbols_do_not_depend_on_how_they_are_asked_for() -> None:
    whole, _ = _stream("80k", FillSource().packets(0.0, 30.0), 0.0)
    expected = whole.rails(0, 300_000)
    parts, _ = _stream("80k", FillSource().packets(0.0, 30.0), 0.0)
    for first, last in pairwise((0, 1, 7000, 7001, 150_000, 300_000)):
        for rail, one in zip(parts.rails(first, last), expected, strict=True):
            assert np.array_equal(rail, one[first : last + 1])
    with pytest.raises(ValueError, match="forward"):
        parts.rails(0, 1)


@pytest.mark.parametrize("load", [0.0, 0.5, 1.0])
def test_fill_source_keeps_its_load(load: float) -> None:
    batches = list(FillSource(load).packets(10.0, 70.0))
    assert np.allclose(np.diff([b.time for b in batches]), STRIP_PERIOD_S)
    assert batches[0].time >= 10.0 + STRIP_PERIOD_S - 1e-9
    size = np.mean([sum(map(len, b.packets)) for b in batches])
    assert size == pytest.approx(load * 9541, abs=7)
    assert all(int.from_bytes(p[4:6], "big") + 7 == len(p) for b in batches for p in b.packets)


def test_unknown_mode_is_told_the_known() -> None:
    with pytest.raises(SimulationError, match="m2_72k, 72k, 80k"):
        mode_named("72K")


def test_impairments_from_a_table() -> None:
    table = {
        "crystal": {"offset_ppm": 2.0},
        "fading": {"k_factor_db": 8.0},
        "interferers": [{"offset_hz": 1e4, "level_dbc": -10.0}],
        "gaps": {"per_minute": 2.0, "marked": False},
        "dc_offset": [0.01, -0.02],
        "adc_bits": 8,
        "gain_steps": [[2.0, -6.0]],
        "swapped": True,
        "outages": {"period_s": 4.0, "length_s": 1.0, "at": [[1.0, 0.5]]},
    }
    assert impairments_from(table) == Impairments(
        crystal=Crystal(2.0),
        fading=Fading(8.0),
        interferers=(Interferer(1e4, -10.0),),
        gaps=Gaps(2.0, marked=False),
        dc_offset=0.01 - 0.02j,
        adc_bits=8,
        gain_steps=((2.0, -6.0),),
        swapped=True,
        outages=Outages(4.0, 1.0, ((1.0, 0.5),)),
    )
    assert impairments_from({}) == Impairments()


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"fadng": {}}, "'fading'"),
        ({"crystal": {"offset": 1.0}}, "'offset_ppm'"),
        ({"interferers": [{"level_dbc": 1.0}]}, "offset_hz"),
        ({"interferers": [{"offset_hz": 1.0, "level_dbc": 1.0, "kind": "am"}]}, "cw, fm"),
        ({"adc_bits": 40}, "1 to 16"),
        ({"gain_steps": [3.0]}, "second, dB"),
        ({"mirrored": 1}, "true or false"),
        ({"outages": {"period_s": 1.0, "length_s": 2.0}}, "shorter"),
        ({"outages": {"length": 2.0}}, "'length_s'"),
    ],
)
def test_wrong_impairments_are_refused(table: dict, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        impairments_from(table)
