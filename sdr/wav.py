"""The header of a two-channel WAV recording (I left, Q right), as SDR#, HDSDR and SatDump write it.

RIFF: "Multimedia Programming Interface and Data Specifications 1.0" (IBM, Microsoft 1991); RF64: EBU 3306.
`auxi` is HDSDR's and SpectraVue's chunk: two SYSTEMTIME structures, then the centre frequency in Hz.
Dying recorders leave the size of the data chunk 0 or 0xFFFFFFFF, and 32 bits overflow after 4 GiB: the data
then goes on to the end of the file. So it does where the size is too small: behind the data lie only whole
chunks, up to the end of the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime

from sdr.bytestream import ByteStream
from sdr.errors import RecordingError

MAGICS = (b"RIFF", b"RF64", b"BW64")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMATS = {(_PCM, 8): "cu8", (_PCM, 16): "cs16", (_FLOAT, 32): "cf32"}
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
_MAX_CHUNK = 1 << 20


@dataclass(frozen=True)
class WavHeader:
    """What the header says; `data_size` is None where it says nothing useful."""

    format: str
    sample_rate: float | None
    data_offset: int
    data_size: int | None
    start: datetime | None
    center_frequency_hz: float | None


def read_wav_header(stream: ByteStream) -> WavHeader:
    """Read up to the first sample.

    Raises:
        RecordingError: not a WAV file, no or unusable `fmt `, no `data`, not two channels.
    """
    head = stream.read(12)
    if len(head) < 12 or head[:4] not in MAGICS or head[8:] != b"WAVE":
        raise RecordingError(
            "not a WAV file: it does not begin with RIFF … WAVE; give --format for raw samples"
        )
    offset = 12
    chunks: dict[bytes, bytes] = {}
    while True:
        chunk_head = stream.read(8)
        if len(chunk_head) < 8:
            raise RecordingError("the WAV file ends before its data chunk; it holds no samples")
        name, size = struct.unpack("<4sI", chunk_head)
        offset += 8
        if name == b"data":
            return _header(chunks, offset, size)
        padded = size + size % 2
        body = stream.read(min(padded, _MAX_CHUNK))
        chunks[name] = body[:size]
        offset += padded
        if not stream.skip(padded - len(body)):
            raise RecordingError(
                f"the WAV file ends within its chunk {name.decode('latin-1')!r}; it holds no samples"
            )


def is_end_of_data(stream: ByteStream, rest: int) -> bool:
    """Whether what follows here, up to the end of the file, are chunks: the size of the data was right.

    Args:
        stream: behind the data.
        rest: bytes from there to the end of the file.
    """
    while rest > 1:
        head = stream.read(8)
        if len(head) < 8 or not head[:4].isascii() or not head[:4].decode("ascii").isprintable():
            return False
        (size,) = struct.unpack("<4xI", head)
        rest -= 8 + size + size % 2
        if rest < -1 or not stream.skip(size + min(size % 2, rest + 1)):
            return False
    return True


def _header(chunks: dict[bytes, bytes], offset: int, size: int) -> WavHeader:
    fmt, rate = _sample_format(chunks.get(b"fmt ", b""))
    start, frequency = _auxi(chunks.get(b"auxi", b""))
    real_size = None if size in _UNKNOWN_SIZES else size
    ds64 = chunks.get(b"ds64", b"")
    if size == 0xFFFFFFFF and len(ds64) >= 16:
        real_size = struct.unpack_from("<Q", ds64, 8)[0] or None
    return WavHeader(fmt, rate, offset, real_size, start, frequency)


def _sample_format(body: bytes) -> tuple[str, float | None]:
    if len(body) < 16:
        raise RecordingError("the WAV file has no complete 'fmt ' chunk before its data")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)  # the first two bytes of the sub-format GUID
    if channels != 2:
        raise RecordingError(
            f"the WAV file has {channels} channel(s); a recording of I and Q has 2 (audio is no recording)"
        )
    if (tag, bits) not in _FORMATS:
        raise RecordingError(
            f"WAV samples of {bits} bits with format tag {tag} are not read; "
            "use 8 or 16 bits PCM or 32 bits float"
        )
    return _FORMATS[tag, bits], float(rate) or None


def _auxi(body: bytes) -> tuple[datetime | None, float | None]:
    """Start and centre frequency; both None where the chunk is absent or means nothing."""
    if len(body) < 36:
        return None, None
    year, month, _, day, hour, minute, second, millisecond = struct.unpack_from("<8H", body)
    (frequency,) = struct.unpack_from("<I", body, 32)
    try:
        start = datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=UTC)
    except ValueError:
        return None, float(frequency) or None
    return start, float(frequency) or None
