"""Puncturing: which symbols of the rate 1/2 code are sent, in which order (131.0-B-5 section 3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

# Per code the pattern of C1 (171 octal) and of C2 (133 octal); 1 = the symbol is sent.
PATTERNS = {
    "ccsds-k7-r1/2": ("1", "1"),
    "ccsds-k7-r2/3": ("10", "11"),
    "ccsds-k7-r3/4": ("101", "110"),
    "ccsds-k7-r5/6": ("10101", "11010"),
    "ccsds-k7-r7/8": ("1000101", "1111010"),
}


@dataclass(frozen=True)
class Puncturing:
    """One period of a code.

    `bits` information bits give 2 * bits symbols at rate 1/2, C1 and C2 in turn; `places` are the numbers of
    those that are sent, in the order of sending.
    """

    bits: int
    places: tuple[int, ...]


@cache
def puncturing(code: str, rail_order: str = "serial") -> Puncturing:
    """The puncturing of a code by the words of a downlink's definition.

    Args:
        code: a key of `PATTERNS`.
        rail_order: "serial", C1 and C2 of each bit one after the other; or "metop", where rail I carries the
            symbols of C1 and rail Q those of C2.

    Raises:
        ValueError: an unknown code or order, or rails that would carry different numbers of symbols.
    """
    if code not in PATTERNS:
        raise ValueError(f"code {code!r} is not a convolutional code; known are {', '.join(PATTERNS)}")
    first, second = PATTERNS[code]
    c1 = [2 * k for k, kept in enumerate(first) if kept == "1"]
    c2 = [2 * k + 1 for k, kept in enumerate(second) if kept == "1"]
    if rail_order == "serial":
        return Puncturing(len(first), tuple(sorted(c1 + c2)))
    if rail_order != "metop" or len(c1) != len(c2):
        raise ValueError(
            f"code {code!r} cannot be sent in the rail order {rail_order!r}; 'serial' always can, "
            "'metop' where C1 and C2 have as many symbols"
        )
    return Puncturing(len(first), tuple(place for pair in zip(c1, c2, strict=True) for place in pair))
