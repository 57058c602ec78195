"""What every demodulator gives out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SoftBlock:
    """Soft bits of m symbols.

    Attributes:
        soft_bits: int8[2m], serial: for QPSK I and Q of each symbol, for OQPSK the two rails alternately in
            time order; int8[m] for BPSK and split phase. Scale: `softbits.SOFT_PER_LLR`. Open ambiguities:
            QPSK swap within the pair and both signs; OQPSK a shift by one and both signs; BPSK and split
            phase the sign.
        sample_index: float64[m], input sample position of each symbol.
        esn0_db: float32[m], energy per channel symbol over N0; NaN where no signal was measured.
        locked: bool[m], the signal was seen there.
    """

    soft_bits: NDArray[np.int8]
    sample_index: NDArray[np.float64]
    esn0_db: NDArray[np.float32]
    locked: NDArray[np.bool_]

    @classmethod
    def joined(cls, blocks: Sequence[SoftBlock]) -> SoftBlock:
        """Blocks in their order as one; none is an empty one."""
        full = [block for block in blocks if len(block.locked)]
        if len(full) == 1:
            return full[0]
        return cls(
            soft_bits=np.concatenate([np.zeros(0, np.int8), *(block.soft_bits for block in blocks)]),
            sample_index=np.concatenate([np.zeros(0), *(block.sample_index for block in blocks)]),
            esn0_db=np.concatenate([np.zeros(0, np.float32), *(block.esn0_db for block in blocks)]),
            locked=np.concatenate([np.zeros(0, np.bool_), *(block.locked for block in blocks)]),
        )

    def before(self, end: float) -> SoftBlock:
        """The symbols before sample position `end`."""
        symbols = int(np.searchsorted(self.sample_index, end))
        per_symbol = len(self.soft_bits) // max(len(self.sample_index), 1)
        return SoftBlock(
            soft_bits=self.soft_bits[: per_symbol * symbols],
            sample_index=self.sample_index[:symbols],
            esn0_db=self.esn0_db[:symbols],
            locked=self.locked[:symbols],
        )
