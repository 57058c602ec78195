"""Whether a converter's codes look like those of one that works: they move, all bits, and never repeat.

Codes are looked at as offset binary (two's complement with its top bit turned): noise about zero then moves
every bit, the upper ones with its sign. Bits that never move below the lowest one that does are what a driver
fills a wider word with (12 bits in 16), not a fault; in 8 bits there is no room for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdr.formats import bytes_per_sample, sample_format

_STILL = 0.999  # share of the commonest code, from which on a converter does not move
_CROSSES = 0.01  # share of codes on each side of zero, without which upper bits may rest
_CHUNK = 4096  # samples; noise never repeats one of these
_LOOKS = 3

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Codes:
    """What was found; `still` and `dead_bits` name the rails.

    Attributes:
        still: "I", "Q" or "I and Q" where the code does not change, else empty.
        repeats: the same thousands of samples come again.
        dead_bits: such as "bit 3 of Q" (bit 0 is the lowest), those that never change though they should.
        low_bits_unused: lowest bits of the word that carry nothing.
    """

    still: str = ""
    repeats: bool = False
    dead_bits: tuple[str, ...] = ()
    low_bits_unused: int = 0


def look_at_codes(raw: bytes, fmt: str) -> Codes:
    """Look at whole samples [n ≥ 1] as they came."""
    form = sample_format(fmt)
    rails = np.frombuffer(raw, form.dtype).reshape(-1, 2).T
    still = [name for name, rail in zip("IQ", rails, strict=True) if _is_still(rail)]
    if still:
        return Codes(" and ".join(still))
    repeats = _repeats(raw, bytes_per_sample(fmt) * _CHUNK)
    if form.dtype.kind == "f":
        return Codes("", repeats)
    bits = 8 * form.dtype.itemsize
    offset = 0 if form.dtype.kind == "u" else 1 << (bits - 1)
    looks = [_resting_bits(rail.astype(np.int64) + offset, bits) for rail in rails]
    # Both rails are filled up alike.
    unused = 0 if bits == 8 else min(_lowest_moving(resting, bits) for resting in looks)
    dead = tuple(
        f"bit {bit} of {name}"
        for name, resting in zip("IQ", looks, strict=True)
        for bit in resting
        if bit >= unused
    )
    return Codes("", repeats, dead, unused)


def _is_still(rail: npt.NDArray[np.generic]) -> bool:
    """By what is near the median code, which is the commonest if any is that common."""
    middle = np.partition(rail, len(rail) // 2)[len(rail) // 2]
    return float(np.mean(rail == middle)) >= _STILL


def _repeats(raw: bytes, size: int) -> bool:
    """Buffers that are sent twice lie whole sizes apart; a loop may have any length."""
    chunks = [raw[at : at + size] for at in range(0, len(raw) - size + 1, size)]
    looped = any(raw.find(chunk, at * size + 1) >= 0 for at, chunk in list(enumerate(chunks))[:_LOOKS])
    return looped or len(set(chunks)) < len(chunks)


def _resting_bits(codes: Ints, bits: int) -> list[int]:
    """Bits that never change; none where the codes do not cross zero, as then they may rest."""
    positive = float(np.mean(codes >= 1 << (bits - 1)))
    if not _CROSSES <= positive <= 1 - _CROSSES:
        return []
    ever = int(np.bitwise_or.reduce(codes)) & ~int(np.bitwise_and.reduce(codes))
    return [bit for bit in range(bits) if not ever >> bit & 1]


def _lowest_moving(resting: list[int], bits: int) -> int:
    return next(bit for bit in range(bits + 1) if bit not in resting)
