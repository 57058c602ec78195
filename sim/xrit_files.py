"""GK-2A's LRIT: full disk images in segments as files, files as packets.

A file is header records and a JPEG; before it stand a counter (16 bits) and its length in bits (64). It
leaves in packets of up to 8190 bytes with a CRC behind, consecutive files on APIDs in turn; zeros fill the
rest of the last packet zone. (CGMS 03; names, sizes, navigation and the two APIDs as in a published recording
of 2019.)
"""

from __future__ import annotations

import io
import struct
from binascii import crc_hqx
from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from PIL import Image

from sim.framing import TimedPackets
from sim.space_packets import ALONE, DAYS_TO_1958, FIRST, LAST, MIDDLE, cds_time, space_packet

FULL_DISK_VCID = 0
APIDS = (6, 12)
USER_BYTES = 8190
COLUMNS, SEGMENT_LINES, SEGMENTS = 2200, 220, 10
SLOT_S = 600
CHANNELS = ("IR105", "VI006", "SW038", "WV069", "IR123")
SHARE_BUSY = 0.85


class XritSource:
    """Segment after segment, with pauses.

    Args:
        epoch: POSIX seconds of the recording's start.
        seed: of the first file's number and the pictures' grain.
        zone_bytes_s: what the link carries.
    """

    def __init__(self, epoch: float, seed: np.random.SeedSequence, zone_bytes_s: float) -> None:
        self._epoch, self._zone_bytes_s = epoch, zone_bytes_s
        self._seed = seed

    def packets(self, start: float, end: float) -> Iterator[TimedPackets]:
        """Packets of files from `start` to `end`, seconds from the start of the recording."""
        rng = np.random.default_rng(self._seed)
        number, time, sequence = int(rng.integers(0, 50)), start, dict.fromkeys(APIDS, 0)
        while time < end:
            slot = (self._epoch + time) // SLOT_S * SLOT_S
            file, apid = xrit_file(number, slot, rng), APIDS[number % len(APIDS)]
            packets = file_packets(file, number, apid, sequence[apid])
            sequence[apid] += len(packets)
            yield TimedPackets(time, tuple(packets), FULL_DISK_VCID, ends=True)
            number, time = number + 1, time + len(file) / self._zone_bytes_s / SHARE_BUSY


def file_packets(file: bytes, number: int, apid: int, sequence: int) -> list[bytes]:
    """A file's packets; the first carries the counter and the length."""
    data = struct.pack(">HQ", number & 0xFFFF, 8 * len(file)) + file
    parts = [data[k : k + USER_BYTES] for k in range(0, len(data), USER_BYTES)]
    out = []
    for index, part in enumerate(parts):
        flags = _flags(index, len(parts))
        body = part + crc_hqx(part, 0xFFFF).to_bytes(2, "big")
        out.append(space_packet(apid, flags, sequence + index, body, second_header=False))
    return out


def _flags(index: int, count: int) -> int:
    if count == 1:
        return ALONE
    return FIRST if index == 0 else LAST if index == count - 1 else MIDDLE


def xrit_file(number: int, posix: float, rng: np.random.Generator) -> bytes:
    """One segment of a full disk: header records, then the JPEG."""
    segment = number % SEGMENTS
    channel = CHANNELS[number // SEGMENTS % len(CHANNELS)]
    moment = datetime.fromtimestamp(posix, UTC)
    name = f"IMG_FD_047_{channel}_{moment:%Y%m%d_%H%M%S}_{segment + 1:02d}.lrit"
    table = "$HALFTONE:=8\r\n_NAME:=COUNTS\r\n_UNIT:=KELVIN\r\n"
    table += "".join(f"{count}:={330.0 - 0.75 * count:.5f}\r\n" for count in range(255))
    picture = _jpeg(segment, rng)
    records = (
        _record(1, struct.pack(">BHHB", 8, COLUMNS, SEGMENT_LINES, 2))
        + _record(2, b"GEOS(128.2)".ljust(32, b"\0") + struct.pack(">4i", 8_170_135, -8_170_135, 1100, 1100))
        + _record(3, table.encode())
        + _record(4, name.encode())
        + _record(5, b"\x40" + cds_time(posix, DAYS_TO_1958)[:6])
        + _record(7, bytes(4))
        + _record(128, struct.pack(">BBH", segment + 1, SEGMENTS, segment * SEGMENT_LINES + 1))
    )
    first = _record(0, struct.pack(">BIQ", 0, 16 + len(records), 8 * len(picture)))
    return first + records + picture


def _record(kind: int, body: bytes) -> bytes:
    """Type, length with these three bytes, body."""
    return struct.pack(">BH", kind, 3 + len(body)) + body


def _jpeg(segment: int, rng: np.random.Generator) -> bytes:
    """Bands of cloud on a disk, with grain."""
    y, x = np.mgrid[0:SEGMENT_LINES, 0:COLUMNS]
    y = y + segment * SEGMENT_LINES - COLUMNS / 2
    x = x - COLUMNS / 2
    cloud = 128 + 60 * np.sin(x / 40 + 3 * np.sin(y / 90)) * np.cos(y / 55) + rng.normal(0, 4, x.shape)
    picture = np.where(x**2 + y**2 < (0.49 * COLUMNS) ** 2, cloud, 0).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=50)
    return file.getvalue()
