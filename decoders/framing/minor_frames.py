"""Minor frames of NOAA's HRPT: 11 090 words of 10 bits (NOAA KLM user's guide, section 4.1).

Words by index, bits of a word from the most significant (bit 1) on:
0-5      frame sync
6        ID: bit 1 sync id, 2-3 number of the minor frame (1, 2, 3), 4-7 spacecraft address, 8 resync,
         9 spare, 10 channel 3A
8-11     time code: day of the year (9 bits), 0 | 101, milliseconds bits 26-20 | bits 19-10 | bits 9-0
103-622  TIP (number 1) or AIP (number 3): 8 data bits, bit 9 makes parity even, bit 10 the inverse of bit 1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoders.coding.viterbi import Bits

WORD_BITS = 10
ID_WORD, TIME_WORDS = 6, slice(8, 12)
TELEMETRY_WORDS = slice(103, 623)
NUMBERS_WITH_TELEMETRY = (1, 3)
MS_OF_DAY = 86_400_000
FRAMES_PER_SECOND = 6
FRAMES_PER_DAY = FRAMES_PER_SECOND * 86_400

Words = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class MinorFrame:
    """What a minor frame says about itself; nothing protects it.

    Attributes:
        words: uint16, shape (11090,).
        number: of the minor frame, 1 to 3 where the bits are right.
        spacecraft: address.
        day: of the year, 1 to 366; None where the time code is damaged.
        ms: milliseconds of the day, UTC; None where the time code is damaged.
        parity_errors: words of telemetry whose parity bit or last bit is wrong; None without telemetry.
    """

    words: Words
    number: int
    spacecraft: int
    day: int | None
    ms: int | None
    parity_errors: int | None

    @property
    def counter(self) -> int | None:
        """Sixths of a second since midnight, which counts the frames of a day; None without a time."""
        return None if self.ms is None else round(self.ms * FRAMES_PER_SECOND / 1000) % FRAMES_PER_DAY

    @property
    def is_garbled(self) -> bool:
        """Whether neither number nor time code are right; of random bits one frame in four is."""
        return self.number not in (1, 2, 3) and self.ms is None

    @property
    def doubt(self) -> str:
        """What is odd about it, or nothing."""
        odd = []
        if self.number not in (1, 2, 3):
            odd.append(f"minor frame number {self.number}")
        if self.ms is None:
            odd.append("time code damaged")
        return ", ".join(odd)


def read_minor_frame(bits: Bits) -> MinorFrame:
    """Read the bits of a minor frame, 0/1, shape (10 n,), n at least 623.

    Raises:
        ValueError: too few bits, or not whole words.
    """
    if bits.size % WORD_BITS or bits.size < WORD_BITS * TELEMETRY_WORDS.stop:
        raise ValueError(f"{bits.size} bits are no minor frame of 10-bit words")
    words = pack_words(bits)
    identity = int(words[ID_WORD])
    number = identity >> 7 & 3
    day, ms = _time(*map(int, words[TIME_WORDS]))
    errors = _parity_errors(words[TELEMETRY_WORDS]) if number in NUMBERS_WITH_TELEMETRY else None
    return MinorFrame(words, number, identity >> 3 & 15, day, ms, errors)


def pack_words(bits: Bits) -> Words:
    """10-bit words of bits 0/1, most significant first, shape (10 n,) to (n,)."""
    weights = (1 << np.arange(WORD_BITS - 1, -1, -1)).astype(np.uint16)
    words: Words = bits.reshape(-1, WORD_BITS).astype(np.uint16) @ weights
    return words


def unpack_words(words: Words) -> Bits:
    """Inverse of `pack_words`."""
    shifts = np.arange(WORD_BITS - 1, -1, -1, dtype=np.uint16)
    return (words[:, np.newaxis] >> shifts & 1).astype(np.uint8).reshape(-1)


def _time(first: int, second: int, third: int, fourth: int) -> tuple[int | None, int | None]:
    day, ms = first >> 1, (second & 0x7F) << 20 | third << 10 | fourth
    plausible = not first & 1 and second >> 7 == 0b101 and 1 <= day <= 366 and ms < MS_OF_DAY
    return (day, ms) if plausible else (None, None)


def _parity_errors(words: Words) -> int:
    parity = np.bitwise_count(words >> 1) & 1  # of bits 1 to 9, to be even
    last_is_inverse = (words >> 9 ^ words) & 1
    return int(np.count_nonzero((parity != 0) | (last_is_inverse != 1)))
