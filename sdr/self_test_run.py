"""A self test with a real receiver: opened, listened to for some tenths of a second, closed again.

What matters most comes first, as the time before a pass is short: the downlink's own band as it will be
received, then the same with the bias tee off, then the carriers that are always there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sdr.errors import DeviceError
from sdr.formats import bytes_per_sample
from sdr.receiver import Receiver, Tuning
from sdr.self_test import PEAK_DB, Measured, band_dbfs, measure
from sdr.self_test_verdict import Carrier, ChainTest

_SETTLE_S = 0.15  # what was in the buffers, and what the tuner and the bias tee need to come to rest
_READ_S = 1.0
_PATIENCE = 4.0  # times as long as the samples last; then the device is too slow to be tested
_LEAST_PATIENCE_S = 3.0
_NARROW = 0.35  # of the sample rate: a carrier as wide may leave less than half of the band to the noise


@dataclass(frozen=True)
class KnownCarrier:
    """A transmitter that is always on the air; `expected_dbfs` None: as it usually comes."""

    name: str
    frequency_hz: float
    bandwidth_hz: float = 200e3
    expected_dbfs: float | None = None
    tolerance_db: float = 6.0


def run_self_test(
    receiver: Receiver,
    tuning: Tuning,
    *,
    seconds: float = 0.5,
    band: tuple[float, float] | None = None,
    sends_always: bool = False,
    carriers: Sequence[KnownCarrier] = (),
    until: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> ChainTest:
    """Test a receiver that nobody else has open.

    Args:
        receiver: not open; it is closed again whatever happens.
        tuning: as the pass will be recorded.
        seconds: of samples for each measurement.
        band: middle and width in Hz of the downlink.
        sends_always: it is on the air now.
        carriers: tuned to one after the other, as far as there is time.
        until: time of `clock` at which the receiver must be free again; a measurement that would take longer
            than the one before left is not begun. The first is made in any case.
        clock: seconds of a clock that nobody sets.

    Raises:
        DeviceError: the receiver cannot be opened, fails or sends too little.
    """
    began = clock()
    on, lost = _listen(receiver, tuning, seconds)
    each_s = 1.3 * (clock() - began)

    def in_time() -> bool:
        return until is None or clock() + each_s < until

    unfed = None
    if tuning.bias_tee and in_time():
        unfed, _ = _listen(receiver, replace(tuning, bias_tee=False), seconds)
    heard: list[Carrier] = []
    for carrier in carriers:
        if not in_time():
            break
        # Beside the middle, where the receiver's own DC offset lies.
        aside = tuning.sample_rate / 8
        found, _ = _listen(receiver, replace(tuning, frequency_hz=carrier.frequency_hz - aside), seconds)
        level = _level_dbfs(found, on, carrier)
        heard.append(
            Carrier(carrier.name, carrier.frequency_hz, level, carrier.expected_dbfs, carrier.tolerance_db)
        )
    return ChainTest(
        on,
        unfed,
        tuple(heard),
        band,
        sends_always=sends_always,
        lost_samples=lost,
        gain_is_fixed=tuning.gain_db is not None or bool(tuning.gains_db),
    )


def _level_dbfs(found: Measured, on: Measured, carrier: KnownCarrier) -> float:
    """How strong it came, -inf where it was not heard.

    One that fills the band leaves no noise beside it; it is then what comes more than at the downlink.
    """
    if carrier.bandwidth_hz < _NARROW * found.sample_rate:
        return band_dbfs(found, carrier.frequency_hz, carrier.bandwidth_hz)
    return found.level_dbfs if found.level_dbfs > on.level_dbfs + PEAK_DB else -math.inf


def _listen(receiver: Receiver, tuning: Tuning, seconds: float) -> tuple[Measured, int]:
    """What it measures, and how many samples were lost meanwhile."""
    try:
        opened = receiver.open(tuning)
        rate, size = opened.sample_rate, bytes_per_sample(opened.format)
        _read(receiver, round(_SETTLE_S * rate) * size, size, seconds)
        raw, lost = _read(receiver, round(seconds * rate) * size, size, seconds)
    finally:
        receiver.close()
    try:
        return measure(raw, opened.format, rate, opened.frequency_hz), lost
    except ValueError as error:
        raise DeviceError(str(error)) from error


def _read(receiver: Receiver, wanted: int, size: int, seconds: float) -> tuple[bytes, int]:
    parts, have, lost = list[bytes](), 0, 0
    deadline = time.monotonic() + max(_PATIENCE * seconds, _LEAST_PATIENCE_S)
    while have < wanted:
        block = receiver.read((wanted - have) // size, _READ_S)
        parts.append(block.raw)
        have += len(block.raw)
        lost += block.lost
        if block.ended:
            break
        if time.monotonic() > deadline:
            raise DeviceError(
                f"the receiver sent {have // size} of {wanted // size} samples in {_PATIENCE * seconds:.1f} s"
            )
    return b"".join(parts)[:wanted], lost
