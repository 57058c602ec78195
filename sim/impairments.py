"""What may go wrong between antenna and file; every effect is off by default and has a seed of its own."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sim.errors import SimulationError

# Places in the seed's tree: an effect that is switched on or off leaves the others as they were.
SEED_PLACES = {"stream": 0, "noise": 1, "fading": 2, "interferer": 3, "gaps": 4, "source": 5}


def seed_of(seed: int, effect: str) -> np.random.SeedSequence:
    """The seed of one effect."""
    return np.random.SeedSequence(seed, spawn_key=(SEED_PLACES[effect],))


@dataclass(frozen=True)
class Crystal:
    """The receiver's one crystal: it makes the local oscillator and the sample clock.

    Attributes:
        offset_ppm: how much too fast it runs at the start.
        drift_ppm_per_minute: how that grows.
    """

    offset_ppm: float = 0.0
    drift_ppm_per_minute: float = 0.0


@dataclass(frozen=True)
class Fading:
    """Slow Rician fading, the same for the whole band (reflections arrive within a fraction of a symbol).

    Attributes:
        k_factor_db: steady over scattered power.
        spread_hz: fastest beat of the scattered part.
    """

    k_factor_db: float = 10.0
    spread_hz: float = 0.5


@dataclass(frozen=True)
class Interferer:
    """Another transmitter.

    Attributes:
        kind: "cw", or "fm" (a tone of 1 kHz).
        offset_hz: from the tuned frequency; beyond half the sample rate it is not heard.
        level_dbc: against our signal at its strongest.
        deviation_hz: of "fm".
    """

    offset_hz: float
    level_dbc: float
    kind: str = "cw"
    deviation_hz: float = 3000.0

    def __post_init__(self) -> None:
        if self.kind not in ("cw", "fm"):
            raise SimulationError(f"unknown interferer {self.kind!r}; known are cw, fm")


@dataclass(frozen=True)
class Gaps:
    """Lost samples.

    Attributes:
        per_minute: mean number, at random times.
        mean_s: mean length of a random one (exponential).
        at: (start, length) in seconds, besides the random ones.
        marked: the recording says where they are (zeros stand there); else the samples are simply missing.
    """

    per_minute: float = 0.0
    mean_s: float = 0.05
    at: tuple[tuple[float, float], ...] = ()
    marked: bool = True


@dataclass(frozen=True)
class Outages:
    """The signal is away, the noise stays: a wall, a switched transmitter.

    Attributes:
        period_s: from one outage to the next; 0: none but those of `at`.
        length_s: of each; it ends the period, so that the signal is there first.
        at: (start, length) in seconds, besides.
    """

    period_s: float = 0.0
    length_s: float = 0.0
    at: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.length_s > self.period_s:
            raise SimulationError(f"outages of {self.length_s} s every {self.period_s} s; they are shorter")


@dataclass(frozen=True)
class Impairments:
    """Everything that is not noise.

    Attributes:
        crystal: None: exact.
        fading: None: steady.
        interferers: none.
        dc_offset: spike at the tuned frequency, of full scale.
        iq_gain_db: how much stronger Q is than I.
        iq_phase_deg: by how much Q is not square to I.
        adc_bits: steps of the converter before the file's own format.
        gain_db: receiver gain above the one that keeps the strongest signal clear of full scale.
        gain_steps: (second, dB) from which on the receiver's gain is higher by so much, as dongles do it.
        swapped: I and Q are exchanged.
        mirrored: Q is inverted, so that the spectrum is mirrored.
        gaps: none.
        outages: none. The log calls a frame complete although its signal was away.
    """

    crystal: Crystal = Crystal()
    fading: Fading | None = None
    interferers: tuple[Interferer, ...] = ()
    dc_offset: complex = 0j
    iq_gain_db: float = 0.0
    iq_phase_deg: float = 0.0
    adc_bits: int | None = None
    gain_db: float = 0.0
    gain_steps: tuple[tuple[float, float], ...] = ()
    swapped: bool = False
    mirrored: bool = False
    gaps: Gaps | None = None
    outages: Outages | None = None

    def __post_init__(self) -> None:
        if self.adc_bits is not None and not 1 <= self.adc_bits <= 16:
            raise SimulationError(f"an ADC of {self.adc_bits} bits; allowed are 1 to 16")


# Tables inside the table, as they stand in a configuration.
_TABLES = {"crystal": Crystal, "fading": Fading, "gaps": Gaps, "outages": Outages}


def impairments_from(table: Mapping[str, Any]) -> Impairments:
    """Impairments from plain values, as of a TOML table.

    `crystal`, `fading`, `gaps` and `outages` are tables, `interferers` a list of tables, `dc_offset` a number
    or [I, Q].

    Raises:
        SimulationError: a key is unknown (the nearest is named) or a value does not fit.
    """
    values = dict(table)
    for name, kind in _TABLES.items():
        if name in values:
            values[name] = _made(kind, values[name])
    if "interferers" in values:
        if not isinstance(values["interferers"], list | tuple):
            raise SimulationError("interferers is a list of tables: write [[interferers]]")
        values["interferers"] = tuple(_made(Interferer, entry) for entry in values["interferers"])
    if "dc_offset" in values:
        values["dc_offset"] = _complex("dc_offset", values["dc_offset"])
    made: Impairments = _made(Impairments, values)
    return made


def _made(kind: Any, values: Any) -> Any:
    known = [entry.name for entry in fields(kind)]
    if not isinstance(values, Mapping):
        raise SimulationError(f"{kind.__name__.lower()} is a table of {', '.join(known)}, not {values!r}")
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise SimulationError(f"unknown key {key!r} of {kind.__name__.lower()}; {hint}")
    checked = {key: _checked(key, value) for key, value in values.items()}
    try:
        return kind(**checked)
    except TypeError as error:
        raise SimulationError(f"{kind.__name__.lower()} {dict(values)}: {error}") from None


def _checked(key: str, value: Any) -> Any:
    check = _CHECKS.get(key)
    return _number(key, value) if check is None else check(key, value)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SimulationError(f"{key} is a number, not {value!r}")
    return value


def _count(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SimulationError(f"{key} is a whole number, not {value!r}")
    return value


def _not_negative(key: str, value: Any) -> float:
    if _number(key, value) < 0:
        raise SimulationError(f"{key} is 0 or more, not {value!r}")
    return float(value)


def _truth(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SimulationError(f"{key} is true or false, not {value!r}")
    return value


def _pairs(key: str, value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list | tuple) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 for pair in value
    ):
        raise SimulationError(f"{key} is a list of [start, length] in seconds, not {value!r}")
    return tuple((_not_negative(key, start), _not_negative(key, length)) for start, length in value)


def _steps(key: str, value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list | tuple) or any(
        not isinstance(pair, list | tuple) or len(pair) != 2 for pair in value
    ):
        raise SimulationError(f"{key} is a list of [second, dB], not {value!r}")
    return tuple((_not_negative(key, second), _number(key, db)) for second, db in value)


def _complex(key: str, value: Any) -> complex:
    if isinstance(value, complex):
        return value
    parts = value if isinstance(value, list | tuple) else (value,)
    if len(parts) not in (1, 2):
        raise SimulationError(f"{key} is a number or [I, Q], not {value!r}")
    return complex(*(_number(key, part) for part in parts))


def _as_made(key: str, value: Any) -> Any:  # noqa: ARG001 - checked where it was made
    return value


# What is no plain number; a wrong value is told here, by its key, and not deep inside the channel.
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "adc_bits": _count,
    "marked": _truth,
    "swapped": _truth,
    "mirrored": _truth,
    "gain_steps": _steps,
    "period_s": _not_negative,
    "length_s": _not_negative,
    "at": _pairs,
    "per_minute": _not_negative,
    "mean_s": _not_negative,
    "spread_hz": _not_negative,
} | dict.fromkeys(("crystal", "fading", "gaps", "outages", "interferers", "dc_offset", "kind"), _as_made)
