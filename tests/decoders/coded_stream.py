"""Soft bits of any coded downlink in white noise, by the simulator's encoders."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim.coding import add_parity
from sim.downlink import ChannelCoder
from sim.framing import vcdu_header
from sim.modes import mode_named

# Interleave, basis and bytes of a VCDU, as the facts about each downlink give them.
FRAMING = {
    "metop_ahrpt": (4, True, 892),
    "jpss_hrd": (4, True, 892),
    "noaa21_hrd": (5, True, 1115),
    "gk2a_lrit": (4, True, 892),
    "m2_72k": (4, False, 892),
    "72k": (4, False, 892),
}
RATES = {"metop_ahrpt": 3 / 4}
MEAN_SOFT = 40.0


def sent_cadus(
    name: str, count: int, *, scid: int, vcid: int = 9, first_counter: int = 1000, seed: int = 1
) -> list[bytes]:
    """CADUs, derandomised, of random bytes."""
    rng = np.random.default_rng(seed)
    interleave, dual, size = FRAMING[name]
    vcdus = [
        vcdu_header(scid, vcid, (first_counter + k) % (1 << 24)) + rng.bytes(size - 6) for k in range(count)
    ]
    blocks = add_parity(vcdus, interleave, dual=dual)
    return [block if len(block) % 255 else b"\x1a\xcf\xfc\x1d" + block for block in blocks]


def coded_bits(name: str, cadus: Sequence[bytes], *, seed: int = 1) -> NDArray[np.uint8]:
    """Bits of the channel symbols."""
    frames = np.frombuffer(b"".join(cadus), np.uint8).reshape(len(cadus), -1)
    return ChannelCoder(mode_named(name), np.random.SeedSequence(seed)).process(frames)


def received(
    name: str, bits: NDArray[np.uint8], ebn0_db: float, rng: np.random.Generator
) -> NDArray[np.int8]:
    """int8 soft bits; `ebn0_db` per information bit out of the inner decoder."""
    deviation = math.sqrt(0.5 / RATES.get(name, 0.5) / 10 ** (ebn0_db / 10))
    noisy = 2.0 * bits - 1.0 + rng.normal(scale=deviation, size=bits.size)
    return np.clip(np.rint(MEAN_SOFT * noisy), -127, 127).astype(np.int8)
