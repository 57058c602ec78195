"""Transfer frames to space packets: whole frames of any content, in one go and one by one."""

from __future__ import annotations

from harness import fuzz, instrumented
from lrpt import sent_vcdus

with instrumented():
    from decoders.framing.packets import VCDU_BYTES, PacketAssembler

MOST_FRAMES = 8


def one_input(data: bytes) -> None:
    frames = [data[k : k + VCDU_BYTES].ljust(VCDU_BYTES, b"\0") for k in range(0, len(data), VCDU_BYTES)]
    at_once, one_by_one = PacketAssembler(), PacketAssembler()
    packets = at_once.process(frames) + at_once.flush()
    assert packets == [p for f in frames for p in one_by_one.process([f])] + one_by_one.flush()
    report = at_once.report
    assert report == one_by_one.report
    assert (report.frames, report.packets) == (len(frames), len(packets))
    assert report.frames_lost >= 0
    for packet in packets:
        assert 0 <= packet.missing_bytes <= 65_536
        assert len(packet.data) <= 65_536 - packet.missing_bytes


def seeds() -> list[bytes]:
    frames = sent_vcdus(MOST_FRAMES)
    return [b"".join(frames[:2]), b"".join(frames), b"".join([*frames[:3], *frames[5:]])]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(), longest=MOST_FRAMES * VCDU_BYTES)
