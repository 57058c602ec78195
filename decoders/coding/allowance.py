"""How much of the machine a stream may take that is weak or made of markers."""

from __future__ import annotations

from decoders.downlink import Mode

# A decoding takes 10 to 15 us on a core of about 3 GHz, so where a signal is so weak that all are used up,
# second tries take up to 0.4 of a core: MetOp AHRPT gets 59 per frame, and needs 51 at 2.55 dB, where it
# loses 1 % of its frames. Modes of more than 500 frames per second get 50 for each, so that they lose no more
# frames: Suomi NPP's 1831 per second then take up to 1.4 cores, NOAA-21's 2443 up to 1.8.
DECODINGS_PER_S, FEWEST_PER_FRAME = 25_000, 50
# A stream begins with them, and has no more at any time.
MOST_SAVED = 25_000


# Places that look like a marker without one being expected: random bits give 0.8 per frame. A signal of
# nothing but markers gives 256, and each costs 0.1 ms.
PLACES_PER_FRAME, MOST_PLACES = 8, 1000


class Allowance:
    """What is left of something that may be done so often.

    It grows with the bits of the stream, not with time, so that the frames that come out are the same on
    every machine.
    """

    def __init__(self, per_bit: float, most: float) -> None:
        """Begins with the most that there may be."""
        self._per_bit, self._most = per_bit, most
        self._reached = 0
        self.left = most

    @classmethod
    def of_decodings(cls, mode: Mode) -> Allowance:
        """Decodings in second tries."""
        frames_per_s = mode.symbol_rate * mode.information_bits_per_symbol / mode.frame_bits
        return cls(max(DECODINGS_PER_S / frames_per_s, FEWEST_PER_FRAME) / mode.frame_bits, MOST_SAVED)

    @classmethod
    def of_places(cls, mode: Mode) -> Allowance:
        """Places that are tried without one being expected there."""
        return cls(PLACES_PER_FRAME / mode.frame_bits, MOST_PLACES)

    def reach(self, bit_index: int) -> None:
        """A place in the stream; going back brings nothing."""
        fresh = max(0, bit_index - self._reached)
        self._reached += fresh
        self.left = min(self._most, self.left + fresh * self._per_bit)

    def spend(self, count: int) -> None:
        """Take some off; what was begun may leave less than none."""
        self.left -= count
