"""What a demodulator cannot know: which soft bit of a stream begins a pair, and the sign of each.

A rotation by 90 degrees swaps the two soft bits of a pair and turns one sign; a mirrored spectrum turns one.
A stream of OQPSK rails or a file cut anywhere may begin with the second bit of a pair. The common sign is
left out: the code is transparent, so it only inverts the decoded bits, which the marker settles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .viterbi import SoftBits


@dataclass(frozen=True)
class Ambiguity:
    """How soft bits become the encoder's pairs: drop `shift` of them, swap pairs, turn second signs."""

    shift: int
    swap: bool
    invert_second: bool

    def apply(self, soft: SoftBits) -> SoftBits:
        """The pairs of a stream whose first soft bit has an even number; the last ones may be cut off."""
        end = soft.shape[-1] - (soft.shape[-1] - self.shift) % 2
        pairs = soft[..., self.shift : end].reshape(*soft.shape[:-1], -1, 2)
        pairs = pairs[..., ::-1].copy() if self.swap else pairs.copy()
        if self.invert_second:
            pairs[..., 1] = negative(pairs[..., 1])
        return pairs.reshape(*soft.shape[:-1], -1)

    def __str__(self) -> str:
        words = [
            "one soft bit late" * self.shift,
            "pairs swapped" * self.swap,
            "second sign turned" * self.invert_second,
        ]
        return ", ".join(word for word in words if word) or "as sent"


# In the order in which they are preferred when equal.
AMBIGUITIES = tuple(
    Ambiguity(shift, swap, invert) for shift in (0, 1) for swap in (False, True) for invert in (False, True)
)


def negative(soft: SoftBits) -> SoftBits:
    """Minus the soft bits; -128 becomes 127, since int8 has no 128."""
    return (-np.maximum(soft, -127)).astype(np.int8)
