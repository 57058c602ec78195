"""The image code: kernel and plain form agree on any bits. The first byte is the quality factor."""

from __future__ import annotations

import numpy as np
from harness import fuzz, instrumented
from lrpt import scans

with instrumented(comparisons=False):
    from decoders.instruments.msu_mr_codec import (
        BLOCK_SIDE,
        PACKET_COLUMNS,
        decode_packet,
        decode_packet_plain,
    )


def one_input(data: bytes) -> None:
    if not data:
        return
    fast, plain = (np.full((BLOCK_SIDE, PACKET_COLUMNS), 7, np.uint8) for _ in range(2))
    outcome = decode_packet(data[1:], data[0], fast)
    assert outcome == decode_packet_plain(data[1:], data[0], plain)
    assert (fast == plain).all()


def seeds() -> list[bytes]:
    return [bytes([quality]) + scan for quality in (1, 30, 80, 100) for scan in scans(28)[::9]]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(), longest=1500)
