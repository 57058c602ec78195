"""METEOR-M2 3, 2026-02-14: our counts against the pictures that SatDump made of the same frames.

    python tests/figures/m2_3_against_satdump.py [--transforms] [FOLDER]

FOLDER holds meteor_m2-x_lrpt.cadu and MSU-MR-1.png, -2.png, -4.png. With --transforms the packets are decoded
once more by the plain codec with SatDump's integer transform, to see how much of the difference it explains.

What SatDump (1.2.2, by its source and by these pictures) does otherwise:
- its inverse transform is the integer one of the MPEG-2 reference decoder, which cuts fractions on the way
  and so rounds otherwise in about 8 of 1000 samples, by 1; with that transform every sample here is equal;
- it joins packets across lost frames, so that the columns behind the break hold noise; we mark them damaged;
- a picture begins with the channel's own first strip, and its last strip is left out, so the pictures of two
  channels may lie one strip apart (here 4 against 1 and 2); our channels share one origin.
Nothing is stretched or filled in ("Filled" is another product). It does not correct parity bytes: the 72
frames of the file that are not clean have errors in the parity only.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from decoders.coding.reed_solomon import decode_words, join_block, split_block
from decoders.framing.packets import Packet, PacketAssembler
from decoders.instruments.msu_mr import GOOD, MISSING, MsuMrAssembler, MsuMrImage
from decoders.instruments.msu_mr_codec import read_coefficients

FOLDER = Path(__file__).parents[3] / "shared/data/lrpt/meteor-m2-3_2026-02-14"
CADU_BYTES, VCDU_BYTES, MARKER_BYTES, STRIP_LINES, BLOCK = 1024, 892, 4, 8, 8
CHANNELS = (1, 2, 4)


@dataclass(frozen=True)
class Comparison:
    """One channel: `shift` is our line where their picture begins; `only_ours` counts within theirs."""

    channel: int
    lines: int
    their_lines: int
    shift: int
    both: int
    textured: int
    equal: int
    largest_difference: int
    only_theirs: int
    only_theirs_missing: int
    only_ours: int

    @property
    def equal_share(self) -> float:
        return self.equal / max(self.textured, 1)


def clean_frames(cadus: bytes) -> list[bytes]:
    """The corrected frames of 892 bytes whose four codewords decode."""
    frames = []
    for start in range(0, len(cadus), CADU_BYTES):
        block = np.frombuffer(cadus, np.uint8, CADU_BYTES - MARKER_BYTES, start + MARKER_BYTES)
        words, errors = decode_words(split_block(block, interleave=4, basis="conventional"))
        if min(errors) >= 0:
            frames.append(bytes(join_block(words, basis="conventional")[:VCDU_BYTES]))
    return frames


def packets_of(frames: list[bytes]) -> list[Packet]:
    assembler = PacketAssembler()
    return assembler.process(frames) + assembler.flush()


def picture(packets: list[Packet]) -> MsuMrImage:
    assembler = MsuMrAssembler()
    assembler.process(packets)
    image = assembler.finish()
    if image is None:
        raise SystemExit("no picture came out")
    return image


def compare(image: MsuMrImage, channel: int, theirs: NDArray[np.uint8]) -> Comparison:
    """Compares at the shift, in whole strips, where most samples are equal."""
    shifts = range(-2 * STRIP_LINES, 3 * STRIP_LINES, STRIP_LINES)
    results = [_compare_at(image, channel, theirs, shift) for shift in shifts]
    return max(results, key=lambda result: result.equal_share)


def _compare_at(image: MsuMrImage, channel: int, theirs: NDArray[np.uint8], shift: int) -> Comparison:
    height = len(image.line_time_s)
    placed = np.zeros((height, theirs.shape[1]), np.int16)
    begin, end = max(shift, 0), min(shift + len(theirs), height)
    placed[begin:end] = theirs[begin - shift : end - shift]
    ours, quality = image.counts[channel].astype(np.int16), image.quality[channel]
    both = (quality == GOOD) & (placed > 0)
    textured = both & _textured(ours)
    equal = textured & (ours == placed)
    return Comparison(
        channel=channel,
        lines=height,
        their_lines=len(theirs),
        shift=shift,
        both=int(both.sum()),
        textured=int(textured.sum()),
        equal=int(equal.sum()),
        largest_difference=int(np.abs(ours - placed)[both].max(initial=0)),
        only_theirs=int(((quality != GOOD) & (placed > 0)).sum()),
        only_theirs_missing=int(((quality == MISSING) & (placed > 0)).sum()),
        only_ours=int(((quality == GOOD) & (ours > 0) & (placed == 0))[begin:end].sum()),
    )


def _textured(counts: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Samples of 8x8 blocks that are not of one value."""
    blocks = counts.reshape(counts.shape[0] // BLOCK, BLOCK, counts.shape[1] // BLOCK, BLOCK)
    varied = np.ptp(blocks, axis=(1, 3)) > 0
    return np.repeat(np.repeat(varied, BLOCK, 0), BLOCK, 1)


def integer_transform(blocks: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The integer inverse transform of the MPEG-2 reference decoder (Wang 1984), on blocks [n, 8, 8].

    Constants are 2048 sqrt(2) cos(k pi/16); rows keep 3 bits of fraction, columns 14 minus 3.
    """
    rows = _integer_pass(np.moveaxis(blocks, 2, 0), up=11, half=128, inner=0, down=8)
    # A row without alternating parts is exact: 8 times its mean.
    flat = ~np.any(blocks[:, :, 1:], axis=2)
    rows = np.where(flat[None], blocks[:, :, 0][None] << 3, rows)
    columns = _integer_pass(np.moveaxis(rows, 2, 0), up=8, half=8192, inner=3, down=14)
    # columns: [v-sample, u, n] after the first axis was the vertical frequency
    return np.clip(np.moveaxis(columns, 2, 0) + 128, 0, 255).astype(np.uint8)


def _integer_pass(f: NDArray[np.int64], *, up: int, half: int, inner: int, down: int) -> NDArray[np.int64]:
    """Eight samples from eight frequencies along the first axis; products lose `inner` bits of fraction."""
    w = [round(2048 * np.sqrt(2) * np.cos(k * np.pi / 16)) for k in range(8)]
    rounding = 4 if inner else 0

    def turn(a: NDArray[np.int64], b: NDArray[np.int64], p: int, q: int) -> tuple[NDArray[np.int64], ...]:
        common = w[q] * (a + b) + rounding
        return (common + (w[p] - w[q]) * a) >> inner, (common - (w[p] + w[q]) * b) >> inner

    def diagonal(a: NDArray[np.int64]) -> NDArray[np.int64]:
        return (181 * a + 128) >> 8

    # Odd half: frequencies 1, 7 and 5, 3.
    o1, o7 = turn(f[1], f[7], 1, 7)
    common = w[3] * (f[5] + f[3]) + rounding
    o5, o3 = (common - (w[3] - w[5]) * f[5]) >> inner, (common - (w[3] + w[5]) * f[3]) >> inner
    # Even half: 0, 4 and 2, 6.
    mean, quarter = (f[0] << up) + half, f[4] << up
    e2, e6 = turn(f[2], f[6], 2, 6)
    outer, middle = mean + quarter, mean - quarter
    even = (outer + e2, middle + e6, middle - e6, outer - e2)
    sum_15, sum_73 = o1 + o5, o7 + o3
    turned, crossed = diagonal((o1 - o5) + (o7 - o3)), diagonal((o1 - o5) - (o7 - o3))
    odd = (sum_15, turned, crossed, sum_73)
    ahead = [e + o for e, o in zip(even, odd, strict=True)]
    behind = [e - o for e, o in zip(even, odd, strict=True)]
    return np.stack([*ahead, *behind[::-1]]) >> down


def with_integer_transform(packets: list[Packet]) -> MsuMrImage:
    """The same picture with the counts of the integer transform."""
    from decoders.instruments import msu_mr

    kernel = msu_mr.decode_packet

    def decode(scan: bytes, quality: int, counts: NDArray[np.uint8]) -> tuple[int, int]:
        coefficients, bits = read_coefficients(scan, quality)
        for number, block in enumerate(integer_transform(coefficients)):
            counts[:, number * BLOCK : (number + 1) * BLOCK] = block
        return len(coefficients), bits

    msu_mr.decode_packet = decode
    try:
        return picture(packets)
    finally:
        msu_mr.decode_packet = kernel


def show(title: str, image: MsuMrImage, folder: Path) -> None:
    print(title)
    print("channel  lines (theirs)  shift  both hold  textured     equal     share  largest  only theirs")
    for channel in CHANNELS:
        r = compare(image, channel, np.asarray(Image.open(folder / f"MSU-MR-{channel}.png")))
        print(
            f"{r.channel:7d}  {r.lines:5d} ({r.their_lines:6d})  {r.shift:5d}  {r.both:9d}  {r.textured:8d}  "
            f"{r.equal:8d}  {100 * r.equal_share:6.3f} %  {r.largest_difference:5d}  {r.only_theirs:11d}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--transforms", action="store_true", help="also with the integer transform")
    arguments = parser.parse_args()
    cadus = (arguments.folder / "meteor_m2-x_lrpt.cadu").read_bytes()
    frames = clean_frames(cadus)
    print(f"{len(frames)} of {len(cadus) // CADU_BYTES} frames decode")
    packets = packets_of(frames)
    image = picture(packets)
    print(f"{image.start} to {image.end}, {image.report.strips} strips, {image.report.strips_lost} lost")
    show("exact transform (T.81 A.3.3), rounded to nearest", image, arguments.folder)
    if arguments.transforms:
        theirs = with_integer_transform(packets)
        show("integer transform of the MPEG-2 reference decoder", theirs, arguments.folder)


if __name__ == "__main__":
    main()
