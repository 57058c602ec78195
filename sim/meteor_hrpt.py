"""Transport frames of METEOR-M HRPT: 1024 bytes, neither coded nor randomised, 81.2 a second.

    bytes (from 1)                                content
    1-4                                           1ACFFC1D
    5-6                                           telemetry, a string of 74 bytes over 37 frames
    7-10, 263-266, 519-522, 775-778               BIS-M: frames of 88 bytes behind 71DE2CD8
    15-22, 271-278, 527-534, 783-790              MTVZA: frames of 248 bytes behind FB386A45
    23-260, 279-516, 535-772, 791-1024            MSU-MR: lines of 11 850 bytes

Source: http://planet.iitp.ru/english/spacecraft/meteor_m_n2_structure_eng.htm for the first rows; SatDump and
LeanHRPT agree on the rest. Bytes that nobody has described are zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sim.avhrr import avhrr_line
from sim.framing import MARKER, SentFrame

FRAME_BYTES = 1024
TELEMETRY_BYTES = 74
LINE_BYTES = 11_850
LINE_SYNC = bytes.fromhex("0218a7a392dd9abf")
BISM_BYTES, BISM_SYNC = 88, bytes.fromhex("71de2cd8")
MTVZA_BYTES, MTVZA_SYNC = 248, bytes.fromhex("fb386a45")
MTVZA_POSITIONS = range(2, 27)
GROUPS, GROUP_SAMPLES = 393, 4
METEOR_M2_3 = 3
MOSCOW = timedelta(hours=3)
CALIBRATION = (40, 900, 42, 880, 45, 860, 300, 700, 310, 690, 320, 680)


def _places(*stretches: tuple[int, int]) -> NDArray[np.int64]:
    """Indices from 0 of stretches that are given from 1, ends included."""
    return np.concatenate([np.arange(first - 1, last) for first, last in stretches])


TELEMETRY = _places((5, 6))
BISM = _places((7, 10), (263, 266), (519, 522), (775, 778))
MTVZA = _places((15, 22), (271, 278), (527, 534), (783, 790))
MSU_MR = _places((23, 260), (279, 516), (535, 772), (791, 1024))


class ByteStream:
    """Records end to end, begun somewhere within one.

    Args:
        record: gives the next record for a time in POSIX seconds.
        skipped: bytes of the first one that are over already.
    """

    def __init__(self, record: Callable[[float], bytes], skipped: int) -> None:
        self._record, self._skipped = record, skipped
        self._bytes = bytearray()

    def take(self, count: int, posix: float) -> bytes:
        """The next bytes."""
        while len(self._bytes) < count:
            self._bytes += self._record(posix)[self._skipped :]
            self._skipped = 0
        taken = bytes(self._bytes[:count])
        del self._bytes[:count]
        return taken


class MeteorHrptFrames:
    """Frame after frame.

    Args:
        epoch: POSIX seconds of the recording's start.
        seed: of where the streams stand at the start, and of the grain.
    """

    def __init__(self, epoch: float, seed: np.random.SeedSequence) -> None:
        self._epoch, self._seed = epoch, int(seed.generate_state(1)[0])
        self._rng = np.random.default_rng(seed)
        at = [int(self._rng.integers(0, size)) for size in (BISM_BYTES, MTVZA_BYTES, LINE_BYTES)]
        self._number, self._line, self._scan = (int(self._rng.integers(0, 9600)) for _ in range(3))
        telemetry = self._rng.bytes(TELEMETRY_BYTES)
        self._parts = (
            (TELEMETRY, ByteStream(lambda _: telemetry, self._number % 37 * 2)),
            (BISM, ByteStream(self._bism_frame, at[0])),
            (MTVZA, ByteStream(self._mtvza_frame, at[1])),
            (MSU_MR, ByteStream(self._msu_mr_line, at[2])),
        )

    def take(self, times: Sequence[float]) -> list[SentFrame]:
        """Frames of the next slots, which begin at `times`, seconds from the start of the recording."""
        return [self._frame(self._epoch + time) for time in times]

    def _frame(self, posix: float) -> SentFrame:
        frame = np.zeros(FRAME_BYTES, np.uint8)
        frame[:4] = np.frombuffer(MARKER, np.uint8)
        for places, stream in self._parts:
            frame[places] = np.frombuffer(stream.take(places.size, posix), np.uint8)
        number, self._number = self._number, self._number + 1
        return SentFrame(frame.tobytes(), 0, number)

    def _bism_frame(self, posix: float) -> bytes:
        moscow = datetime.fromtimestamp(posix, UTC) + MOSCOW
        leap = datetime(moscow.year // 4 * 4 - 1, 12, 31, tzinfo=UTC)
        seconds = int((moscow - leap).total_seconds())
        rest = self._rng.bytes(BISM_BYTES - 10)
        return BISM_SYNC + bytes(2) + seconds.to_bytes(4, "little") + rest

    def _mtvza_frame(self, _: float) -> bytes:
        self._scan += 1
        position = MTVZA_POSITIONS[self._scan % len(MTVZA_POSITIONS)]
        return MTVZA_SYNC + bytes([255, position]) + self._rng.bytes(MTVZA_BYTES - 6)

    def _msu_mr_line(self, posix: float) -> bytes:
        self._line += 1
        moscow = datetime.fromtimestamp(posix, UTC) + MOSCOW
        clock = bytes([moscow.hour, moscow.minute, moscow.second, moscow.microsecond * 255 // 1_000_000])
        head = LINE_SYNC + clock + bytes([METEOR_M2_3 << 4, 0x0F]) + self._rng.bytes(21)
        calibration = pack_words(np.array(CALIBRATION, np.uint16))
        return head + calibration + self._picture() + bytes(10)

    def _picture(self) -> bytes:
        """393 groups: of each of six channels four samples."""
        earth = avhrr_line(self._line, self._seed).earth[: GROUPS * GROUP_SAMPLES]
        six = np.concatenate([earth, 1023 - earth[:, 4:]], axis=1)
        return pack_words(six.reshape(GROUPS, GROUP_SAMPLES, 6).transpose(0, 2, 1).reshape(-1))


def pack_words(words: NDArray[np.uint16]) -> bytes:
    """Ten-bit words, most significant bit first, without gaps; zeros fill the last byte."""
    pairs = words.astype(">u2").view(np.uint8).reshape(-1, 2)
    return np.packbits(np.unpackbits(pairs, axis=1)[:, 6:].reshape(-1)).tobytes()
