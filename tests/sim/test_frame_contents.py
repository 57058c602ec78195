"""Frames and packets of the other downlinks, field by field against their descriptions."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from binascii import crc_hqx
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sim.avhrr import avhrr_line
from sim.content import content_of
from sim.framing import CaduFrames, FrameMaker, close_frames
from sim.hrpt import HrptFrames, auxiliary_sync, byte_words, frame_sync
from sim.jpss import jpss
from sim.link_test import request_of
from sim.meteor_hrpt import BISM, MSU_MR, MTVZA, TELEMETRY, MeteorHrptFrames
from sim.modes import MODES
from sim.space_packets import cds_time

EPOCH = datetime(2026, 3, 1, 23, 59, 58, tzinfo=UTC).timestamp()
SEED = np.random.SeedSequence(3)


def _words(count: int) -> NDArray[np.uint16]:
    frames = HrptFrames(EPOCH, SEED).take([k / 6 for k in range(count)])
    return np.stack([np.frombuffer(frame.cadu, ">u2") for frame in frames])


def test_sync_words_equal_published_vectors(shared_vectors: Path) -> None:
    vector = json.loads((shared_vectors / "hrpt.json").read_text())
    assert frame_sync().tolist() == vector["frame_sync_words_10bit"]
    assert auxiliary_sync().tolist() == vector["aux_sync_words_10bit"]
    words = _words(1)[0]
    assert words.size == 11_090
    assert words.max() < 1024
    assert words[:6].tolist() == [0x284, 0x16F, 0x35C, 0x19D, 0x20F, 0x095]
    assert words[10_990:].tolist() == vector["aux_sync_words_10bit"]


def test_minor_frames_count_and_tell_the_time() -> None:
    words = _words(30).astype(np.int64)
    minor = words[:, 6] >> 7 & 3
    assert np.array_equal(np.diff(minor) % 3, np.ones(29))
    assert set(minor) == {1, 2, 3}
    assert np.all(words[:, 6] >> 3 & 15 == 15)  # NOAA-19
    day, ms = words[:, 8] >> 1, (words[:, 9] & 127) << 20 | words[:, 10] << 10 | words[:, 11]
    assert np.all(words[:, 9] >> 7 == 0b101)
    seconds = day * 86_400 + ms / 1000 - 60 * 86_400 - 86_398  # 1 March is day 60
    assert np.allclose(seconds, np.arange(30) / 6, atol=1.1e-3)


def test_thermometers_come_in_turn() -> None:
    words = _words(20)
    zeros = np.flatnonzero((words[:, 17:20] == 0).all(axis=1))
    assert np.all(np.diff(zeros) == 5)
    rest = np.delete(words[:, 17:20], zeros, axis=0)
    assert rest.min() > 200
    assert rest.max() < 240


def test_telemetry_words_carry_parity_and_inverse() -> None:
    words = _words(6)
    part = words[:, 103:623].astype(np.int64)
    ones = np.array([[int(w >> 1).bit_count() for w in row] for row in part])
    assert np.all(ones % 2 == 0)
    assert np.array_equal(part & 1, 1 - (part >> 9))
    assert byte_words(b"\x80\x01").tolist() == [0b1000000010, 0b0000000111]
    first = part[(words[:, 6] >> 7 & 3) == 1]
    tip = (first >> 2).reshape(-1, 5, 104)
    assert np.all(tip[:, :, :2] == [0xED, 0xE2])
    count = (tip[:, :, 4] & 1) << 8 | tip[:, :, 5]
    assert np.all(np.diff(count.reshape(-1)) % 320 == 1)


def test_telemetry_tells_the_time_once_in_320_frames() -> None:
    times = [k / 6 for k in range(3 * 64 + 3)]
    found = 0
    for time, frame in zip(times, HrptFrames(EPOCH, SEED).take(times), strict=True):
        words = np.frombuffer(frame.cadu, ">u2").astype(np.int64)
        if words[6] >> 7 & 3 != 1:
            continue
        tip = (words[103:623] >> 2).reshape(5, 104)
        for row in tip[((tip[:, 4] & 1) << 8 | tip[:, 5]) == 0]:
            value = int.from_bytes(bytes(row[8:13].tolist()), "big")
            seconds = (value >> 31) * 86_400 + (value & (1 << 27) - 1) / 1000
            assert seconds == pytest.approx(60 * 86_400 + 86_398 + time, abs=0.002)
            found += 1
    assert found >= 1


def test_video_has_a_texture_that_moves() -> None:
    words = _words(3)
    video = words[:, 750:10_990].reshape(3, 2048, 5)
    assert np.all(video.std(axis=1) > 50)
    assert not np.array_equal(video[0], video[1])
    assert np.corrcoef(video[0, :, 3], video[1, :, 3])[0, 1] > 0.98


def _meteor(count: int) -> NDArray[np.uint8]:
    frames = MeteorHrptFrames(EPOCH, SEED).take([k / 81.2256 for k in range(count)])
    return np.stack([np.frombuffer(frame.cadu, np.uint8) for frame in frames])


def test_meteor_streams_lie_in_their_places() -> None:
    data = _meteor(60)
    assert np.all(data[:, :4] == [0x1A, 0xCF, 0xFC, 0x1D])
    assert (TELEMETRY.size, BISM.size, MTVZA.size, MSU_MR.size) == (2, 16, 32, 948)
    used = np.concatenate([np.arange(4), TELEMETRY, BISM, MTVZA, MSU_MR])
    assert np.unique(used).size == used.size == 1002
    assert np.array_equal(data[37:, TELEMETRY], data[:-37, TELEMETRY])
    for places, sync, size in (
        (BISM, "71de2cd8", 88),
        (MTVZA, "fb386a45", 248),
        (MSU_MR, "0218a7a392dd9abf", 11_850),
    ):
        stream = data[:, places].tobytes()
        first = stream.index(bytes.fromhex(sync))
        assert first < size
        starts = range(first, len(stream) - 8, size)
        assert all(stream[k : k + len(sync) // 2] == bytes.fromhex(sync) for k in starts)


def test_meteor_lines_tell_moscow_time_and_hold_the_picture() -> None:
    stream = _meteor(60)[:, MSU_MR].tobytes()
    first = stream.index(bytes.fromhex("0218a7a392dd9abf"))
    line = stream[first : first + 11_850]
    assert line[12] >> 4 == 3  # METEOR-M2 3
    seconds = (line[8] * 60 + line[9]) * 60 + line[10] + line[11] / 255
    begins = first / (948 * 81.2256)
    assert (seconds - begins - (2 * 3600 + 59 * 60 + 57)) % 86_400 == pytest.approx(1, abs=0.02)
    bits = np.unpackbits(np.frombuffer(line[50:11_840], np.uint8)).reshape(393, 6, 4, 10)
    counts = (bits @ (1 << np.arange(9, -1, -1))).transpose(1, 0, 2).reshape(6, -1)
    assert counts.shape == (6, 1572)
    assert np.abs(np.diff(counts[4])).mean() < 30  # neighbours look alike
    assert counts[4].std() > 80
    assert np.array_equal(counts[5], 1023 - counts[4])


def _frames(mode: str, count: int) -> list[bytes]:
    request = request_of(mode, frames=count, ebn0_db=9.0)
    data = MODES[mode]
    packets = content_of(request).packets(-0.02, count * data.frame_period_s)
    stream = CaduFrames(data, packets, 5, 6)
    return [frame.cadu for frame in stream.take([k * data.frame_period_s for k in range(count)])]


def _packets(frames: list[bytes], mode: str, vcid: int) -> list[bytes]:
    """Whole packets of a virtual channel, by the first header pointers."""
    layout = MODES[mode]
    head = 4 + 6 + layout.insert_zone_bytes
    out: list[bytes] = []
    stream: bytes | None = None
    for frame in frames:
        if frame[5] & 63 != vcid:
            continue
        pointer = int.from_bytes(frame[head : head + 2], "big")
        zone = frame[head + 2 : head + 2 + layout.zone_bytes]
        if pointer < 2046:
            out += _cut((stream or b"") + zone[:pointer]) if stream is not None else []
            stream, zone = b"", zone[pointer:]
        stream = None if stream is None else stream + zone
    return out + _cut(stream or b"")


def _cut(stream: bytes) -> list[bytes]:
    """Packets end to end, up to zeros or an unfinished one."""
    out = []
    while any(stream[:6]) and len(stream) >= (size := int.from_bytes(stream[4:6], "big") + 7):
        out.append(stream[:size])
        stream = stream[size:]
    return out


def _apid(packet: bytes) -> int:
    return int.from_bytes(packet[:2], "big") & 2047


@pytest.mark.parametrize(
    ("mode", "size", "zone", "scid"),
    [
        ("metop_ahrpt", 1024, 882, 11),
        ("jpss_hrd", 1024, 884, 159),
        ("noaa21_hrd", 1279, 1094, 177),
        ("gk2a_lrit", 1024, 884, 195),
    ],
)
def test_frames_have_the_layout_of_their_satellite(mode: str, size: int, zone: int, scid: int) -> None:
    frames = _frames(mode, 200)
    assert {len(frame) for frame in frames} == {size}
    assert MODES[mode].zone_bytes == zone
    assert {(frame[4] << 8 | frame[5]) >> 6 & 255 for frame in frames} == {scid}
    assert {frame[4] >> 6 for frame in frames} == {1}


def test_metop_sends_six_lines_a_second_and_idles_a_fifth() -> None:
    frames = _frames("metop_ahrpt", 1282)  # three seconds
    vcids = np.array([frame[5] & 63 for frame in frames])
    assert {3, 9, 10, 12, 15, 24, 63} <= set(vcids.tolist())
    assert 0.1 < np.mean(vcids == 63) < 0.3
    assert np.mean(vcids == 9) == pytest.approx(6 * 12_966 / (427.2 * 882), abs=0.04)
    packets = _packets(frames, "metop_ahrpt", 9)
    assert {(_apid(p), len(p)) for p in packets} == {(103, 12_966)}
    assert len(packets) in (17, 18, 19, 20)
    numbers = [int.from_bytes(p[2:4], "big") & 16_383 for p in packets]
    assert np.all(np.diff(numbers) % 16_384 == 1)
    bits = np.unpackbits(np.frombuffer(packets[0][20:-2], np.uint8))[: 10_355 * 10].reshape(-1, 10)
    words = bits @ (1 << np.arange(9, -1, -1))
    line = avhrr_line(numbers[0], 103)
    assert np.array_equal(words[55:10_295].reshape(2048, 5), line.earth)
    assert np.array_equal(words[10_297:10_300], line.prt)
    assert np.array_equal(words[10_305:].reshape(10, 5)[:, 2:], line.target)


def test_times_equal_published_vectors(shared_vectors: Path) -> None:
    vectors = json.loads((shared_vectors / "ccsds_misc.json").read_text())["cds_time"]
    for vector in vectors:
        posix = datetime.fromisoformat(vector["utc"]).replace(tzinfo=UTC).timestamp()
        days = int(posix // 86_400) - vector["days"]
        assert cds_time(posix, days).hex() == vector["hex"]


def test_jpss_frames_carry_viirs_and_the_attitude() -> None:
    frames = _frames("jpss_hrd", 4000)
    vcids = [frame[5] & 63 for frame in frames]
    assert vcids.count(16) / len(vcids) == pytest.approx(0.8, abs=0.05)
    packets = _packets(frames, "jpss_hrd", 16)
    assert {_apid(p) for p in packets} == set(range(800, 824))


@pytest.mark.parametrize(("apid", "detectors"), [(800, 16), (813, 32)])
def test_a_viirs_scan_is_a_time_and_a_packet_for_each_detector(apid: int, detectors: int) -> None:
    (made,) = [one for one in jpss(159, 15e6, 0.86) if one.apid == apid]
    rng, first = np.random.default_rng(1), 3 * (detectors + 1)
    scan = [made.packet(first + k, EPOCH, rng) for k in range(detectors + 1)]
    assert [p[2] >> 6 for p in scan] == [1, *[0] * (detectors - 1), 2]
    assert [p[0] >> 3 & 1 for p in scan] == [1, *[0] * detectors]  # one time for the scan
    assert [p[6 + 19] for p in scan[1:]] == list(range(detectors))
    numbers = [int.from_bytes(p[2:4], "big") & 16_383 for p in scan]
    assert numbers[-1] == numbers[0] + scan[0][6 + 8] + 2


def test_attitude_packets_tell_the_orbit() -> None:
    (made,) = [one for one in jpss(177, 25e6, 0.85) if one.apid == 11]
    packet = made.packet(0, EPOCH, np.random.default_rng(1))
    assert len(packet) == made.packet_bytes == 71
    data = packet[6:]
    assert data[8] == 177
    assert data[:8] == data[9:17] == data[41:49]
    values = struct.unpack(">6f", data[17 : 17 + 24]) + struct.unpack(">4f", data[49:65])
    assert np.hypot(*values[0:3:2]) == pytest.approx(7.2e6)
    assert np.sum(np.square(values[6:])) == pytest.approx(1)


def test_a_zone_that_a_file_ends_is_filled_and_sent() -> None:
    maker = FrameMaker(mode=MODES["gk2a_lrit"])
    maker.push(b"\x01" * 900, 0)
    maker.end(0)
    frames = close_frames([maker.slot(), maker.slot(), maker.slot()], maker.mode)
    assert [frame.vcid for frame in frames] == [0, 0, 63]
    assert frames[1].cadu[12 : 12 + 884] == b"\x01" * 16 + bytes(868)


def test_gk2a_files_are_whole() -> None:
    frames = _frames("gk2a_lrit", 120)
    files: dict[int, bytes] = {}
    whole = []
    for packet in _packets(frames, "gk2a_lrit", 0):
        user, crc = packet[6:-2], int.from_bytes(packet[-2:], "big")
        assert crc_hqx(user, 0xFFFF) == crc
        flags, apid = packet[2] >> 6, _apid(packet)
        files[apid] = user if flags in (1, 3) else files.get(apid, b"") + user
        if flags in (2, 3):
            whole.append(files.pop(apid))
    assert whole
    for data in whole:
        bits = int.from_bytes(data[2:10], "big")
        file = data[10:]
        assert bits == 8 * len(file)
        kind, _, kind_of_file, header, size = struct.unpack(">BHBIQ", file[:16])
        assert (kind, kind_of_file) == (0, 0)
        assert size == 8 * (len(file) - header)
        assert Image.open(io.BytesIO(file[header:])).size == (2200, 220)
        records, at = {}, 0
        while at < header:
            length = int.from_bytes(file[at + 1 : at + 3], "big")
            records[file[at]] = file[at + 3 : at + length]
            at += length
        assert at == header
        assert set(records) == {0, 1, 2, 3, 4, 5, 7, 128}
        assert records[1] == struct.pack(">BHHB", 8, 2200, 220, 2)
        assert records[4].startswith(b"IMG_FD_047_")


def test_contents_follow_the_seed() -> None:
    digest = [hashlib.sha256(b"".join(_frames("metop_ahrpt", 20))).hexdigest() for _ in range(2)]
    assert digest[0] == digest[1]
