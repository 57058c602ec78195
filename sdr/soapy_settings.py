"""Sets a SoapySDR device as it is asked for, and tells what it really took."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sdr.errors import DeviceError
from sdr.receiver import Tuning
from sdr.soapy_drivers import BIAS_TEE_SETTINGS
from sdr.soapy_library import RX, call, call_ranges, call_text, call_texts, setting_names

CHANNEL = (RX, 0)
_RATE_TOLERANCE = 0.01
_GAIN_TOLERANCE_DB = 0.75


@dataclass
class Taken:
    """What a device really took.

    Attributes:
        frequency_hz: of the true centre, the crystal's error allowed for.
        sample_rate: the true one, likewise.
        told_rate: the same by the device's own clock.
        gain_db: None when automatic.
        notes: wishes that were not fulfilled.
        facts: for the recording's metadata.
    """

    frequency_hz: float = 0.0
    sample_rate: float = 0.0
    told_rate: float = 0.0
    gain_db: float | None = None
    antenna: str | None = None
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Clocks:
    """Where a device takes its clock from; None leaves each as it is."""

    clock_source: str | None = None
    time_source: str | None = None
    master_clock_hz: float | None = None


def apply(device: int, tuning: Tuning, clocks: Clocks, settings: Mapping[str, str]) -> Taken:
    """Set everything that is asked for, in the order that the hardware needs.

    Raises:
        DeviceError: something asked for does not exist (it says what there is), or nonsense is answered.
    """
    taken = Taken()
    _set_clocks(device, clocks, taken)
    _write_settings(device, settings)
    scale = _correct_crystal(device, tuning.ppm, taken)
    taken.told_rate = _set_rate(device, tuning.sample_rate)
    taken.sample_rate = taken.told_rate * scale
    taken.antenna = _set_antenna(device, tuning.antenna)
    if tuning.bandwidth_hz is not None:
        call("setBandwidth", device, *CHANNEL, tuning.bandwidth_hz)
        told = float(call("getBandwidth", device, *CHANNEL))
        taken.facts |= {"bandwidth_hz": told} if math.isfinite(told) else {}
    call("setFrequency", device, *CHANNEL, tuning.frequency_hz / scale, None)
    taken.frequency_hz = _told_frequency(device, tuning.frequency_hz / scale) * scale
    _set_gain(device, tuning, taken)
    _set_corrections(device, tuning, taken)
    _switch_bias_tee(device, tuning.bias_tee, taken)
    return taken


def nearest_rate(wanted: float, ranges: list[tuple[float, float]]) -> float:
    """The possible sample rate next to the one asked for.

    Args:
        wanted: Hz.
        ranges: lowest and highest of each range; none: any rate may be tried.

    Raises:
        DeviceError: the next one is more than 1 % away; the possible ones are named.
    """
    sane = [(low, high) for low, high in ranges if 0 < low <= high < math.inf]
    if not sane:
        return wanted
    nearest = min((min(max(wanted, low), high) for low, high in sane), key=lambda rate: abs(rate - wanted))
    if abs(nearest - wanted) > _RATE_TOLERANCE * wanted:
        there = ", ".join(f"{low:.12g}" if low == high else f"{low:.12g}-{high:.12g}" for low, high in sane)
        raise DeviceError(
            f"the radio cannot give {wanted:.12g} samples/s; choose a rate that it gives: {there}"
        )
    return nearest


def _set_rate(device: int, wanted: float) -> float:
    asked = nearest_rate(wanted, call_ranges("getSampleRateRange", device, *CHANNEL))
    call("setSampleRate", device, *CHANNEL, asked)
    told = float(call("getSampleRate", device, *CHANNEL))
    if not abs(told - asked) <= _RATE_TOLERANCE * asked:  # NaN is refused as well
        raise DeviceError(
            f"the radio says that it gives {told:.12g} samples/s instead of {asked:.12g}; unplug it and plug "
            "it in again, and if that does not help choose another rate"
        )
    return told


def _told_frequency(device: int, asked: float) -> float:
    told = float(call("getFrequency", device, *CHANNEL))
    if not abs(told - asked) <= 0.001 * asked:
        raise DeviceError(f"the radio says that it is tuned to {told:.0f} Hz instead of {asked:.0f}")
    return told


def _correct_crystal(device: int, ppm: float, taken: Taken) -> float:
    """Correct the crystal; returns by what told frequencies and rates are to be multiplied to be true.

    A crystal that runs p ppm fast makes both centre frequency and sample rate p ppm higher than told. A
    device that cannot allow for it is tuned that much lower, and its true sample rate is stated.
    """
    can = bool(call("hasFrequencyCorrection", device, *CHANNEL))
    if can:
        call("setFrequencyCorrection", device, *CHANNEL, ppm)
        rest = ppm - float(call("getFrequencyCorrection", device, *CHANNEL))
    else:
        rest = ppm
    if not abs(rest) <= 1000:
        raise DeviceError(f"the radio answers nonsense when its crystal is corrected by {ppm:g} ppm")
    if ppm:
        ways = (["by the device"] if can else []) + (
            ["by tuning and by the stated sample rate"] if rest else []
        )
        taken.facts |= {"ppm": ppm, "ppm_corrected": " and ".join(ways)}
    return 1 + rest * 1e-6


def _set_antenna(device: int, wanted: str | None) -> str | None:
    if wanted is not None:
        known = call_texts("listAntennas", device, *CHANNEL)
        if wanted not in known:
            raise DeviceError(
                f"the radio has no antenna port {wanted!r}; there are {', '.join(known) or 'none to choose'}"
            )
        call("setAntenna", device, *CHANNEL, wanted.encode())
    return call_text("getAntenna", device, *CHANNEL) or None


def _set_gain(device: int, tuning: Tuning, taken: Taken) -> None:
    automatic = tuning.gain_db is None and not tuning.gains_db
    if call("hasGainMode", device, *CHANNEL):
        call("setGainMode", device, *CHANNEL, automatic)
    elif automatic:
        taken.notes.append("the radio has no automatic gain; its gain stays as it was")
        automatic = False
    if tuning.gains_db:
        _set_elements(device, tuning.gains_db, taken)
    elif tuning.gain_db is not None:
        call("setGain", device, *CHANNEL, tuning.gain_db)
    if automatic:
        return
    taken.gain_db = float(call("getGain", device, *CHANNEL))
    if not tuning.gains_db and tuning.gain_db is not None:
        _note_gain("the gain", tuning.gain_db, taken.gain_db, taken)


def _set_elements(device: int, gains_db: Mapping[str, float], taken: Taken) -> None:
    known = call_texts("listGains", device, *CHANNEL)
    by_word = {name.lower(): name for name in known}
    for word, gain_db in gains_db.items():
        if word.lower() not in by_word:
            there = ", ".join(known) or "only an overall gain: use gain_db"
            raise DeviceError(f"the radio has no gain {word!r}; there are {there}")
        name = by_word[word.lower()]
        call("setGainElement", device, *CHANNEL, name.encode(), gain_db)
        told = float(call("getGainElement", device, *CHANNEL, name.encode()))
        taken.facts.setdefault("gains_db", {})[name] = told
        _note_gain(f"the gain {name}", gain_db, told, taken)


def _note_gain(what: str, wanted: float, told: float, taken: Taken) -> None:
    if not math.isfinite(told):
        raise DeviceError(f"the radio answers nonsense: {what} is {told:g} dB")
    if abs(told - wanted) > _GAIN_TOLERANCE_DB:
        taken.notes.append(f"{what} is {told:g} dB, {wanted:g} dB cannot be had")


def _set_corrections(device: int, tuning: Tuning, taken: Taken) -> None:
    if tuning.dc_correction is not None:
        if call("hasDCOffsetMode", device, *CHANNEL):
            call("setDCOffsetMode", device, *CHANNEL, tuning.dc_correction)
        elif tuning.dc_correction:
            taken.notes.append("the radio cannot remove its DC offset by itself; it stays in the recording")
    if tuning.iq_correction is None:
        return
    # SoapySDRDevice_setIQBalanceMode of SoapySDR 0.8 sets a correction of 0 or 1 instead of the mode
    # (lib/DeviceC.cpp, to this day): it would spoil the signal, so we can only look.
    has = bool(call("hasIQBalanceMode", device, *CHANNEL))
    if tuning.iq_correction != (has and bool(call("getIQBalanceMode", device, *CHANNEL))):
        taken.notes.append(
            "the radio's automatic balance of I and Q stays off"
            if tuning.iq_correction
            else "the radio's automatic balance of I and Q stays on: SoapySDR cannot switch it"
        )


def _set_clocks(device: int, clocks: Clocks, taken: Taken) -> None:
    for wanted, kind, what in (
        (clocks.clock_source, "ClockSource", "clock_source"),
        (clocks.time_source, "TimeSource", "time_source"),
    ):
        if wanted is None:
            continue
        known = call_texts(f"list{kind}s", device)
        if wanted not in known:
            raise DeviceError(f"the radio has no {what} {wanted!r}; there are {', '.join(known) or 'none'}")
        call(f"set{kind}", device, wanted.encode())
        taken.facts[f"radio_{what}"] = wanted
    if clocks.master_clock_hz is not None:
        call("setMasterClockRate", device, clocks.master_clock_hz)
        taken.facts["master_clock_hz"] = clocks.master_clock_hz


def _write_settings(device: int, settings: Mapping[str, str]) -> None:
    if not settings:
        return
    if bias := [name for name in settings if name in BIAS_TEE_SETTINGS]:
        raise DeviceError(f"the setting {bias[0]!r} feeds a preamplifier: use bias_tee = true or false")
    known = setting_names(device)
    for name, value in settings.items():
        if known and name not in known:
            raise DeviceError(f"the radio has no setting {name!r}; there are {', '.join(known)}")
        call("writeSetting", device, name.encode(), value.encode())


def _switch_bias_tee(device: int, wanted: bool, taken: Taken) -> None:
    """On, or off for sure: the one before us may have left it on."""
    known = setting_names(device)
    found = next((name for name in BIAS_TEE_SETTINGS if name in known), None)
    if found is not None:
        call("writeSetting", device, found.encode(), b"true" if wanted else b"false")
        taken.facts["bias_tee"] = wanted
    elif wanted:
        taken.notes.append("the radio does not switch a bias tee; feed the preamplifier otherwise")
