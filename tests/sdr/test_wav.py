"""WAV headers as recorders write them, and as they should not be."""

from __future__ import annotations

import struct
import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdr.errors import RecordingError, SdrError
from sdr.recording import open_recording

RATE = 250_000


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def fmt_chunk(tag: int = 1, channels: int = 2, bits: int = 16, rate: int = RATE) -> bytes:
    width = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits))


def riff(*chunks: bytes, magic: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body)) + body


def samples_of(path: Path) -> np.ndarray:
    with open_recording(path) as reader:
        return np.concatenate([*reader.blocks(1000), np.empty(0, np.complex64)])


def test_a_file_of_the_standard_library(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).integers(-32768, 32768, (5000, 2)).astype("<i2")
    path = tmp_path / "iq.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(codes.tobytes())
    with open_recording(path) as reader:
        assert (reader.info.format, reader.info.sample_rate, reader.info.sample_count) == ("cs16", RATE, 5000)
        read = reader.read(10_000)
    assert np.array_equal(read.real * 32768, codes[:, 0])
    assert np.array_equal(read.imag * 32768, codes[:, 1])


@pytest.mark.parametrize(("tag", "bits", "fmt"), [(1, 8, "cu8"), (1, 16, "cs16"), (3, 32, "cf32")])
def test_sample_formats(tmp_path: Path, tag: int, bits: int, fmt: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(fmt_chunk(tag, 2, bits), chunk(b"data", bytes(16))))
    with open_recording(path) as reader:
        assert reader.info.format == fmt
        assert len(reader.read(100)) == 16 // (bits // 4)


def test_extensible_format(tmp_path: Path) -> None:
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    body = struct.pack("<HHIIHHHHI", 0xFFFE, 2, RATE, 4 * RATE, 4, 16, 22, 16, 3) + guid
    path = tmp_path / "a.wav"
    path.write_bytes(riff(chunk(b"fmt ", body), chunk(b"LIST", b"odd"), chunk(b"data", bytes(40))))
    assert len(samples_of(path)) == 10


def test_auxi_gives_start_and_frequency(tmp_path: Path) -> None:
    times = struct.pack("<16H", 2019, 3, 0, 24, 11, 22, 33, 456, 2019, 3, 0, 24, 11, 36, 0, 0)
    path = tmp_path / "a.wav"
    auxi = chunk(b"auxi", times + struct.pack("<9I", 137_100_000, RATE, 0, 0, 0, 0, 0, 0, 0))
    path.write_bytes(riff(fmt_chunk(), auxi, chunk(b"data", bytes(8))))
    with open_recording(path) as reader:
        assert reader.info.start == datetime(2019, 3, 24, 11, 22, 33, 456_000, tzinfo=UTC)
        assert reader.info.center_frequency_hz == 137_100_000


def test_nonsense_in_auxi_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(fmt_chunk(), chunk(b"auxi", b"\xff" * 68), chunk(b"data", bytes(8))))
    with open_recording(path) as reader:
        assert reader.info.start is None


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_recorder_that_died(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(fmt_chunk(), chunk(b"data", bytes(400), size)))
    assert len(samples_of(path)) == 100


def test_rf64_beyond_four_gigabytes(tmp_path: Path) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 80, 20, 0))
    path = tmp_path / "a.wav"
    data = chunk(b"data", bytes(80), 0xFFFFFFFF)
    path.write_bytes(riff(sizes, fmt_chunk(), data, chunk(b"LIST", b"behind"), magic=b"RF64"))
    assert len(samples_of(path)) == 20


def test_chunks_behind_the_data_are_no_samples(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(fmt_chunk(), chunk(b"data", bytes(40)), chunk(b"LIST", bytes(60))))
    assert len(samples_of(path)) == 10


def test_a_lying_size_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(riff(fmt_chunk(), chunk(b"data", bytes(40), 4000)))
    with open_recording(path) as reader:
        assert reader.info.sample_count == 10
        assert len(reader.read(5000)) == 10
        assert "ends 3960 bytes before" in reader.notes[0]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (riff(fmt_chunk(channels=1), chunk(b"data", bytes(8))), "1 channel"),
        (riff(fmt_chunk(bits=24), chunk(b"data", bytes(12))), "24 bits"),
        (riff(fmt_chunk(tag=2), chunk(b"data", bytes(12))), "format tag 2"),
        (riff(fmt_chunk(rate=0), chunk(b"data", bytes(12))), "give --rate"),
        (riff(fmt_chunk(), chunk(b"data", b"")), "holds no samples"),
        (riff(chunk(b"data", bytes(12))), "no complete 'fmt '"),
        (riff(fmt_chunk()), "before its data"),
        (riff(chunk(b"LIST", b"", 1 << 31)), "ends within its chunk"),
        (b"not a wave file at all", "does not begin with RIFF"),
    ],
)
def test_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(raw)
    with pytest.raises(RecordingError, match=message):
        open_recording(path)


def test_real_audio_is_no_recording(shared_data: Path) -> None:
    with pytest.raises(RecordingError, match="1 channel"):
        open_recording(shared_data / "apt/noaa_weak_11025.wav")


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_header_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A good header with a few bytes changed or cut off never does anything but work or be refused."""
    raw = bytearray(riff(fmt_chunk(), chunk(b"auxi", bytes(68)), chunk(b"data", bytes(40))))
    for _ in range(data.draw(st.integers(0, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "fuzz.wav"
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        assert len(samples_of(path)) <= len(raw)
    except SdrError as error:
        assert str(error)  # noqa: PT017
