"""Client of rtl_tcp, the network server of RTL2832U dongles.

Greeting, 12 bytes big-endian: "RTL0", tuner type u32, number of gains u32. Then cu8 samples without end, time
or word of losses. Commands, 5 bytes big-endian: code u8, argument u32. Source: rtl_tcp.c and librtlsdr.c of
rtl-sdr 0.6.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from sdr.errors import DeviceError
from sdr.receiver import Block, Opened, Tuning

SET_FREQUENCY, SET_RATE, SET_GAIN_MODE, SET_GAIN, SET_PPM, SET_AGC, SET_BIAS_TEE = 1, 2, 3, 4, 5, 8, 14
TUNERS = {1: "E4000", 2: "FC0012", 3: "FC0013", 4: "FC2580", 5: "R820T", 6: "R828D"}
_R82XX_GAINS_DB = (
    0.0, 0.9, 1.4, 2.7, 3.7, 7.7, 8.7, 12.5, 14.4, 15.7, 16.6, 19.7, 20.7, 22.9, 25.4, 28.0, 29.7, 32.8, 33.8,
    36.4, 37.2, 38.6, 40.2, 42.1, 43.4, 43.9, 44.5, 48.0, 49.6,
)  # fmt: skip
_CRYSTAL_HZ = 28_800_000
_SILENCE_S = 5.0


@dataclass(frozen=True)
class Greeting:
    """What the server says of its dongle."""

    tuner: str
    gain_count: int


def parse_greeting(raw: bytes) -> Greeting:
    """The greeting from its 12 bytes; DeviceError when it is none."""
    if len(raw) != 12 or raw[:4] != b"RTL0":
        raise DeviceError(f"what answers is no rtl_tcp: it begins with {raw[:12]!r}")
    tuner, gain_count = struct.unpack(">II", raw[4:])
    return Greeting(TUNERS.get(tuner, f"tuner {tuner}"), gain_count)


def real_sample_rate(sample_rate: float) -> float:
    """The rate that the RTL2832U's resampler gives when asked for one (librtlsdr, rtlsdr_set_sample_rate).

    Raises:
        DeviceError: outside 225001 … 300000 and 900001 … 3200000 Hz.
    """
    asked = round(sample_rate)
    if not (225_000 < asked <= 300_000 or 900_000 < asked <= 3_200_000):
        raise DeviceError(
            f"an RTL2832U cannot give {sample_rate:g} samples/s; it gives 225001-300000 and 900001-3200000"
        )
    ratio = (_CRYSTAL_HZ << 22) // asked & 0x0FFFFFFC
    ratio |= (ratio & 0x08000000) << 1
    return (_CRYSTAL_HZ << 22) / ratio


class RtlTcp:
    """A dongle behind rtl_tcp at one host and port.

    Args:
        host: name or address of the server.
        port: its port.
        connect_timeout_s: for the connection and for the greeting.
        clock: POSIX seconds, to tell the time of the samples.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 1234,
        *,
        connect_timeout_s: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.host, self.port = host, port
        self._connect_timeout_s, self._clock = connect_timeout_s, clock
        self._socket: socket.socket | None = None
        self._odd = b""
        self._sample_rate = 0.0
        self._heard_at = 0.0

    def open(self, tuning: Tuning) -> Opened:
        """Connect, tune, and start the samples; DeviceError when nothing or the wrong thing answers."""
        self.close()
        self._sample_rate = real_sample_rate(tuning.sample_rate)
        try:
            self._socket = socket.create_connection((self.host, self.port), self._connect_timeout_s)
            greeting = parse_greeting(self._receive_exactly(12))
            gain_db = _nearest_gain(tuning.gain_db, greeting)
            for code, argument in _commands(tuning, gain_db):
                self._socket.sendall(struct.pack(">BI", code, argument & 0xFFFFFFFF))
        except OSError as error:
            self.close()
            raise DeviceError(
                f"rtl_tcp at {self.host}:{self.port} does not answer ({error}); is it running?"
            ) from None
        except DeviceError:
            self.close()
            raise
        self._odd, self._heard_at = b"", time.monotonic()
        return Opened(
            f"rtl_tcp {self.host}:{self.port} ({greeting.tuner})",
            "cu8",
            float(round(tuning.frequency_hz)),
            self._sample_rate,
            gain_db,
            notes=_unfulfilled(tuning),
        )

    def read(self, count: int, timeout_s: float) -> Block:
        """What has come, up to `count` samples; DeviceError when the connection is lost or stays silent."""
        if self._socket is None:
            raise DeviceError("rtl_tcp is not connected")
        try:
            self._socket.settimeout(max(timeout_s, 0.001))
            received = self._socket.recv(max(2 * count - len(self._odd), 1))
        except TimeoutError:
            return self._nothing()
        except OSError as error:
            raise DeviceError(f"the connection to rtl_tcp broke: {error}") from None
        if not received:
            raise DeviceError("rtl_tcp closed the connection")
        self._heard_at = time.monotonic()
        raw = self._odd + received
        whole = len(raw) // 2 * 2
        self._odd = raw[whole:]
        return Block(raw[:whole], time=self._clock() - whole / 2 / self._sample_rate)

    def close(self) -> None:
        """Disconnect; may be called again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _nothing(self) -> Block:
        silent_s = time.monotonic() - self._heard_at
        if silent_s > _SILENCE_S:
            raise DeviceError(
                f"rtl_tcp has sent nothing for {silent_s:.0f} s; is the dongle still plugged in?"
            )
        return Block(b"")

    def _receive_exactly(self, count: int) -> bytes:
        assert self._socket is not None  # noqa: S101 for the type checker
        raw = b""
        while len(raw) < count:
            part = self._socket.recv(count - len(raw))
            if not part:
                raise DeviceError(
                    f"what answers at {self.host}:{self.port} is no rtl_tcp: it hung up after {raw!r}"
                )
            raw += part
        return raw


def _commands(tuning: Tuning, gain_db: float | None) -> list[tuple[int, int]]:
    gain = [(SET_GAIN_MODE, 0)] if gain_db is None else [(SET_GAIN_MODE, 1), (SET_GAIN, round(10 * gain_db))]
    return [
        (SET_RATE, round(tuning.sample_rate)),
        (SET_PPM, round(tuning.ppm)),
        (SET_FREQUENCY, round(tuning.frequency_hz)),
        (SET_AGC, 0),  # the digital control of the RTL2832U pumps; it has no place in front of a decoder
        *gain,
        (SET_BIAS_TEE, int(tuning.bias_tee)),
    ]


def _nearest_gain(gain_db: float | None, greeting: Greeting) -> float | None:
    if gain_db is None or not greeting.tuner.startswith("R82"):
        return gain_db
    return min(_R82XX_GAINS_DB, key=lambda step: abs(step - gain_db))


def _unfulfilled(tuning: Tuning) -> tuple[str, ...]:
    notes = []
    if tuning.antenna is not None:
        notes.append("rtl_tcp has one antenna port; the antenna asked for is passed over")
    if tuning.bandwidth_hz is not None:
        notes.append("rtl_tcp cannot set a bandwidth; the tuner chooses it")
    if tuning.ppm != round(tuning.ppm):
        notes.append(f"rtl_tcp takes whole ppm; {round(tuning.ppm)} instead of {tuning.ppm:g}")
    return tuple(notes)
