"""Packets out of frames: published construction, split headers, gaps, idle data, and anything at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.framing.packets import FrameGap, PacketAssembler

ZONE = 882


def packet(apid: int, count: int, body: bytes, flags: int = 3) -> bytes:
    head = (0x0800 | apid).to_bytes(2, "big") + (flags << 14 | count).to_bytes(2, "big")
    return head + (len(body) - 1).to_bytes(2, "big") + body


def frames(
    stream: bytes, starts: list[int], *, first: int = 0, vcid: int = 5, zone: int = ZONE
) -> list[bytes]:
    """Cuts a packet stream into frames; `starts` are the places where packets begin."""
    out = []
    for number, begin in enumerate(range(0, len(stream), zone)):
        part = stream[begin : begin + zone].ljust(zone, b"\0")
        inside = [start - begin for start in starts if begin <= start < begin + zone]
        pointer = inside[0] if inside else 2047
        counter = (first + number) % (1 << 24)
        head = bytes([0x40, vcid]) + counter.to_bytes(3, "big") + b"\0"
        out.append(head + bytes(884 - zone) + pointer.to_bytes(2, "big") + part)
    return out


def stream_of(packets: list[bytes]) -> tuple[bytes, list[int]]:
    starts, position = [], 0
    for one in packets:
        starts.append(position)
        position += len(one)
    return b"".join(packets), starts


def lengths_of(lengths: list[int]) -> list[bytes]:
    return [packet(64 + i % 7, i, bytes((i + j) % 251 for j in range(n))) for i, n in enumerate(lengths)]


def content(packets) -> list[tuple]:
    return [(p.apid, p.count, p.flags, p.data, p.missing_bytes) for p in packets]


@pytest.mark.parametrize("index", [0, 1])
def test_published_construction(shared_vectors: Path, index: int):
    case = json.loads((shared_vectors / "ccsds_misc.json").read_text())["mpdu"][index]
    octets = []
    for i, row in enumerate(case["packets"]):
        head = row["apid"].to_bytes(2, "big")
        body_bytes = row["total_len"] - 6
        idle = row["apid"] == 2047
        body = bytes((j if idle else 17 * i + j) & 255 for j in range(body_bytes))
        octets.append((head, i, body, row["sha256"]))
    stream = b""
    for head, i, body, digest in octets:
        for sequence in ((3 << 14) | i, 3 << 14):
            whole = head + sequence.to_bytes(2, "big") + (len(body) - 1).to_bytes(2, "big") + body
            if hashlib.sha256(whole).hexdigest() == digest:
                stream += whole
                break
        else:
            pytest.fail(f"packet {i} of the vector cannot be rebuilt")
    zone = case["zone"]
    wire = []
    for number, row in enumerate(case["frames"]):
        part = stream[number * zone : (number + 1) * zone]
        assert hashlib.sha256(part).hexdigest() == row["zone_sha256"]
        head = bytes([0x40, 5]) + number.to_bytes(3, "big") + b"\0" + bytes(884 - zone)
        wire.append(head + row["first_header_pointer"].to_bytes(2, "big") + part)
    assembler = PacketAssembler(insert_zone_bytes=884 - zone)
    found = assembler.process(wire)
    expected = [(row["apid"], row["total_len"] - 6) for row in case["packets"] if row["apid"] != 2047]
    assert [(p.apid, len(p.data)) for p in found] == expected
    assert [p.data for p in found] == [body for head, _, body, _ in octets if head != b"\x07\xff"]
    assert assembler.report.packets_idle == 1
    assert assembler.report.bytes_skipped == 0


@pytest.mark.parametrize("cut", range(1, 6))
def test_header_split_over_two_frames(cut: int):
    packets = lengths_of([ZONE - 6 - cut, 300, 40])
    stream, starts = stream_of(packets)
    found = PacketAssembler().process(frames(stream, starts))
    assert [p.data for p in found] == [p[6:] for p in packets]


def test_packet_over_many_frames():
    packets = lengths_of([10, 5000, 20])
    found = PacketAssembler().process(frames(*stream_of(packets)))
    assert [p.data for p in found] == [p[6:] for p in packets]


def test_counter_wraps_without_a_gap():
    packets = lengths_of([400] * 12)
    assembler = PacketAssembler()
    assert len(assembler.process(frames(*stream_of(packets), first=(1 << 24) - 2))) == 12
    assert assembler.report.gaps == ()


def test_gap_keeps_the_head_and_resumes_at_the_pointer():
    packets = lengths_of([400] * 12)
    wire = frames(*stream_of(packets), first=100)
    assembler = PacketAssembler()
    found = assembler.process(wire[:2] + wire[3:])
    assert assembler.report.gaps == (FrameGap(5, 101, 1),)
    assert assembler.report.frames_lost == 1
    whole = [p for p in found if not p.missing_bytes]
    cut = [p for p in found if p.missing_bytes]
    assert [p.count for p in whole] == [0, 1, 2, 3, 7, 8, 9, 10, 11]
    assert [p.count for p in cut] == [4]
    assert packets[4][6:].startswith(cut[0].data)
    assert len(cut[0].data) + cut[0].missing_bytes == 400
    assert assembler.report.bytes_skipped == 7 * 406 - 3 * ZONE


def test_flush_gives_the_head_of_the_last_packet():
    stream, starts = stream_of(lengths_of([900]))
    assembler = PacketAssembler()
    assert assembler.process(frames(stream, starts)[:1]) == []
    (last,) = assembler.flush()
    assert (len(last.data), last.missing_bytes) == (ZONE - 6, 900 - (ZONE - 6))
    assert assembler.flush() == []


def test_zero_fill_idle_frames_and_repeats():
    packets = lengths_of([100, 100])
    (frame,) = frames(*stream_of(packets))
    idle = bytes([0x40, 63]) + frame[2:]
    other_version = bytes([0x00, 5]) + frame[2:]
    assembler = PacketAssembler()
    assert len(assembler.process([frame, frame, idle, other_version])) == 2
    report = assembler.report
    assert (report.frames, report.frames_repeated, report.frames_idle, report.frames_refused) == (4, 1, 1, 1)
    assert (report.packets, report.packets_idle) == (2, 1)


def test_counter_that_goes_back_loses_no_millions():
    packets = lengths_of([400] * 12)
    wire = frames(*stream_of(packets), first=100)
    assembler = PacketAssembler()
    found = assembler.process(wire[3:] + wire[:3])
    assert assembler.report.frames_lost == 0
    assert [gap.after for gap in assembler.report.gaps] == [105]
    assert {p.count for p in found if not p.missing_bytes} >= set(range(6)) | {8, 9, 10, 11}


def test_virtual_channels_do_not_mix():
    one, two = lengths_of([1000, 1000]), [packet(90, i, bytes([i]) * 1200) for i in range(2)]
    first, second = frames(*stream_of(one)), frames(*stream_of(two), vcid=6)
    mixed = [frame for pair in zip(first, second, strict=True) for frame in pair]
    found = PacketAssembler().process(mixed)
    assert [p.data for p in found if p.vcid == 5] == [p[6:] for p in one]
    assert [p.data for p in found if p.vcid == 6] == [p[6:] for p in two]


def test_wrong_length_is_refused():
    with pytest.raises(ValueError, match="a frame of 1024 bytes"):
        PacketAssembler().process([bytes(1024)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 2000), min_size=1, max_size=30), st.data())
def test_blocks_equal_whole(lengths: list[int], data: st.DataObject):
    wire = frames(*stream_of(lengths_of(lengths)))
    lost = data.draw(st.sets(st.integers(0, len(wire) - 1)))
    wire = [frame for number, frame in enumerate(wire) if number not in lost]
    at_once = PacketAssembler()
    expected = content(at_once.process(wire) + at_once.flush())
    cut = data.draw(st.integers(0, len(wire)))
    in_two = PacketAssembler()
    assert content(in_two.process(wire[:cut]) + in_two.process(wire[cut:]) + in_two.flush()) == expected
    assert in_two.report == at_once.report
    sent = {p[6:] for p in lengths_of(lengths)}
    assert all(octets in sent for *_, octets, missing in expected if not missing)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2047), st.binary(max_size=40)), max_size=8),
    st.randoms(),
)
def test_any_frames_are_taken(rows: list[tuple[int, int, bytes]], generator):
    """Whatever a frame holds: nothing raises, and no packet is longer than it says."""
    wire = []
    for step, pointer, start in rows:
        zone = start + generator.randbytes(ZONE - len(start))
        wire.append(
            bytes([0x40, 5, 0, 0, (len(wire) + step) & 255, 0, 0, 0]) + pointer.to_bytes(2, "big") + zone
        )
    assembler = PacketAssembler()
    found = assembler.process(wire) + assembler.flush()
    assert all(p.missing_bytes >= 0 and len(p.data) + p.missing_bytes <= 65536 for p in found)
    assert sum(len(p.data) for p in found) <= len(wire) * ZONE
