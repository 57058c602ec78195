"""Judges a self test: against theory, against what the operator expects, against this station's own passes.

Thresholds, and where they come from:

floor below its usual    3 dB. An antenna taken off before the preamplifier leaves something warm (290 K) in
                         place of a sky of 1800 to 6200 K at 137 MHz (ITU-R P.372-16, 5.1, rural and
                         residential): -7 to -12 dB; where nothing but the galaxy is heard (560 K) only -2.6
                         dB, which known carriers tell. A cable cut behind it takes its gain away: -10 dB
                         and more. Sky and temperature move a healthy floor by ±1.5 dB. Where the
                         station's own floors scatter more, four robust standard deviations count.
floor above its usual    4 dB, likewise: at 1.7 GHz a dish sees 30 to 60 K, and with the antenna off the
                         preamplifier hears 290 K: +4 dB or so. Rain gives 2 dB, the Sun in the beam more.
bias tee                 1 dB. A preamplifier of 20 dB and 0.5 dB noise figure before a receiver of 6 dB
                         makes 12 dB between off and on; counting scatters by 0.02 dB.
rounding                 6.3 dB above that of the converter's rounding the noise is half a step strong
                         (Sheppard: 0.25 + 1/12 of a step squared). Below, rounding takes more than 1 dB
                         of the signal: the gain is too low or nothing is connected.
interference             a peak within the downlink's band of a quarter of its noise (-6 dB) costs about 1
                         dB of C/N0; beside it ten times the noise of the whole band, as it drives the
                         converter.
clipping                 1 sample in 1000. Noise set 10 dB below full scale clips 1 in 100 000 per rail.
DC                       above -20 dBFS and within 3 dB of everything together.
I and Q                  1 dB between their powers leaves an image 25 dB down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sdr.self_test import Measured, Peak
from sdr.self_test_usual import Usual
from sdr.self_test_words import WORDS

LOW_DB, HIGH_DB = 3.0, 4.0
BIAS_DB = 1.0
_BIAS_USUAL_DB = 2.0
ROUNDING_DB = 6.3
IN_BAND_DB, BESIDE_DB = -6.0, 10.0
_NEWLY_DB = 6.0  # above its usual, of a peak that is known
CLIPPED = 1e-3
DC_DBFS, _DC_ALONE_DB = -20.0, 3.0
UNEQUAL_DB = 1.0
_SHAPE_DB, _SHAPE_PIECES = 6.0, 4  # four pieces of 64 that differ by that much from their usual
LEAST_PAST = 3
_SIGMAS = 4.0

OK, SUSPICIOUS, FAULT = "ok", "suspicious", "fault"


@dataclass(frozen=True)
class Carrier:
    """A transmitter that is always on the air: how strong it should come, and how strong it came, in dBFS.

    `expected_dbfs` None: as strong as it usually does. `level_dbfs` is -inf where it was not heard.
    """

    name: str
    frequency_hz: float
    level_dbfs: float
    expected_dbfs: float | None = None
    tolerance_db: float = 6.0


@dataclass(frozen=True)
class ChainTest:
    """One test of a receiver.

    Attributes:
        on: as the downlink will be received.
        unfed: the same with the bias tee off, None where that was not tried.
        carriers: that are always to be heard.
        band: middle and width of the downlink in Hz.
        sends_always: the downlink is on the air now (it is geostationary): what stands in its band is it.
        lost_samples: meanwhile.
        gain_is_fixed: else levels cannot be compared: automatic gain makes all alike.
    """

    on: Measured
    unfed: Measured | None = None
    carriers: tuple[Carrier, ...] = ()
    band: tuple[float, float] | None = None
    sends_always: bool = False
    lost_samples: int = 0
    gain_is_fixed: bool = True

    @property
    def bias_gain_db(self) -> float | None:
        """What the preamplifier adds to the noise."""
        if self.unfed is None or not math.isfinite(self.unfed.floor_dbfs_hz):
            return None
        return self.on.floor_dbfs_hz - self.unfed.floor_dbfs_hz


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: `state` is "suspicious" or "fault"."""

    code: str
    state: str
    given: Mapping[str, Any] = field(default_factory=dict)

    def words(self, language: str = "en") -> str:
        """One sentence in `en` or `vi`."""
        return WORDS[self.code][language].format(**self.given)


def judge(tested: ChainTest, usual: Usual) -> tuple[Finding, ...]:
    """Everything that is wrong, worst first; nothing where all is as it should be."""
    broken = _codes(tested.on)
    if any(finding.code in ("constant", "repeats") for finding in broken):
        return tuple(broken)  # what such samples say of the antenna means nothing
    found = [*broken, *_floor(tested, usual), *_carriers(tested, usual), *_interference(tested, usual)]
    found += [*_drive(tested.on), *_shape(tested, usual)]
    if tested.lost_samples:
        found.append(Finding("lost", SUSPICIOUS, {"count": tested.lost_samples}))
    return tuple(sorted(found, key=lambda finding: finding.state != FAULT))


def verdict_of(findings: Sequence[Finding]) -> str:
    """The worst of them; `OK` where there is none."""
    states = {finding.state for finding in findings}
    return FAULT if FAULT in states else SUSPICIOUS if states else OK


def _codes(on: Measured) -> list[Finding]:
    if on.codes.still:
        return [Finding("constant", FAULT, {"rails": on.codes.still})]
    found = [Finding("repeats", FAULT)] if on.codes.repeats else []
    if on.codes.dead_bits:
        found.append(Finding("dead_bits", FAULT, {"bits": ", ".join(on.codes.dead_bits)}))
    return found


def _floor(tested: ChainTest, usual: Usual) -> list[Finding]:
    on, gain_db = tested.on, tested.bias_gain_db
    unfed = tested.gain_is_fixed and gain_db is not None and gain_db < BIAS_DB
    if unfed and (usual.bias_gain_db is None or usual.bias_gain_db >= _BIAS_USUAL_DB):
        return [Finding("bias_tee", SUSPICIOUS, {"gain": gain_db})]
    if tested.gain_is_fixed and usual.count >= LEAST_PAST:
        off_db = on.floor_dbfs_hz - usual.floor_dbfs_hz
        spread_db = _SIGMAS * usual.floor_spread_db
        if off_db < -max(LOW_DB, spread_db):
            return [Finding("floor_low", SUSPICIOUS, {"by": -off_db})]
        if off_db > max(HIGH_DB, spread_db):
            return [Finding("floor_high", SUSPICIOUS, {"by": off_db})]
    own = on.adc_floor_dbfs_hz
    if own is not None and on.floor_dbfs_hz < own + ROUNDING_DB:
        return [Finding("rounding", SUSPICIOUS)]
    return []


def _carriers(tested: ChainTest, usual: Usual) -> list[Finding]:
    found = []
    for carrier in tested.carriers:
        given = {"name": carrier.name, "mhz": carrier.frequency_hz / 1e6}
        if math.isinf(carrier.level_dbfs):
            found.append(Finding("carrier_missing", SUSPICIOUS, given))
            continue
        expected = carrier.expected_dbfs
        if expected is None and usual.count >= LEAST_PAST:
            expected = usual.carriers_dbfs.get(carrier.name)
        if (
            expected is not None
            and tested.gain_is_fixed
            and carrier.level_dbfs < expected - carrier.tolerance_db
        ):
            found.append(Finding("carrier_weak", SUSPICIOUS, given | {"by": expected - carrier.level_dbfs}))
    return found


def _interference(tested: ChainTest, usual: Usual) -> list[Finding]:
    """The strongest in the downlink's band, and the strongest beside it."""
    on = tested.on
    band_hz = tested.band or (on.center_hz, on.sample_rate)
    found = []
    inside = [p for p in on.peaks if abs(p.frequency_hz - band_hz[0]) <= (band_hz[1] + p.width_hz) / 2]
    beside = [p for p in on.peaks if p not in inside]
    inside = [] if tested.sends_always else inside
    for peaks, width_hz, limit_db in (
        (inside, band_hz[1], IN_BAND_DB),
        (beside, on.sample_rate, BESIDE_DB),
    ):
        for peak in peaks[:1]:
            over_db = peak.power_dbfs - (on.floor_dbfs_hz + 10 * math.log10(width_hz))
            if over_db > limit_db and not _is_usual(peak, usual):
                found.append(
                    Finding(
                        "interference" if peaks is inside else "interference_beside",
                        SUSPICIOUS,
                        {"mhz": peak.frequency_hz / 1e6, "khz": peak.width_hz / 1e3, "over": over_db},
                    )
                )
    return found


def _is_usual(peak: Peak, usual: Usual) -> bool:
    return any(
        abs(frequency_hz - peak.frequency_hz) <= max(peak.width_hz, 2000.0)
        and peak.power_dbfs <= power_dbfs + _NEWLY_DB
        for frequency_hz, power_dbfs in usual.peaks_hz
    )


def _drive(on: Measured) -> list[Finding]:
    """How the converter is driven."""
    found = []
    if on.clipped > CLIPPED:
        found.append(Finding("clipped", SUSPICIOUS, {"share": on.clipped}))
    if on.dc_dbfs > DC_DBFS and on.dc_dbfs > on.level_dbfs - _DC_ALONE_DB:
        found.append(Finding("dc", SUSPICIOUS, {"dbfs": on.dc_dbfs}))
    if abs(on.unequal_db) > UNEQUAL_DB:
        found.append(Finding("unequal", SUSPICIOUS, {"by": abs(on.unequal_db)}))
    return found


def _shape(tested: ChainTest, usual: Usual) -> list[Finding]:
    """The noise runs otherwise over the band: another filter, a resonance, a wide interferer."""
    shape = tested.on.shape_db
    if usual.count < LEAST_PAST or not shape or len(shape) != len(usual.shape_db):
        return []
    # The outermost pieces are the receiver's own filter.
    off = np.abs(np.array(shape) - np.array(usual.shape_db))[4:-4]
    if np.count_nonzero(off > _SHAPE_DB) < _SHAPE_PIECES:
        return []
    return [Finding("shape", SUSPICIOUS, {"share": float(np.mean(off > _SHAPE_DB)), "by": float(off.max())})]
