"""False frames: from noise, and from frames with valid markers whose codewords are hurt beyond correction.

    python tests/figures/false_frames.py [--bits 1e9] [--frames 1e5] [--seed 1] [--parts noise,hurt]

Noise: random soft bits through inner decoder, frame sync, Reed-Solomon and second try of every protected
chain, and through the frame sync of the unprotected ones. The random bits are shared out evenly. Hurt: frames
of random content in turn of each protected mode, between the markers as sent, with 17 to 40 wrong bytes in
every codeword at random places (for half of them the soft bits of the wrong bytes are weak, so that erasures
find them), go through first and second try as the frame sync gives them. A frame is false when it comes out
good and is not the one that was sent.

The bound is computed beside; exit status 1 when a false frame came out.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from decoders.coding.codeblock import PROVEN
from decoders.coding.randomiser import randomise
from decoders.coding.reed_solomon import TO_DUAL
from decoders.coding.viterbi import encode
from decoders.downlink import Mode, load_downlink
from decoders.framing.frame_sync import FrameFinder
from decoders.framing.frames import FrameDecoder
from decoders.framing.marker_search import SEARCH_DISTANCE, SEARCH_STRENGTH
from decoders.framing.uncoded_sync import MOST_FALSE_PAIRS
from sim.coding import add_parity
from sim.framing import vcdu_header

PROTECTED = ("meteor_m2_lrpt_72k", "meteor_lrpt_72k", "metop_ahrpt", "jpss_hrd", "noaa21_hrd", "gk2a_lrit")
UNPROTECTED = ("noaa_hrpt", "meteor_hrpt")
BLOCK_SOFT = 1 << 20
FEWEST_WRONG, MOST_WRONG = 17, 40


@dataclass
class Count:
    """What came of one chain: bits or frames put in, places located, good frames that are false."""

    put_in: int = 0
    located: int = 0
    false: int = 0


def noise(kind: int, size: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """Random soft bits: Gaussian, as a demodulator without a signal gives them; hard; of any size."""
    if kind == 0:
        return np.clip(np.rint(rng.normal(scale=30, size=size)), -127, 127).astype(np.int8)
    if kind == 1:
        return np.where(rng.integers(0, 2, size) > 0, 64, -64).astype(np.int8)
    return rng.integers(-127, 128, size, dtype=np.int8)


def from_noise(name: str, bits: int, rng: np.random.Generator) -> Count:
    """Noise of so many decoded bits through a chain."""
    (mode,) = load_downlink(name).modes
    decoder, count = FrameDecoder(mode), Count()
    per_bit = mode.soft_bits_per_symbol / mode.information_bits_per_symbol
    while count.put_in < bits:
        size = int(min(BLOCK_SOFT, (bits - count.put_in) * per_bit + 2))
        frames = decoder.process(noise(count.put_in % 3, size, rng))
        count.put_in += max(1, int(size / per_bit))
        count.located += len(frames)
        count.false += sum(frame.good for frame in frames)
    count.false += sum(frame.good for frame in decoder.flush())
    return count


def sent_frame(mode: Mode, number: int, rng: np.random.Generator) -> bytes:
    """A frame's block with parity, derandomised."""
    scid = mode.scids[0] if mode.scids else 0
    vcdu = vcdu_header(scid, 5, number) + rng.bytes(mode.vcdu_bytes - 6)
    return add_parity([vcdu], mode.rs_interleave, dual=mode.rs_basis == "dual")[0][-mode.block_bytes :]


def hurt_bits(
    mode: Mode, block: bytes, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The wire bits of a frame behind its marker, and which of its bytes are wrong."""
    wire = randomise(np.frombuffer(block, dtype=np.uint8), mode.randomiser)
    wrong = np.zeros((255, mode.rs_interleave), dtype=bool)
    for word in range(mode.rs_interleave):
        count = rng.integers(FEWEST_WRONG, MOST_WRONG + 1)
        wrong[rng.choice(255, count, replace=False), word] = True
    flat = wrong.reshape(-1)
    wire = wire.copy()
    wire[flat] ^= rng.integers(1, 256, int(flat.sum())).astype(np.uint8)
    return np.unpackbits(wire), flat


def stream_of(
    mode: Mode, blocks: list[bytes], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Bits and soft bits of hurt frames with valid markers, one after the other."""
    bits, weak = [], []
    for number, block in enumerate(blocks):
        inside, wrong = hurt_bits(mode, block, rng)
        bits += [mode.marker_pattern, inside]
        weak += [np.zeros(mode.marker_bits, dtype=bool), np.repeat(wrong, 8) & (number % 2 == 0)]
    stream = np.concatenate(bits)
    levels = np.bitwise_xor.accumulate(stream) if mode.differential == "nrz-m" else stream
    size = np.where(np.repeat(np.concatenate(weak), 2), rng.integers(0, 12, 2 * stream.size), 40)
    noisy = (2.0 * encode(levels) - 1) * size + rng.normal(scale=6, size=2 * stream.size)
    return stream, np.clip(np.rint(noisy), -127, 127).astype(np.int8)


def from_hurt(name: str, frames: int, rng: np.random.Generator) -> Count:
    """So many hurt frames through frame sync and both tries, which may take as long as they will."""
    (mode,) = load_downlink(name).modes
    count = Count()
    while count.put_in < frames:
        blocks = [sent_frame(mode, count.put_in + k, rng) for k in range(min(50, frames - count.put_in))]
        stream, soft = stream_of(mode, blocks, rng)
        with patch("decoders.coding.allowance.MOST_SAVED", math.inf):
            finder = FrameFinder(mode)
            found = [*finder.process(stream, soft), *finder.flush()]
        count.put_in += len(blocks)
        count.located += len(found)
        count.false += sum(one.block.proven and joined(mode, one.block.words) not in blocks for one in found)
    return count


def joined(mode: Mode, words: NDArray[np.uint8]) -> bytes:
    """The block of codewords, in the basis of the downlink."""
    return (TO_DUAL[words] if mode.rs_basis == "dual" else words).T.tobytes()


def bound_from_noise(mode: Mode, bits: float) -> float:
    """Expected false frames of that much noise at the most; see `frame_sync` and `uncoded_sync`."""
    if not mode.protected:
        return bits * MOST_FALSE_PAIRS
    alike = 2 * sum(_binomial(mode.marker_bits, k) for k in range(SEARCH_DISTANCE + 1)) / 2**mode.marker_bits
    alike += 2 * np.exp(-(SEARCH_STRENGTH**2) / 2)
    return float(bits * alike * (2 * PROVEN) ** mode.rs_interleave)


def bound_from_hurt(mode: Mode, frames: float) -> float:
    """One word false by either try, and the others hurt beyond correction or not, as it may be.

    Frames in which all words are hurt, as here, need all of them to come out false; but a bound must hold for
    frames too in which the others are right.
    """
    return float(frames * mode.rs_interleave * 2 * PROVEN)


def _binomial(n: int, k: int) -> float:
    return float(np.prod([(n - i) / (i + 1) for i in range(k)]))


def rows(parts: list[str], bits: float, frames: float, seed: int) -> Iterator[tuple[str, Count, float]]:
    """A line of the table: what, counts, bound."""
    modes = {name: load_downlink(name).modes[0] for name in (*PROTECTED, *UNPROTECTED)}
    for number, name in enumerate(modes if "noise" in parts else ()):
        count = from_noise(name, int(bits / len(modes)), np.random.default_rng([seed, 1, number]))
        yield f"noise bits, {name}", count, bound_from_noise(modes[name], count.put_in)
    for number, name in enumerate(PROTECTED if "hurt" in parts else ()):
        count = from_hurt(name, int(frames / len(PROTECTED)), np.random.default_rng([seed, 2, number]))
        yield f"hurt frames, {name}", count, bound_from_hurt(modes[name], count.put_in)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--bits", type=float, default=1e9)
    parser.add_argument("--frames", type=float, default=1e5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", default="noise,hurt")
    wanted = parser.parse_args()
    false = 0
    print(f"{'':36} {'put in':>12} {'located':>9} {'false':>6} {'at most expected':>17}")
    for what, count, bound in rows(wanted.parts.split(","), wanted.bits, wanted.frames, wanted.seed):
        false += count.false
        print(f"{what:36} {count.put_in:12d} {count.located:9d} {count.false:6d} {bound:17.1e}", flush=True)
    return int(false > 0)


if __name__ == "__main__":
    sys.exit(main())
