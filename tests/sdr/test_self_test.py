"""The self test: densities against noise of known density, faults put in by hand, verdicts against theory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from sdr.errors import DeviceError
from sdr.formats import from_samples
from sdr.receiver import Block, Opened, Tuning
from sdr.self_test import Measured, band_dbfs, measure
from sdr.self_test_run import KnownCarrier, run_self_test
from sdr.self_test_usual import Usual, usual_of
from sdr.self_test_verdict import (
    FAULT,
    OK,
    SUSPICIOUS,
    Carrier,
    ChainTest,
    judge,
    verdict_of,
)
from sdr.self_test_words import WORDS
from tests.figures.self_test import FAULTS, PLACES, doubted

RATE, CENTER = 1.024e6, 137.9e6
COUNT = 512_000
QUIET_DBFS = -30.0  # of all the noise
BAND = (CENTER, 150e3)


def _noise(dbfs: float = QUIET_DBFS, seed: int = 1, count: int = COUNT) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    sigma = math.sqrt(10 ** (dbfs / 10) / 2)
    return sigma * (rng.standard_normal(count) + 1j * rng.standard_normal(count))


def _tone(offset_hz: float, dbfs: float, count: int = COUNT) -> np.ndarray[Any, Any]:
    return 10 ** (dbfs / 20) * np.exp(2j * np.pi * offset_hz / RATE * np.arange(count))


def _measured(samples: np.ndarray[Any, Any], fmt: str = "cs16") -> Measured:
    return measure(from_samples(samples, fmt), fmt, RATE, CENTER)


def _usual(level_dbfs: float = QUIET_DBFS, count: int = 5, **more: Any) -> Usual:
    found = usual_of([_record(level_dbfs, seed) for seed in range(count)])
    return replace(found, **more)


@cache
def _record(level_dbfs: float, seed: int) -> dict[str, Any]:
    measured = _measured(_noise(level_dbfs, seed))
    return {"on": measured.to_json(), "bias_gain_db": None, "carriers": []}


def _codes(found: tuple[Any, ...]) -> set[str]:
    assert all("{" not in finding.words(language) for finding in found for language in ("en", "vi"))
    return {finding.code for finding in found}


@pytest.mark.parametrize("fmt", ["cf32", "cs16", "cs8", "cu8"])
def test_the_floor_is_the_density_that_was_put_in(fmt: str) -> None:
    measured = _measured(_noise(-20.0), fmt)
    # Rounding to eight bits adds its own, 40 dB below.
    assert measured.floor_dbfs_hz == pytest.approx(-20.0 - 10 * math.log10(RATE), abs=0.05)
    assert measured.level_dbfs == pytest.approx(-20.0, abs=0.05)
    assert not measured.peaks
    assert measured.clipped == 0
    assert abs(measured.unequal_db) < 0.05
    assert judge(ChainTest(measured, band=BAND), Usual()) == ()


def test_carriers_do_not_lift_the_floor_and_are_found_with_their_power() -> None:
    carriers = sum(_tone(k * 20e3 + 500, -35.0) for k in range(-15, 16) if k)
    measured = _measured(_noise() + carriers)
    assert measured.floor_dbfs_hz == pytest.approx(QUIET_DBFS - 10 * math.log10(RATE), abs=0.1)
    assert len(measured.peaks) == 30
    assert all(peak.power_dbfs == pytest.approx(-35.0, abs=0.3) for peak in measured.peaks)
    assert band_dbfs(measured, CENTER + 20_500, 1000) == pytest.approx(-35.0, abs=0.3)
    assert band_dbfs(measured, CENTER + 10_000, 1000) == -math.inf


def test_noise_alone_never_stands_out() -> None:
    """Ten times half a second, as before ten passes."""
    found = [judge(ChainTest(_measured(_noise(seed=seed)), band=BAND), _usual()) for seed in range(10, 20)]
    assert found == [()] * 10


def test_the_rounding_floor_is_that_of_theory() -> None:
    """Noise of one step is rounded; what comes out is its own power and d²/12 on each rail (Sheppard)."""
    sigma = 1 / 128
    level = 10 * math.log10(2 * sigma**2)
    measured = _measured(_noise(level), "cs8")
    assert measured.adc_floor_dbfs_hz == pytest.approx(10 * math.log10(2 * sigma**2 / 12 / RATE), abs=0.01)
    expected = 10 * math.log10(2 * sigma**2 * (1 + 1 / 12) / RATE)
    assert measured.floor_dbfs_hz == pytest.approx(expected, abs=0.05)
    assert judge(ChainTest(measured, band=BAND), Usual()) == ()
    for fmt in ("cs8", "cu8"):
        silent = _measured(_noise(level - 9), fmt)  # a third of a step
        assert "rounding" in _codes(judge(ChainTest(silent, band=BAND), Usual()))


def test_twelve_bits_in_sixteen_are_no_fault_and_count_as_twelve() -> None:
    codes = np.frombuffer(from_samples(_noise(-40.0), "cs16"), "<i2") & ~np.int16(15)
    measured = measure(codes.tobytes(), "cs16", RATE, CENTER)
    assert measured.codes.low_bits_unused == 4
    assert measured.codes.dead_bits == ()
    assert measured.adc_floor_dbfs_hz == pytest.approx(10 * math.log10(2 * 2**-22 / 12 / RATE), abs=0.01)


def _stuck(fmt: str, bit: int, value: int, rail: int) -> bytes:
    dtype = {"cu8": "u1", "cs8": "u1", "cs16": "<u2"}[fmt]
    codes = np.frombuffer(from_samples(_noise(-20.0), fmt), dtype).copy()
    codes[rail::2] = codes[rail::2] | (1 << bit) if value else codes[rail::2] & ~np.array(1 << bit, dtype)
    return codes.tobytes()


@pytest.mark.parametrize(
    ("fmt", "bit", "value", "rail"),
    [("cu8", 0, 0, 0), ("cu8", 3, 1, 1), ("cs8", 2, 0, 0), ("cs16", 7, 1, 1), ("cs16", 11, 0, 0)],
)
def test_a_dead_bit_is_named(fmt: str, bit: int, value: int, rail: int) -> None:
    measured = measure(_stuck(fmt, bit, value, rail), fmt, RATE, CENTER)
    assert measured.codes.dead_bits == (f"bit {bit} of {'IQ'[rail]}",)
    found = judge(ChainTest(measured, band=BAND), Usual())
    assert verdict_of(found) == FAULT
    assert found[0].code == "dead_bits"


def _sent_twice() -> bytes:
    """One buffer of 16 384 samples, in the middle."""
    raw = from_samples(_noise(-20.0), "cu8")
    at, size = 200 * 4096, 2 * 16384
    return raw[:at] + raw[at - size : at] + raw[at + size :]


@pytest.mark.parametrize("value", [math.nan, math.inf, -1e30])
def test_samples_that_are_no_numbers_say_nothing_of_the_antenna(value: float) -> None:
    """One in a thousand took the noise floor away: all in order, or the antenna off by inf dB."""
    samples = _noise().astype(np.complex64)
    samples.view(np.float32)[::2000] = value
    with pytest.raises(ValueError, match="512 of 512000 samples are no numbers"):
        measure(samples.tobytes(), "cf32", RATE, CENTER)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (bytes(2 * COUNT), "constant"),
        (b"\x7f" * 2 * COUNT, "constant"),
        (from_samples(_noise(-20.0, count=COUNT // 8), "cu8") * 8, "repeats"),
        (_sent_twice(), "repeats"),
        (
            np.where(np.arange(2 * COUNT) % 2, 127, np.arange(2 * COUNT) % 251).astype("u1").tobytes(),
            "constant",
        ),
    ],
)
def test_samples_that_no_receiver_gives_are_a_fault_and_nothing_else(raw: bytes, code: str) -> None:
    found = judge(ChainTest(measure(raw, "cu8", RATE, CENTER), band=BAND), _usual())
    assert (_codes(found), verdict_of(found)) == ({code}, FAULT)


@pytest.mark.parametrize(
    ("level", "code"), [(-39.0, "floor_low"), (-31.5, ""), (-28.5, ""), (-25.0, "floor_high")]
)
def test_the_floor_is_held_against_its_usual(level: float, code: str) -> None:
    found = judge(ChainTest(_measured(_noise(level, seed=77)), band=BAND), _usual())
    assert _codes(found) == ({code} if code else set())
    if code == "floor_low":
        assert "9.0 dB below its usual" in found[0].words()


def test_a_floor_that_always_wanders_is_judged_by_its_own_scatter() -> None:
    past = [_record(QUIET_DBFS + swing, 3) for swing in (-4, -2, 0, 2, 4)]
    low = ChainTest(_measured(_noise(QUIET_DBFS - 8)), band=BAND)
    assert judge(low, usual_of(past)) == ()
    assert _codes(judge(low, _usual())) == {"floor_low"}


def test_without_a_past_or_with_automatic_gain_no_floor_is_judged() -> None:
    low = ChainTest(_measured(_noise(-39.0)), band=BAND)
    assert judge(low, _usual(count=2)) == ()
    assert judge(replace(low, gain_is_fixed=False), _usual()) == ()
    weak = Carrier("VOV 1", 100e6, -50.0, -20.0)
    alike = replace(low, unfed=low.on, carriers=(weak,), gain_is_fixed=False)
    assert judge(alike, _usual(bias_gain_db=12.0)) == ()


@pytest.mark.parametrize(
    ("gain", "usual_gain", "code"),
    [(0.1, None, "bias_tee"), (0.1, 12.0, "bias_tee"), (0.1, 0.2, ""), (12.0, 12.0, ""), (12.0, None, "")],
)
def test_a_preamplifier_without_power_makes_no_difference(
    gain: float, usual_gain: float | None, code: str
) -> None:
    on, unfed = _measured(_noise(-30.0)), _measured(_noise(-30.0 - gain, seed=2))
    found = judge(ChainTest(on, unfed, band=BAND), _usual(bias_gain_db=usual_gain))
    assert _codes(found) == ({code} if code else set())


def test_a_dead_preamplifier_is_told_from_a_lost_antenna() -> None:
    """Both let the floor fall; only one is mended at the bias tee."""
    fallen = _measured(_noise(-42.0))
    usual = _usual(bias_gain_db=12.0)
    assert _codes(judge(ChainTest(fallen, fallen, band=BAND), usual)) == {"bias_tee"}
    unfed = _measured(_noise(-54.0))
    assert _codes(judge(ChainTest(fallen, unfed, band=BAND), usual)) == {"floor_low"}


@pytest.mark.parametrize(
    ("level", "expected", "past", "code"),
    [
        (-40.0, -40.0, None, ""),
        (-50.0, -40.0, None, "carrier_weak"),
        (-math.inf, -40.0, None, "carrier_missing"),
        (-math.inf, None, None, "carrier_missing"),
        (-50.0, None, -41.0, "carrier_weak"),
        (-45.0, None, -41.0, ""),
        (-50.0, None, None, ""),
    ],
)
def test_known_carriers_come_as_strong_as_they_should(
    level: float, expected: float | None, past: float | None, code: str
) -> None:
    usual = _usual(carriers_dbfs={} if past is None else {"VOV 1": past})
    carrier = Carrier("VOV 1", 100e6, level, expected)
    found = judge(ChainTest(_measured(_noise()), carriers=(carrier,), band=BAND), usual)
    assert _codes(found) == ({code} if code else set())
    assert all("VOV 1 at 100.000 MHz" in finding.words() for finding in found)


@pytest.mark.parametrize(
    ("offset", "dbfs", "code"),
    [
        (20e3, -35.0, "interference"),  # the noise of 150 kHz is -38.3 dBFS
        (20e3, -46.0, ""),
        (300e3, -19.0, "interference_beside"),
        (300e3, -25.0, ""),
    ],
)
def test_interference_is_strong_where_it_costs_a_decibel(offset: float, dbfs: float, code: str) -> None:
    found = judge(ChainTest(_measured(_noise() + _tone(offset, dbfs)), band=BAND), _usual())
    assert _codes(found) == ({code} if code else set())
    if code == "interference":
        assert "at 137.920 MHz" in found[0].words()


def test_interference_that_is_always_there_is_no_news_until_it_grows() -> None:
    past = [
        {"on": _measured(_noise(seed=s) + _tone(20e3, -30)).to_json(), "bias_gain_db": None, "carriers": []}
        for s in range(4)
    ]
    usual = usual_of(past)
    assert judge(ChainTest(_measured(_noise(seed=9) + _tone(20e3, -30.0)), band=BAND), usual) == ()
    grown = ChainTest(_measured(_noise(seed=9) + _tone(20e3, -20.0)), band=BAND)
    assert _codes(judge(grown, usual)) == {"interference"}


def test_a_satellite_that_always_sends_is_no_interference() -> None:
    heard = _measured(_noise() + _tone(20e3, -25.0) + _tone(300e3, -25.0))
    assert "interference" in _codes(judge(ChainTest(heard, band=BAND), Usual()))
    assert judge(ChainTest(heard, band=BAND, sends_always=True), Usual()) == ()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda x: x * 30, "clipped"),
        (lambda x: x + 0.2, "dc"),
        (lambda x: x.real + 0.7j * x.imag, "unequal"),
    ],
)
def test_how_the_converter_is_driven(spoil: Callable[[Any], Any], code: str) -> None:
    found = judge(ChainTest(_measured(spoil(_noise())), band=BAND), Usual())
    assert code in _codes(found)
    assert verdict_of(found) == SUSPICIOUS


def test_a_band_that_runs_otherwise_than_usual_is_seen() -> None:
    spectrum = np.fft.fft(_noise())
    half = np.abs(np.fft.fftfreq(COUNT, 1 / RATE) - 250e3) < 90e3
    spectrum[half] *= 10 ** (-10 / 20)
    notched = _measured(np.fft.ifft(spectrum))
    assert _codes(judge(ChainTest(notched, band=BAND), _usual())) == {"shape"}


def test_too_few_samples_are_no_test() -> None:
    with pytest.raises(ValueError, match="too few"):
        measure(bytes(2000), "cu8", RATE, CENTER)


def test_every_finding_has_its_words_in_both_languages() -> None:
    assert all(set(words) == {"en", "vi"} for words in WORDS.values())
    assert verdict_of(()) == OK


class Radio:
    """A receiver that gives noise of its own making."""

    def __init__(self, clock: list[float], open_s: float = 1.0, fails: str = "") -> None:
        self.clock, self.open_s, self.fails = clock, open_s, fails
        self.tunings: list[Tuning] = []
        self.is_open = False

    def open(self, tuning: Tuning) -> Opened:
        if self.fails:
            raise DeviceError(self.fails)
        assert not self.is_open
        self.is_open = True
        self.tunings.append(tuning)
        self.clock[0] += self.open_s
        return Opened("radio", "cs16", tuning.frequency_hz, tuning.sample_rate)

    def read(self, count: int, _timeout_s: float) -> Block:
        tuning = self.tunings[-1]
        noise = _noise(-30.0 if tuning.bias_tee else -42.0, len(self.tunings), count)
        if abs(tuning.frequency_hz - 100e6) < RATE / 2:
            noise = noise + _tone(100e6 - tuning.frequency_hz, -20.0, count)
        return Block(from_samples(noise, "cs16"))

    def close(self) -> None:
        self.is_open = False


def test_the_chain_is_tested_in_order_and_left_closed() -> None:
    clock = [0.0]
    radio = Radio(clock)
    carriers = [KnownCarrier("VOV 1", 100e6), KnownCarrier("nobody", 90e6)]
    tuning = Tuning(CENTER, RATE, 30.0, bias_tee=True)
    found = run_self_test(radio, tuning, seconds=0.2, carriers=carriers, clock=lambda: clock[0])
    assert [t.bias_tee for t in radio.tunings] == [True, False, True, True]
    assert radio.tunings[2].frequency_hz == 100e6 - RATE / 8  # aside of the receiver's own DC
    assert not radio.is_open
    assert found.bias_gain_db == pytest.approx(12.0, abs=0.2)
    assert [c.level_dbfs for c in found.carriers] == [pytest.approx(-20.0, abs=0.3), -math.inf]
    assert found.gain_is_fixed


def test_a_broadcast_station_that_fills_the_band_is_heard() -> None:
    """180 kHz of FM in 256 kS/s leave no noise to be seen beside it."""

    class Fm(Radio):
        def read(self, count: int, _timeout_s: float) -> Block:
            near = abs(self.tunings[-1].frequency_hz - 100e6) < 128e3
            rng = np.random.default_rng(1)
            spectrum = np.fft.fft(rng.standard_normal(count) + 1j * rng.standard_normal(count)) * 0.002
            inside = np.abs(np.fft.fftfreq(count, 1 / 256e3) - 32e3) < 90e3
            return Block(from_samples(np.fft.ifft(np.where(inside & near, 100 * spectrum, spectrum)), "cs16"))

    tuning = Tuning(CENTER, 256e3, 30.0)
    for frequency_hz, heard in ((100e6, True), (90e6, False)):
        carriers = [KnownCarrier("VOV 1", frequency_hz)]
        found = run_self_test(Fm([0.0]), tuning, seconds=0.2, carriers=carriers)
        assert math.isfinite(found.carriers[0].level_dbfs) == heard


@pytest.mark.parametrize(("until", "measurements"), [(0.0, 1), (2.5, 2), (3.9, 3), (100.0, 4)])
def test_what_there_is_no_time_for_is_left(until: float, measurements: int) -> None:
    clock = [0.0]
    radio = Radio(clock)
    carriers = [KnownCarrier("a", 100e6), KnownCarrier("b", 101e6)]
    tuning = Tuning(CENTER, RATE, 30.0, bias_tee=True)
    run_self_test(radio, tuning, seconds=0.1, carriers=carriers, until=until, clock=lambda: clock[0])
    assert len(radio.tunings) == measurements


@pytest.mark.parametrize("fault", FAULTS)
def test_passes_under_a_turning_sky_are_doubted_when_something_is_wrong(fault: str) -> None:
    """The figure's own, on few passes."""
    assert doubted(PLACES[1], fault, 8) == (0.0 if fault == "healthy" else 1.0)


def test_a_receiver_that_fails_is_closed_and_said() -> None:
    with pytest.raises(DeviceError, match="not there"):
        run_self_test(Radio([0.0], fails="not there"), Tuning(CENTER, RATE))
