"""NOAA's minor frames: words, header, parity, counters; files of 10-bit words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from decoders.decode import DecodeRequest, decode
from decoders.downlink import load_downlink
from decoders.errors import InputError
from decoders.framing.frame import make_unprotected_frame
from decoders.framing.minor_frames import FRAMES_PER_DAY, pack_words, read_minor_frame, unpack_words
from decoders.framing.uncoded_sync import UncodedFrame
from decoders.framing.virtual_channels import VirtualChannels

SYNC = (0x284, 0x16F, 0x35C, 0x19D, 0x20F, 0x095)
(MODE,) = load_downlink("noaa_hrpt").modes


def words_of(number: int, *, spacecraft: int = 13, day: int = 200, ms: int = 0, seed: int = 1) -> np.ndarray:
    """A minor frame by the table of the NOAA KLM user's guide."""
    words = np.random.default_rng(seed).integers(0, 1024, 11_090).astype(np.uint16)
    words[:6] = SYNC
    words[6] = number << 7 | spacecraft << 3 | 1
    words[8:12] = day << 1, 0b101 << 7 | ms >> 20, ms >> 10 & 1023, ms & 1023
    data = words[103:623] >> 2
    parity = np.array([value.bit_count() & 1 for value in data.tolist()], np.uint16)
    words[103:623] = data << 2 | parity << 1 | (~(data >> 7) & 1)
    return words


def test_the_marker_is_the_published_one(shared_vectors: Path) -> None:
    vector = json.loads((shared_vectors / "hrpt.json").read_text())
    assert pack_words(MODE.marker_pattern).tolist() == vector["frame_sync_words_10bit"] == list(SYNC)
    assert MODE.marker_value == int(vector["frame_sync_hex60"], 16)


def test_header_time_and_parity() -> None:
    words = words_of(1, ms=86_399_834, day=366)
    minor = read_minor_frame(unpack_words(words))
    assert np.array_equal(minor.words, words)
    assert (minor.number, minor.spacecraft, minor.day, minor.ms) == (1, 13, 366, 86_399_834)
    assert minor.counter == FRAMES_PER_DAY - 1
    assert (minor.parity_errors, minor.doubt) == (0, "")
    words[[110, 300]] ^= 0b10
    words[500] ^= 0b1
    assert read_minor_frame(unpack_words(words)).parity_errors == 3
    assert read_minor_frame(unpack_words(words_of(2))).parity_errors is None


@pytest.mark.parametrize(("word", "damaged"), [(8, 200 << 1 | 1), (9, 1), (8, 0x3FE)])
def test_a_damaged_time_code_is_told(word: int, damaged: int) -> None:
    words = words_of(3)
    words[word] = damaged
    minor = read_minor_frame(unpack_words(words))
    assert minor.counter is None
    assert "time code" in minor.doubt


@pytest.mark.parametrize(
    ("number", "has_time", "good"), [(0, False, False), (0, True, True), (2, False, True)]
)
def test_a_frame_without_number_and_time_is_not_good(number: int, has_time: bool, good: bool) -> None:
    """One of the two may be hurt; with neither right the bits are garbage between two markers."""
    words = words_of(number)
    words[9] = words[9] if has_time else 0
    found = UncodedFrame(0, unpack_words(words), good=True, state="", marker_errors=0, ebn0_db=None)
    frame = make_unprotected_frame(found, MODE)
    assert frame.good is good
    assert ("minor frame number 0" in frame.state) == (number == 0)


def test_too_few_bits_are_refused() -> None:
    for count in (6220, 6235):
        with pytest.raises(ValueError, match="no minor frame"):
            read_minor_frame(np.zeros(count, np.uint8))


def test_losses_by_time_code_survive_wrong_ones() -> None:
    """A counter that is wrong once loses nothing; a jump that the next frame confirms does."""
    channels = VirtualChannels()
    bits = unpack_words(words_of(1))
    frame = make_unprotected_frame(
        UncodedFrame(0, bits, good=True, state="", marker_errors=0, ebn0_db=None), MODE
    )
    for counter in (10, 11, 12, 9999, 14, None, 16, 20, 21, 22, 400, 24):
        channels.add(replace(frame, counter=counter))
    (row,) = channels.table()
    assert row == {"scid": 13, "vcid": None, "frames": 12, "first": 10, "last": 24, "lost": 3, "restarts": 0}
    midnight = VirtualChannels()
    for counter in (FRAMES_PER_DAY - 1, 0, 1):
        midnight.add(replace(frame, counter=counter))
    assert midnight.lost == 0


@pytest.mark.parametrize("order", [">u2", "<u2"])
@pytest.mark.parametrize("before", [0, 1, 222])
def test_files_of_words_in_either_byte_order(tmp_path: Path, order: str, before: int) -> None:
    frames = [words_of(k % 3 + 1, ms=round(k * 1000 / 6), seed=k) for k in range(5)]
    raw = np.concatenate(frames).astype(order).tobytes()
    path = tmp_path / "given.raw16"
    path.write_bytes(bytes(before) + raw)
    report = decode(DecodeRequest(input=path, downlink="noaa_hrpt", out=tmp_path / "out", level="cadu"))
    written = np.fromfile(tmp_path / "out/frames.raw16", ">u2")
    assert np.array_equal(written, np.concatenate(frames))
    columns = report.table["columns"]
    kept = [k for k, is_good in enumerate(columns["good"]) if is_good]
    assert [columns["counter"][k] for k in kept] == [0, 1, 2, 3, 4]
    assert [columns["vcid"][k] for k in kept] == [1, 2, 3, 1, 2]
    assert [columns["parity_errors"][k] for k in kept] == [0, None, 0, 0, None]
    assert all(columns["unprotected"])
    assert "unprotected" in report.messages[0]


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "given.raw16"
    path.write_bytes(np.random.default_rng(1).bytes(60_000))
    with pytest.raises(InputError, match="no frames of 10-bit words"):
        decode(DecodeRequest(input=path, downlink="noaa_hrpt", out=tmp_path / "out", level="cadu"))
    with pytest.raises(InputError, match="have no parity"):
        decode(DecodeRequest(input=path, downlink="meteor_hrpt", out=tmp_path / "out", level="vcdu"))


def test_another_spacecraft_is_told(tmp_path: Path) -> None:
    path = tmp_path / "given.raw16"
    frames = [words_of(1, spacecraft=3, ms=round(k * 1000 / 6), seed=k) for k in range(4)]
    path.write_bytes(np.concatenate(frames).astype(">u2").tobytes())
    report = decode(DecodeRequest(input=path, downlink="noaa_hrpt", out=tmp_path / "out", level="cadu"))
    assert any("spacecraft 3 (NOAA-16)" in message for message in report.messages)
