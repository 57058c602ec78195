"""Minor frames of NOAA HRPT: 11 090 words of ten bits, six a second (KLM User's Guide, 4.1.3).

words (from 0)   content
0-5              frame sync, the first 60 bits of a 63-bit sequence
6, 7             identification: minor frame 1, 2, 3; spacecraft; whether channel 3 is 3A
8-11             day of the year, milliseconds of the day
12-16            ramp
17-19, 20        three readings of one thermometer, patch
22-51, 52-101    ten views of the target (3, 4, 5), ten of space (1 … 5)
102              sync delta
103-622          TIP (minor frame 1), spare (2), AIP (3): five frames of 104 words
623-749          spare
750-10989        video, 2048 times the channels 1 … 5
10990-11089      auxiliary sync, the first 1000 bits of a 1023-bit sequence
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sim.avhrr import avhrr_line
from sim.framing import SentFrame

Words = NDArray[np.uint16]

WORDS = 11_090
NOAA_19 = 15
CHANNEL_3A = 1
TIP_WORDS, TIP_FRAMES = 104, 5
TIP_SYNC = bytes.fromhex("ede2")
TIP_PERIOD = 320
FRAME_SYNC_TAPS, FRAME_SYNC_LENGTH = 0x27, 6  # x^6 + x^5 + x^2 + x + 1
AUX_SYNC_TAPS, AUX_SYNC_LENGTH = 0x27, 10  # x^10 + x^5 + x^2 + x + 1


@cache
def galois_bits(taps: int, length: int, count: int) -> NDArray[np.uint8]:
    """First bits of a register in Galois form that starts with all ones and shifts to the left."""
    state, full = (1 << length) - 1, (1 << length) - 1
    bits = np.empty(count, np.uint8)
    for index in range(count):
        bits[index] = state >> (length - 1)
        state = (state << 1 & full) ^ (taps if bits[index] else 0)
    return bits


def _words(bits: NDArray[np.uint8]) -> Words:
    weights = 1 << np.arange(9, -1, -1)
    return np.asarray(bits.reshape(-1, 10) @ weights, np.uint16)


def frame_sync() -> Words:
    """The six words of the frame sync."""
    return _words(galois_bits(FRAME_SYNC_TAPS, FRAME_SYNC_LENGTH, 60))


def auxiliary_sync() -> Words:
    """The hundred words at the end."""
    return _words(galois_bits(AUX_SYNC_TAPS, AUX_SYNC_LENGTH, 1000))


def _spare() -> Words:
    """127 words of the auxiliary sequence inverted."""
    return _words(1 - np.resize(galois_bits(AUX_SYNC_TAPS, AUX_SYNC_LENGTH, 1023), 1270))


def byte_words(data: bytes) -> Words:
    """Bytes as words: eight bits, a bit that makes their number of ones even, the first bit inverted."""
    values = np.frombuffer(data, np.uint8)
    parity = np.unpackbits(values).reshape(-1, 8).sum(axis=1) % 2
    words: Words = (values.astype(np.uint16) << 2) | (parity.astype(np.uint16) << 1) | (values < 128)
    return words


class HrptFrames:
    """Minor frame after minor frame.

    Args:
        epoch: POSIX seconds of the recording's start.
        seed: of the first line's number and the grain.
        spacecraft: address, 15 for NOAA-19.
    """

    def __init__(self, epoch: float, seed: np.random.SeedSequence, spacecraft: int = NOAA_19) -> None:
        self._epoch, self._spacecraft = epoch, spacecraft
        self._seed, first = (int(word) for word in seed.generate_state(2))
        self._number = first % 9600

    def take(self, times: Sequence[float]) -> list[SentFrame]:
        """Frames of the next slots, which begin at `times`, seconds from the start of the recording."""
        return [self._frame(self._epoch + time) for time in times]

    def _frame(self, posix: float) -> SentFrame:
        number, self._number = self._number, self._number + 1
        words = self.words(number, posix)
        return SentFrame(words.astype(">u2").tobytes(), 0, number)

    def words(self, number: int, posix: float) -> Words:
        """uint16 [11090] of the minor frame with that number, its line begun at POSIX seconds."""
        minor, line = number % 3 + 1, avhrr_line(number, self._seed)
        words = np.zeros(WORDS, np.uint16)
        words[0:6] = frame_sync()
        words[6] = minor << 7 | self._spacecraft << 3 | CHANNEL_3A
        words[8:12] = _time_words(posix)
        words[12:17] = number % 1024
        words[17:20] = line.prt
        words[20] = 180
        words[22:52] = line.target.reshape(-1)
        words[52:102] = line.space.reshape(-1)
        words[103:623] = np.concatenate([byte_words(data) for data in self._telemetry(number, minor, posix)])
        words[623:750] = _spare()
        words[750:10_990] = line.earth.reshape(-1)
        words[10_990:] = auxiliary_sync()
        return words

    def _telemetry(self, number: int, minor: int, posix: float) -> list[bytes]:
        if minor == 2:
            return [bytes(TIP_WORDS)] * TIP_FRAMES
        rng = np.random.default_rng([self._seed, number])
        frames = [bytearray(rng.bytes(TIP_WORDS)) for _ in range(TIP_FRAMES)]
        if minor == 1:
            for index, frame in enumerate(frames):
                _mark_tip(frame, (number // 3 * TIP_FRAMES + index) % TIP_PERIOD, posix)
        return [bytes(frame) for frame in frames]


def _mark_tip(frame: bytearray, count: int, posix: float) -> None:
    """Sync, counter of nine bits, and every 32 s the time: day (9 bits), 0101, milliseconds (27 bits)."""
    frame[0:2] = TIP_SYNC
    frame[4] = frame[4] & 0xFE | count >> 8
    frame[5] = count & 0xFF
    if count == 0:
        day, ms = day_and_milliseconds(posix)
        frame[8:13] = (day << 31 | 0b0101 << 27 | ms).to_bytes(5, "big")


def day_and_milliseconds(posix: float) -> tuple[int, int]:
    """Day of the year from 1, and milliseconds of that day, UTC."""
    moment = datetime.fromtimestamp(posix, UTC)
    return moment.timetuple().tm_yday, int(posix % 86_400 * 1000)


def _time_words(posix: float) -> tuple[int, int, int, int]:
    day, ms = day_and_milliseconds(posix)
    return day << 1, 0b101 << 7 | ms >> 20, ms >> 10 & 0x3FF, ms & 0x3FF
