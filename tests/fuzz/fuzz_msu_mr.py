"""Packets of the imager to pictures: the first byte chooses how time is sent, then follow space packets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

import numpy as np
from harness import fuzz, instrumented
from lrpt import START, sent_packets

with instrumented(comparisons=False):
    from decoders.framing.packets import Packet
    from decoders.instruments.msu_mr import GOOD, MsuMrAssembler

STARTS = (None, datetime.fromtimestamp(START, UTC))
WAYS = list(product(("utc", "moscow-no-day", "auto"), STARTS))
LONGEST = 12_000
LONGEST_PICTURE = 2001 * 8


def packets(data: bytes) -> Iterator[Packet]:
    """Space packets laid end to end; of the source, three bits count, so that most are the imager's."""
    while len(data) > 6:
        count, length = int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:6], "big") + 1
        body = data[6 : 6 + length]
        yield Packet(64 + data[1] % 8, count & 0x3FFF, count >> 14, body, missing_bytes=length - len(body))
        data = data[6 + length :]


def one_input(data: bytes) -> None:
    if not data:
        return
    kind, start = WAYS[data[0] % len(WAYS)]
    assembler = MsuMrAssembler(kind, start)
    assembler.process(packets(data[1:]))
    image = assembler.finish()
    if image is None:
        return
    lines = len(image.line_time_s)
    assert lines % 8 == 0
    assert 0 < lines <= LONGEST_PICTURE
    assert np.isfinite(image.line_time_s).all()
    for channel in image.channels:
        counts, quality = image.counts[channel], image.quality[channel]
        assert counts.shape == quality.shape == (lines, 1568)
        assert not counts[quality != GOOD].any()


def seeds() -> list[bytes]:
    sent = [
        sent_packets("METEOR-M2 4", 2),
        sent_packets("METEOR-M2", 3, (5,)),
        sent_packets("METEOR-M2 3", 1),
    ]
    texts = [b"".join(packets)[: LONGEST - 1] for packets in sent]
    return [bytes([way]) + text for way in range(len(WAYS)) for text in texts]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(), longest=LONGEST)
