"""What the targets of files below the level of samples share: reading one to its end."""

from __future__ import annotations

from harness import file_named, instrumented

with instrumented(comparisons=False):
    from decoders.downlink import load_downlink
    from decoders.sources import open_source

PATH = file_named("input")


def read_frames(data: bytes, level: str, downlink: str = "meteor_lrpt_72k") -> None:
    """Frames of any input are whole, and those called good are proven."""
    PATH.write_bytes(data)
    chosen = load_downlink(downlink)
    mode = chosen.modes[0]
    whole = mode.frame_bits // 10 * 2 if mode.framing == "raw16" else mode.frame_bits // 8
    source = open_source(
        PATH,
        chosen,
        level=level,
        format=None,
        sample_rate=None,
        start=None,
        follow=False,
        tap=None,
    )
    try:
        for frames in source.frames():
            for frame in frames:
                # Without parity a frame is shorter.
                assert len(frame.cadu) == (4 + mode.vcdu_bytes if level == "vcdu" else whole)
                assert not frame.good or -1 not in frame.bytes_corrected
                assert frame.unprotected != mode.protected
                # The input may begin within a frame.
                assert -mode.frame_bits < frame.bit_index <= 64 * len(data) + 65_536
        assert all(isinstance(note, str) for note in source.facts.notes)
    finally:
        source.close()
