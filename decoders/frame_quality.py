"""How well frames were received: the symbols of the corrected frames, encoded again, against soft bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .codeblock import Bytes, wire_blocks
from .downlink import Mode
from .marker_search import MEMORY_BITS
from .viterbi import Bits, SoftBits

Floats = npt.NDArray[np.float64]
LEAST_SYMBOLS = 64


@dataclass(frozen=True)
class FrameQuality:
    """Per frame, shape (n,): Eb/N0 per information bit in dB (NaN: unknown), symbols of the wrong sign."""

    ebn0_db: Floats
    symbol_errors: npt.NDArray[np.int64]


def measure(words: Bytes, soft: SoftBits, mode: Mode) -> FrameQuality:
    """Quality of frames whose blocks are right.

    With mean m and variance v of soft bit times sign, Es/N0 = m^2 / 2v per coded bit, and there are 1 / rate
    of those per information bit. Soft bits that are 0 (punctured, erased) do not count.

    Args:
        words: codewords, shape (n, interleave, 255).
        soft: of the whole frames in the encoder's order, shape (n, 2 * frame_bits).
        mode: the downlink's mode.
    """
    signed = _signed(sent_bits(words, mode), soft)
    count = np.count_nonzero(signed, axis=1)
    errors = np.count_nonzero(signed < 0, axis=1)
    wide = signed.astype(np.float64)
    mean = np.abs(wide.sum(axis=1)) / np.maximum(count, 1)
    variance = np.einsum("ij,ij->i", wide, wide) / np.maximum(count, 1) - mean**2
    least = np.maximum(1e-2 * mean**2, 1e-9)  # hard decisions have none
    ratio = np.maximum(mean**2, 1e-9) / np.maximum(variance, least) / (2 * float(mode.code_rate))
    ebn0_db = np.where(count >= LEAST_SYMBOLS, 10 * np.log10(ratio), np.nan)
    # Behind a differential code the sign of all symbols is not known.
    return FrameQuality(ebn0_db, np.minimum(errors, count - errors))


def sent_bits(words: Bytes, mode: Mode) -> Bits:
    """Bits into the inner encoder, marker first, shape (n, frame_bits)."""
    behind = np.unpackbits(wire_blocks(words, mode), axis=1)
    markers = np.broadcast_to(mode.marker_pattern, (len(words), mode.marker_bits))
    bits: Bits = np.concatenate([markers, behind], axis=1)
    return np.bitwise_xor.accumulate(bits, axis=1) if mode.differential == "nrz-m" else bits


def _signed(bits: Bits, soft: SoftBits) -> npt.NDArray[np.int8]:
    """Soft bits times the sign that was sent; the first pairs are left out, they depend on the bits before.

    Generators 1111001 and 1011011, newest bit first, so that taps 0, 2, 3 and 6 bits old are common to both.
    """
    count = bits.shape[1] - MEMORY_BITS
    tap = [bits[:, MEMORY_BITS - age : MEMORY_BITS - age + count] for age in range(MEMORY_BITS + 1)]
    common = tap[0] ^ tap[2] ^ tap[3] ^ tap[6]
    signed = np.empty((len(bits), count, 2), dtype=np.int8)
    received = soft[:, 2 * MEMORY_BITS :].reshape(len(bits), count, 2)
    for rail, symbol in enumerate((common ^ tap[1], common ^ tap[5])):
        turn = (symbol - np.uint8(1)).view(np.int8)  # 0 for a one, -1 for a zero
        signed[:, :, rail] = (np.maximum(received[:, :, rail], -127) ^ turn) - turn
    return signed.reshape(len(bits), -1)
