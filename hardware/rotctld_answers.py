"""What rotctld says, parsed. Everything here comes from a network and is not trusted.

An answer to an extended command ("+p") begins with the command's long name and ends with the line "RPRT n", n
being 0 or a negative Hamlib error. Source: rotctld(1); what Hamlib 4.5.4 sends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hardware.errors import HardwareError
from hardware.limits import Limits

LONGEST = 8192

# Names of rig.h, Hamlib 4.5.4; what else there is concerns radios.
HAMLIB_ERRORS = {
    -1: "invalid parameter, or outside the limits that rotctld keeps",
    -2: "invalid configuration",
    -4: "function not implemented",
    -5: "the controller does not answer",
    -6: "the line to the controller is broken",
    -8: "protocol error: the controller answers what its driver does not understand",
    -9: "the controller rejects the command",
    -11: "this rotator cannot do that",
}
LINE_ERRORS = frozenset({-5, -6, -8})


class BadAnswerError(ValueError):
    """Not an answer to what was asked; the message quotes it."""


@dataclass(frozen=True)
class Answer:
    """One answer: Hamlib's error code, 0 for success, and the lines "word: value"."""

    code: int
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Identity:
    """What rotctld says the rotator is. Limits are None where it tells none that make sense."""

    number: int
    name: str
    limits: Limits | None

    def __str__(self) -> str:
        return f"{self.name or 'rotator'} (Hamlib model {self.number})"


def is_whole(raw: bytes) -> bool:
    """Whether the bytes end with a line RPRT."""
    return raw.endswith(b"\n") and raw[:-1].rpartition(b"\n")[2].startswith(b"RPRT ")


def parse_answer(raw: bytes, name: str) -> Answer:
    """An answer to the command of that long name.

    Raises:
        BadAnswerError: another command's answer, or none at all.
    """
    lines = raw[:LONGEST].decode("utf-8", "replace").splitlines()
    if len(lines) < 2 or not lines[0].startswith(f"{name}:"):
        raise BadAnswerError(f"answers {name} with {raw[:80]!r}")
    try:
        code = int(lines[-1].removeprefix("RPRT "))
    except ValueError:
        raise BadAnswerError(f"ends its answer with {lines[-1][:40]!r}") from None
    pairs = (line.split(":", 1) for line in lines[1:-1])
    return Answer(code, {pair[0].strip(): pair[1].strip() for pair in pairs if len(pair) == 2})


def position_of(fields: Mapping[str, str]) -> tuple[float, float]:
    """Azimuth and elevation of an answer to get_pos, degrees.

    Raises:
        BadAnswerError: not two numbers, or angles that no rotator has.
    """
    try:
        azimuth_deg, elevation_deg = float(fields["Azimuth"]), float(fields["Elevation"])
    except (KeyError, ValueError):
        raise BadAnswerError(f"tells a position that is none: {dict(fields)}") from None
    if not (abs(azimuth_deg) <= 1080 and abs(elevation_deg) <= 360):  # NaN is not
        raise BadAnswerError(f"tells a position that is none: {dict(fields)}")
    return azimuth_deg, elevation_deg


def identity_of(state: Mapping[str, str], capabilities: Mapping[str, str]) -> Identity:
    """From the answers to dump_state and dump_caps.

    Raises:
        BadAnswerError: no model number.
    """
    try:
        number = int(state["Rotor Model"])
    except (KeyError, ValueError):
        raise BadAnswerError(f"tells no rotator model: {dict(list(state.items())[:8])}") from None
    words = (capabilities.get("Mfg name", ""), capabilities.get("Model name", ""))
    return Identity(number, " ".join(word for word in words if word)[:80], _limits_of(state))


def _limits_of(state: Mapping[str, str]) -> Limits | None:
    ends = [f"{end} {axis}" for axis in ("Azimuth", "Elevation") for end in ("Minimum", "Maximum")]
    try:
        values = [float(state[end]) for end in ends]
        return Limits(*values) if all(map(math.isfinite, values)) else None
    except (KeyError, ValueError, HardwareError):
        return None  # a rotator that tells nonsense is held to our limits alone
