"""What rtl_tcp and its client say to each other, and what an RTL2832U can be asked for.

Greeting, 12 bytes big-endian: "RTL0", tuner type u32, number of gains u32. Then cu8 samples without end, time
or word of losses. Commands, 5 bytes big-endian: code u8, argument u32. Source: rtl_tcp.c and librtlsdr.c of
rtl-sdr 0.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sdr.errors import DeviceError
from sdr.receiver import Tuning

SET_FREQUENCY, SET_RATE, SET_GAIN_MODE, SET_GAIN, SET_PPM, SET_AGC, SET_BIAS_TEE = 1, 2, 3, 4, 5, 8, 14
TUNERS = {1: "E4000", 2: "FC0012", 3: "FC0013", 4: "FC2580", 5: "R820T", 6: "R828D"}
_R82XX_GAINS_DB = (
    0.0, 0.9, 1.4, 2.7, 3.7, 7.7, 8.7, 12.5, 14.4, 15.7, 16.6, 19.7, 20.7, 22.9, 25.4, 28.0, 29.7, 32.8, 33.8,
    36.4, 37.2, 38.6, 40.2, 42.1, 43.4, 43.9, 44.5, 48.0, 49.6,
)  # fmt: skip
_CRYSTAL_HZ = 28_800_000


@dataclass(frozen=True)
class Greeting:
    """What the server says of its dongle."""

    tuner: str
    gain_count: int


def parse_greeting(raw: bytes) -> Greeting:
    """The greeting from its 12 bytes; DeviceError when it is none."""
    if len(raw) != 12 or raw[:4] != b"RTL0":
        raise DeviceError(f"what answers is no rtl_tcp: it begins with {raw[:12]!r}")
    tuner, gain_count = struct.unpack(">II", raw[4:])
    return Greeting(TUNERS.get(tuner, f"tuner {tuner}"), gain_count)


def real_sample_rate(sample_rate: float) -> float:
    """The rate that the RTL2832U's resampler gives when asked for one (librtlsdr, rtlsdr_set_sample_rate).

    Raises:
        DeviceError: outside 225001 … 300000 and 900001 … 3200000 Hz.
    """
    asked = round(sample_rate)
    if not (225_000 < asked <= 300_000 or 900_000 < asked <= 3_200_000):
        raise DeviceError(
            f"an RTL2832U cannot give {sample_rate:.12g} samples/s; choose a rate that it gives: "
            "225001-300000, 900001-3200000"
        )
    ratio = (_CRYSTAL_HZ << 22) // asked & 0x0FFFFFFC
    ratio |= (ratio & 0x08000000) << 1
    return (_CRYSTAL_HZ << 22) / ratio


def commands(tuning: Tuning, gain_db: float | None) -> list[tuple[int, int]]:
    """Codes and arguments that tune the dongle; a gain of None leaves it to the tuner."""
    gain = [(SET_GAIN_MODE, 0)] if gain_db is None else [(SET_GAIN_MODE, 1), (SET_GAIN, round(10 * gain_db))]
    rest_ppm = tuning.ppm - round(tuning.ppm)
    return [
        (SET_RATE, round(tuning.sample_rate)),
        (SET_PPM, round(tuning.ppm)),
        (SET_FREQUENCY, round(tuning.frequency_hz / (1 + rest_ppm * 1e-6))),
        (SET_AGC, 0),  # the digital control of the RTL2832U pumps; it has no place in front of a decoder
        *gain,
        (SET_BIAS_TEE, int(tuning.bias_tee)),
    ]


def nearest_gain(gain_db: float | None, greeting: Greeting) -> float | None:
    """The step of the tuner's gain next to what is asked for, dB."""
    if gain_db is None or not greeting.tuner.startswith("R82"):
        return gain_db
    return min(_R82XX_GAINS_DB, key=lambda step: abs(step - gain_db))


def refuse(tuning: Tuning) -> None:
    """DeviceError for what cannot be told to the server at all."""
    if tuning.gains_db:
        raise DeviceError(
            f"rtl_tcp has one overall gain, no gain {', '.join(tuning.gains_db)}; give gain_db, not gains_db"
        )
    if not 0 < tuning.frequency_hz < 1 << 32:
        raise DeviceError(f"rtl_tcp cannot tune to {tuning.frequency_hz:.0f} Hz")


def unfulfilled(tuning: Tuning, greeting: Greeting, gain_db: float | None) -> tuple[str, ...]:
    """What was asked for and cannot be had: sentences."""
    notes = []
    if gain_db is not None and gain_db != tuning.gain_db:
        notes.append(f"the gain is {gain_db:g} dB, {tuning.gain_db:g} dB cannot be had")
    if not greeting.gain_count:
        notes.append("the server knows no gains of its tuner; is a dongle plugged in there?")
    if tuning.dc_correction or tuning.iq_correction:
        notes.append("rtl_tcp corrects neither DC offset nor the balance of I and Q")
    if tuning.antenna is not None:
        notes.append("rtl_tcp has one antenna port; the antenna asked for is passed over")
    if tuning.bandwidth_hz is not None:
        notes.append("rtl_tcp cannot set a bandwidth; the tuner chooses it")
    return tuple(notes)
