"""How much second tries may cost: so many decodings per second of the stream."""

from __future__ import annotations

from .downlink import Mode

# A decoding takes 10 to 15 us, so these take less than 0.4 of a core of about 3 GHz where the signal is so
# weak that all are used up; MetOp AHRPT gets 59 per frame and needs 51 at 2.55 dB, where it loses 1 % of its
# frames. Modes of more frames per second get no less per frame.
DECODINGS_PER_S, FEWEST_PER_FRAME = 25_000, 50
MOST_SAVED = 25_000  # a stream begins with them


class Allowance:
    """Decodings that are left.

    They grow with the bits of the stream, not with time, so that the frames that come out are the same on
    every machine.
    """

    def __init__(self, mode: Mode) -> None:
        frames_per_s = mode.symbol_rate * mode.information_bits_per_symbol / mode.frame_bits
        self._per_bit = max(DECODINGS_PER_S / frames_per_s, FEWEST_PER_FRAME) / mode.frame_bits
        self._reached = 0
        self.left = float(MOST_SAVED)

    def reach(self, bit_index: int) -> None:
        """A place in the stream; going back brings nothing."""
        fresh = max(0, bit_index - self._reached)
        self._reached += fresh
        self.left = min(MOST_SAVED, self.left + fresh * self._per_bit)

    def spend(self, decodings: int) -> None:
        """Take some off; what was begun may leave less than none."""
        self.left -= decodings
