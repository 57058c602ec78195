"""LRPT soft bits in white noise, by the simulator's encoders, which share nothing with the decoder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.coding import INTERLEAVER_SPAN_BITS
from sim.downlink import ChannelCoder, mode_named
from sim.framing import FrameMaker, close_frames

# Names of modes here and in the simulator are the same.
MEAN_SOFT = 40.0


def sent_cadus(count: int, *, seed: int = 1, first_counter: int = 1000) -> list[bytes]:
    """Derandomised CADUs full of random packets."""
    rng = np.random.default_rng(seed)
    maker = FrameMaker(data_counter=first_counter)
    while maker.waiting_bytes < 882 * count:
        maker.push(b"\x08\x40" + bytes(2) + (199).to_bytes(2, "big") + rng.bytes(200))
    return [frame.cadu for frame in close_frames([maker.slot() for _ in range(count)])]


def coded_bits(mode: str, cadus: list[bytes], *, seed: int = 1) -> NDArray[np.uint8]:
    """Bits of the symbols; interleaved, other frames run before and behind, as in life."""
    coder = ChannelCoder(mode_named(mode), np.random.SeedSequence(seed))
    if not mode_named(mode).interleaved:
        return coder.process(_array(cadus))
    other = _array(beside())
    coder.process(other)
    return np.concatenate([coder.process(_array(cadus)), coder.process(other)])


def beside() -> list[bytes]:
    """What is on air before and behind the interleaved CADUs."""
    return sent_cadus(INTERLEAVER_SPAN_BITS // 16384 + 2, seed=99, first_counter=500_000)


def _array(cadus: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(cadus), np.uint8).reshape(-1, 1024)


def received(
    bits: NDArray[np.uint8], ebn0_db: float, rng: np.random.Generator, *, scale: float = MEAN_SOFT
) -> NDArray[np.int8]:
    """int8 soft bits; `ebn0_db` per information bit of the rate 1/2 code, G2 inverted as on air."""
    signs = 2.0 * bits - 1.0
    signs[1::2] *= -1
    noisy = signs + rng.normal(scale=np.sqrt(1 / 10 ** (ebn0_db / 10)), size=bits.size)
    return np.clip(np.rint(scale * noisy), -127, 127).astype(np.int8)
