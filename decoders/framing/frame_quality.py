"""How well frames were received: the symbols of the corrected frames, encoded again, against soft bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec
from decoders.coding.codeblock import Bytes
from decoders.coding.randomiser import randomise
from decoders.coding.viterbi import SoftBits, encode
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
    count, errors, total = symbol_signs(sent_bytes(blocks, mode), soft).T
    ebn0_db = np.full(len(blocks), np.nan)
    if level:
        ebn0_db = _level(total, _energy(soft), count, float(mode.code_rate))
    # Of inverted bits, and behind a differential code, the sign of all symbols is turned.
    return FrameQuality(ebn0_db, np.minimum(errors, count - errors))


def sent_bytes(blocks: Bytes, mode: Mode) -> Bytes:
    """Bytes into the inner encoder, marker first, shape (n, frame_bits / 8), of blocks as of `measure`."""
    marker = np.frombuffer(mode.marker_bytes, dtype=np.uint8)
    sent = np.empty((len(blocks), marker.size + blocks.shape[1]), dtype=np.uint8)
    sent[:, : marker.size], sent[:, marker.size :] = marker, randomise(blocks, mode.randomiser)
    return _levels(sent) if mode.differential == "nrz-m" else sent


def _levels(packed: Bytes) -> Bytes:
    """NRZ-M of bits in bytes, from level 0: within each byte first, then whole bytes by the level before."""
    within = packed ^ (packed >> np.uint8(1))
    within ^= within >> np.uint8(2)
    within ^= within >> np.uint8(4)
    after = np.bitwise_xor.accumulate(within & np.uint8(1), axis=1)
    within[:, 1:] ^= np.uint8(0) - after[:, :-1]
    return within


def symbol_signs(sent: Bytes, soft: SoftBits) -> npt.NDArray[np.int64]:
    """Soft bits times the signs of the symbols that were sent.

    The first pairs are left out: they depend on the bits before.

    Args:
        sent: bits into the encoder, in bytes, shape (n, bytes).
        soft: -127 … 127, shape (n, 16 * bytes).

    Returns:
        Per row how many of the products are not zero, how many are negative, and their sum; shape (n, 3).

    Raises:
        ValueError: misfitting shapes.
    """
    return _fec.symbol_signs(sent, np.ascontiguousarray(soft))


def symbol_signs_plain(sent: Bytes, soft: SoftBits) -> npt.NDArray[np.int64]:
    """The specification of `symbol_signs`."""
    symbols = np.stack([encode(bits) for bits in np.unpackbits(sent, axis=1)])
    products = (soft.astype(np.int64) * (2 * symbols.astype(np.int64) - 1))[:, 2 * MEMORY_BITS :]
    return np.stack([(products != 0).sum(axis=1), (products < 0).sum(axis=1), products.sum(axis=1)], axis=1)


def _energy(soft: SoftBits) -> Floats:
    wide = soft[:, 2 * MEMORY_BITS :].astype(np.float32)
    energy: Floats = np.einsum("ij,ij->i", wide, wide).astype(np.float64)
    return energy


def _level(total: npt.NDArray[np.int64], energy: Floats, count: npt.NDArray[np.int64], rate: float) -> Floats:
    number = np.maximum(count, 1)
    mean = np.abs(total.astype(np.float64)) / number
    variance = energy / number - mean**2
    least = np.maximum(1e-2 * mean**2, 1e-9)  # hard decisions have none
    ratio = np.maximum(mean**2, 1e-9) / np.maximum(variance, least) / (2 * rate)
    return np.where(count >= LEAST_SYMBOLS, 10 * np.log10(ratio), np.nan)
