"""How well frames were received: the symbols of the corrected frames, encoded again, against soft bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoders.coding.codeblock import Bytes
from decoders.coding.randomiser import randomise
from decoders.coding.viterbi import Bits, SoftBits
from decoders.downlink import Mode
from decoders.framing.marker_search import MEMORY_BITS

Floats = npt.NDArray[np.float64]
LEAST_SYMBOLS = 64


@dataclass(frozen=True)
class FrameQuality:
    """Per frame, shape (n,): Eb/N0 per information bit in dB (NaN: unknown), symbols of the wrong sign."""

    ebn0_db: Floats
    symbol_errors: npt.NDArray[np.int64]


def measure(blocks: Bytes, soft: SoftBits, mode: Mode, *, level: bool = True) -> FrameQuality:
    """Quality of frames that are right.

    With mean m and variance v of soft bit times sign, Es/N0 = m^2 / 2v per coded bit, and there are 1 / rate
    of those per information bit. Soft bits that are 0 (punctured, erased) do not count.

    Args:
        blocks: bytes behind the markers, derandomised, shape (n, block_bytes).
        soft: of the whole frames in the encoder's order, -127 … 127, shape (n, 2 * frame_bits).
        mode: the downlink's mode.
        level: whether Eb/N0 is wanted; else it is NaN.
    """
    signed = _signed(sent_bits(blocks, mode), soft)
    count, errors = _count(signed != 0), _count(signed < 0)
    ebn0_db = _level(signed, count, float(mode.code_rate)) if level else np.full(len(blocks), np.nan)
    # Behind a differential code the sign of all symbols is not known.
    return FrameQuality(ebn0_db, np.minimum(errors, count - errors))


def sent_bits(blocks: Bytes, mode: Mode) -> Bits:
    """Bits into the inner encoder, marker first, shape (n, frame_bits), of blocks as of `measure`."""
    marker = np.frombuffer(mode.marker_bytes, dtype=np.uint8)
    sent = np.empty((len(blocks), marker.size + blocks.shape[1]), dtype=np.uint8)
    sent[:, : marker.size], sent[:, marker.size :] = marker, randomise(blocks, mode.randomiser)
    return np.unpackbits(_levels(sent) if mode.differential == "nrz-m" else sent, axis=1)


def _levels(packed: Bytes) -> Bytes:
    """NRZ-M of bits in bytes, from level 0: within each byte first, then whole bytes by the level before."""
    within = packed ^ (packed >> np.uint8(1))
    within ^= within >> np.uint8(2)
    within ^= within >> np.uint8(4)
    after = np.bitwise_xor.accumulate(within & np.uint8(1), axis=1)
    within[:, 1:] ^= np.uint8(0) - after[:, :-1]
    return within


def _signed(bits: Bits, soft: SoftBits) -> npt.NDArray[np.int8]:
    """Soft bits times the sign that was sent; the first pairs are left out, they depend on the bits before.

    Generators 1111001 and 1011011, newest bit first, so that taps 0, 2, 3 and 6 bits old are common to both.
    """
    count = bits.shape[1] - MEMORY_BITS
    tap = [bits[:, MEMORY_BITS - age : MEMORY_BITS - age + count] for age in range(MEMORY_BITS + 1)]
    common = tap[0] ^ tap[2] ^ tap[3] ^ tap[6]
    pairs = (common ^ tap[1]).astype("<u2") | ((common ^ tap[5]).astype("<u2") << np.uint16(8))
    turn = (pairs.view(np.uint8) - np.uint8(1)).view(np.int8)  # 0 for a one, -1 for a zero
    signed: npt.NDArray[np.int8] = (soft[:, 2 * MEMORY_BITS :] ^ turn) - turn
    return signed


def _count(true: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many are true in each row."""
    counts: npt.NDArray[np.int64] = np.bitwise_count(np.packbits(true, axis=1)).sum(axis=1, dtype=np.int64)
    return counts


def _level(signed: npt.NDArray[np.int8], count: npt.NDArray[np.int64], rate: float) -> Floats:
    wide = signed.astype(np.float32)
    number = np.maximum(count, 1)
    mean = np.abs(np.einsum("ij->i", wide).astype(np.float64)) / number
    variance = np.einsum("ij,ij->i", wide, wide).astype(np.float64) / number - mean**2
    least = np.maximum(1e-2 * mean**2, 1e-9)  # hard decisions have none
    ratio = np.maximum(mean**2, 1e-9) / np.maximum(variance, least) / (2 * rate)
    return np.where(count >= LEAST_SYMBOLS, 10 * np.log10(ratio), np.nan)
