"""Client of rtl_tcp, the network server of RTL2832U dongles; it speaks `sdr.rtl_tcp_protocol`."""

from __future__ import annotations

import contextlib
import ipaddress
import math
import socket
import struct
import time
from pathlib import Path

from sdr.errors import DeviceError
from sdr.loss_clock import NETWORK_PATIENCE_S, PATIENCE_S, visible_loss_s
from sdr.receiver import Block, Opened, Tuning
from sdr.rtl_tcp_protocol import (
    commands,
    nearest_gain,
    parse_greeting,
    real_sample_rate,
    refuse,
    unfulfilled,
)
from sdr.unstamped import Unstamped

_SILENCE_S = 2.0
_TRANSFER_SAMPLES = 131_072  # of librtlsdr, unless rtl_tcp is told otherwise
_RECEIVE_BUFFER = 16 << 20
_KERNEL = Path("/proc/sys/net")


class RtlTcp:
    """A dongle behind rtl_tcp at one host and port.

    Args:
        host: name or address of the server.
        port: its port.
        connect_timeout_s: for the connection and for the greeting.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 1234,
        *,
        connect_timeout_s: float = 5.0,
    ) -> None:
        self.host, self.port = host, port
        self._connect_timeout_s = connect_timeout_s
        self._socket: socket.socket | None = None
        self._odd = b""
        self._watch: Unstamped | None = None
        self._failure: DeviceError | None = None
        self._silence_s = self._heard_at = 0.0

    def open(self, tuning: Tuning) -> Opened:
        """Connect, tune, and start the samples; DeviceError when nothing or the wrong thing answers."""
        self.close()
        refuse(tuning)
        scale = 1 + (tuning.ppm - round(tuning.ppm)) * 1e-6
        sample_rate = real_sample_rate(tuning.sample_rate) * scale
        try:
            self._socket = socket.create_connection((self.host, self.port), self._connect_timeout_s)
            patience_s = patience_of(self._socket)
            _prepare(self._socket)
            greeting = parse_greeting(self._greeting())
            gain_db = nearest_gain(tuning.gain_db, greeting)
            for code, argument in commands(tuning, gain_db):
                self._socket.sendall(struct.pack(">BI", code, argument & 0xFFFFFFFF))
        except (OSError, UnicodeError) as error:
            self.close()
            why = getattr(error, "strerror", None) or error
            asked = (
                "is the name right?"
                if isinstance(error, (socket.gaierror, UnicodeError))
                else "is it running?"
            )
            raise DeviceError(
                f"rtl_tcp at {self.host}:{self.port} does not answer ({why}); {asked}"
            ) from None
        except DeviceError:
            self.close()
            raise
        transfer_s = _TRANSFER_SAMPLES / sample_rate
        self._odd, self._failure, self._heard_at = b"", None, time.monotonic()
        self._watch = Unstamped(sample_rate, 2, patience_s=patience_s)
        self._silence_s = max(_SILENCE_S, 4 * transfer_s)
        return Opened(
            f"rtl_tcp {self.host}:{self.port} ({greeting.tuner})",
            "cu8",
            round(tuning.frequency_hz / scale) * scale,
            sample_rate,
            gain_db,
            notes=unfulfilled(tuning, greeting, gain_db),
            smallest_visible_loss=math.ceil(visible_loss_s(transfer_s) * sample_rate),
            facts={"bias_tee": tuning.bias_tee} | ({"ppm": tuning.ppm} if tuning.ppm else {}),
        )

    def read(self, count: int, timeout_s: float) -> Block:
        """What has come, up to `count` samples; DeviceError when the connection is lost or stays silent."""
        if self._socket is None or self._watch is None:
            raise DeviceError("rtl_tcp is not connected")
        deadline = time.monotonic() + timeout_s
        while True:
            if block := self._watch.take(count):
                return block
            if self._failure is not None:
                raise self._failure
            self._receive(self._watch, self._socket, 2 * count, deadline)
            if time.monotonic() >= deadline and self._failure is None:
                return self._watch.take(count) or Block(b"")

    def close(self) -> None:
        """Disconnect; may be called again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _receive(self, watch: Unstamped, connection: socket.socket, size: int, deadline: float) -> None:
        """Take in what has come, wait for it until the deadline; a failure is kept for later."""
        asked_at = time.monotonic()
        connection.settimeout(max(deadline - asked_at, 0.001))
        try:
            received = connection.recv(max(size - len(self._odd), 1))
        except TimeoutError:
            silent_s = time.monotonic() - self._heard_at
            if silent_s > self._silence_s:
                self._fail(
                    f"rtl_tcp at {self.host}:{self.port} has sent nothing for {silent_s:.1f} s; is the "
                    "dongle still plugged in, and the network up?"
                )
            return
        except OSError as error:
            self._fail(f"the connection to rtl_tcp broke: {error}")
            return
        if not received:
            self._fail("rtl_tcp closed the connection")
            return
        self._heard_at = time.monotonic()
        raw = self._odd + received
        whole = len(raw) // 2 * 2
        self._odd = raw[whole:]
        if whole:
            watch.put(raw[:whole], self._heard_at - asked_at)

    def _fail(self, reason: str) -> None:
        """What came before is given out first."""
        self._failure = DeviceError(reason)
        if self._watch is not None:
            self._watch.flush()

    @property
    def smallest_visible_loss(self) -> int:
        """Samples: shorter losses cannot be seen as things stand."""
        return 0 if self._watch is None else self._watch.smallest_visible_loss

    def _greeting(self) -> bytes:
        try:
            return self._receive_exactly(12)
        except TimeoutError:
            raise DeviceError(
                f"rtl_tcp at {self.host}:{self.port} does not answer: it takes the connection but sends no "
                "greeting; it serves one client at a time, is another program connected to it?"
            ) from None

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


def patience_of(connection: socket.socket) -> float:
    """After how many seconds lateness is a loss: in a network between, samples may queue for a while."""
    peer = ipaddress.ip_address(connection.getpeername()[0].partition("%")[0])
    here = getattr(peer, "ipv4_mapped", None) or peer
    return PATIENCE_S if here.is_loopback else NETWORK_PATIENCE_S


def _prepare(connection: socket.socket) -> None:
    """A buffer for a busy machine, where we may have a larger one than the kernel grows to by itself."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        by_itself = int((_KERNEL / "ipv4/tcp_rmem").read_text().split()[2])
        allowed = int((_KERNEL / "core/rmem_max").read_text())
        if min(allowed, _RECEIVE_BUFFER) > by_itself:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, min(allowed, _RECEIVE_BUFFER))
