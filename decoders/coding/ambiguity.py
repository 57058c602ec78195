"""What a demodulator cannot know: which soft bit begins a period of the code, and how the rails are turned.

A rotation by 90 degrees swaps the two soft bits of a pair and turns one sign; a mirrored spectrum turns one.
A stream of OQPSK rails or a file cut anywhere may begin with any soft bit of a period. BPSK leaves open
whether the encoder inverts its second symbols (131.0-B-5 figure 3-1) or not. The common sign is left out: the
code is transparent, so it only inverts the decoded bits, which the marker settles.

At some rates (3/4 with C1 and C2 apart, 5/6) the turned sign is left open by the code as well: inverting
every C2 that is sent adds a sequence of the code. Such ambiguities are alike; only the marker tells which is
right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec
from decoders.coding.puncture import puncturing
from decoders.coding.viterbi import SoftBits, viterbi

PAIRED = ("qpsk", "oqpsk")  # modulations whose soft bits come in pairs of rails


@dataclass(frozen=True)
class Ambiguity:
    """How soft bits become the symbols of the rate 1/2 code.

    `shift` soft bits are dropped; then each `len(places)` soft bits, one cycle, give 2 * `bits` symbols: soft
    bit k goes to place `places[k]` with sign `signs[k]`, and the other places are erasures. `mirrored`: no
    rotation explains it, but a mirrored spectrum does (BPSK: an inverter on C2).
    """

    name: str
    mirrored: bool
    shift: int
    bits: int
    places: tuple[int, ...]
    signs: tuple[int, ...]

    @property
    def cycle(self) -> int:
        """Soft bits of a cycle."""
        return len(self.places)

    def apply(self, soft: SoftBits) -> SoftBits:
        """The symbols of the whole cycles of a stream, without -128; shape (n,) to (2 * bits * cycles,)."""
        end = self.shift + (soft.size - self.shift) // self.cycle * self.cycle
        cycles = soft[self.shift : end].reshape(-1, self.cycle)
        if self.places == tuple(range(2 * self.bits)) and min(self.signs) > 0:
            return cycles.reshape(-1)
        return _fec.spread_symbols(cycles.reshape(-1), self.places, self.signs, 2 * self.bits)

    def apply_plain(self, soft: SoftBits) -> SoftBits:
        """The specification of `apply`."""
        end = self.shift + (soft.size - self.shift) // self.cycle * self.cycle
        cycles = soft[self.shift : end].reshape(-1, self.cycle)
        symbols = np.zeros((len(cycles), 2 * self.bits), dtype=np.int8)
        for k, (place, sign) in enumerate(zip(self.places, self.signs, strict=True)):
            symbols[:, place] = cycles[:, k] if sign > 0 else -cycles[:, k]
        return symbols.reshape(-1)

    def gather(self, bits: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int8]]:
        """The same as a table: per symbol of whole cycles the soft bit it comes from, and its sign or 0."""
        source = np.zeros((bits // self.bits, 2 * self.bits), dtype=np.intp)
        sign = np.zeros(2 * self.bits, dtype=np.int8)
        source[:, self.places] = self.shift + np.arange(bits // self.bits * self.cycle).reshape(
            -1, self.cycle
        )
        sign[list(self.places)] = self.signs
        return source.reshape(-1), np.tile(sign, bits // self.bits)

    def __str__(self) -> str:
        return self.name


@cache
def ambiguities(modulation: str, code: str, rail_order: str) -> tuple[tuple[Ambiguity, ...], ...]:
    """All ambiguities of a downlink, those alike together, in the order of preference among equals.

    Raises:
        ValueError: the code cannot be sent in that order.
    """
    period = puncturing(code, rail_order)
    paired = modulation in PAIRED
    cycle = math.lcm(len(period.places), 2) if paired else len(period.places)
    periods = cycle // len(period.places)
    places = tuple(2 * period.bits * p + place for p in range(periods) for place in period.places)

    def one(shift: int, swap: int, invert: bool) -> Ambiguity:
        return Ambiguity(
            _name(shift, swap, invert),
            bool(swap) != invert,
            shift,
            period.bits * periods,
            tuple(places[k ^ swap] for k in range(cycle)),
            tuple(_sign(k ^ swap if paired else places[k]) if invert else 1 for k in range(cycle)),
        )

    alike = _alike(one(0, 0, False), one(0, 0, True))
    groups: list[tuple[Ambiguity, ...]] = []
    for shift in range(cycle):
        # Unless rails are swapped, a shift by a period is none.
        for swap in (0, 1) if paired and shift < len(period.places) else (1,) if paired else (0,):
            pair = (one(shift, swap, False), one(shift, swap, True))
            groups += [pair] if alike else [(member,) for member in pair]
    return tuple(groups)


def _alike(one: Ambiguity, other: Ambiguity) -> bool:
    """Whether the symbols at which two ambiguities differ in sign make a sequence of the code."""
    length = 256 // one.bits
    difference = np.zeros(2 * one.bits, dtype=np.int8)
    difference[list(one.places)] = np.where(np.equal(one.signs, other.signs), -1, 1)
    margin = 64 // one.bits * one.bits
    _, score = viterbi(
        np.tile(difference, length)[np.newaxis],
        head=margin,
        length=length * one.bits - 2 * margin,
        tail=margin,
    )
    return int(score[0]) == int(np.abs(np.tile(difference, length)[2 * margin : -2 * margin]).sum())


def _sign(place: int) -> int:
    return -1 if place % 2 else 1


def _name(shift: int, swap: int, invert: bool) -> str:
    late = ("", "one soft bit late")[shift] if shift < 2 else f"{shift} soft bits late"
    words = [late, "pairs swapped" * swap, "second sign turned" * invert]
    return ", ".join(word for word in words if word) or "as sent"


def negative(soft: SoftBits) -> SoftBits:
    """Minus the soft bits; -128 becomes 127, since int8 has no 128."""
    return (-np.maximum(soft, -127)).astype(np.int8)
