"""Serves a simulated pass as rtl_tcp does a dongle, on the loopback: for any program that speaks that
protocol.

    server to client   "RTL0", tuner type 5 (R820T), number of gains 29 (big-endian u32), then u8 I, Q
    without end client to server   commands of 5 bytes: number u8, argument u32 big-endian
                       1 frequency Hz, 2 sample rate Hz; the others change nothing here

Source: rtl_tcp.c of rtl-sdr (commands 1, 2 and 3 seen from rtl_433 22.11 as well). As with a dongle a new
client hears the pass as it is now, not from its beginning.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType

from sim.errors import SimulationError
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.sample_flow import Pace, SampleFlow

HEADER = b"RTL0" + struct.pack(">II", 5, 29)
COMMAND = struct.Struct(">BI")
SET_FREQUENCY, SET_RATE = 1, 2
SETTLE_S = 0.3  # a client sends its wishes right after it has connected
BLOCK_SAMPLES = 8192
POLL_S = 0.2


@dataclass(frozen=True)
class Command:
    """One command of a client."""

    number: int
    argument: int


class RtlTcpServer:
    """Listens on 127.0.0.1 and serves one client at a time.

    Args:
        request: the pass; its first sample is heard when the server starts.
        port: 0 lets the system choose; see `port`.
        source: of the packets; None for the camera.
        speed: seconds of the pass per second of the clock.
    """

    def __init__(
        self,
        request: PassSimulation,
        *,
        port: int = 0,
        source: PacketSource | None = None,
        speed: float = 1.0,
    ) -> None:
        if not speed > 0:
            raise SimulationError(f"a speed of {speed}; it is above zero")
        self._request = replace(request, format="cu8")
        self._source, self._speed = source, speed
        try:
            self._listener = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            raise SimulationError(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}") from None
        self.port: int = self._listener.getsockname()[1]
        self.commands: list[Command] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._began = time.monotonic()

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread = threading.Thread(target=self.serve, name="rtl_tcp", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the service; may be called again."""
        self._stop.set()
        if self._thread:
            self._thread.join()
            self._thread = None
        self._listener.close()

    def __enter__(self) -> RtlTcpServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def serve(self) -> None:
        """Serve one client after the other until `stop` or the end of the pass."""
        self._began = time.monotonic()
        while not self._stop.is_set() and self._elapsed_s() < self._request.duration_s:
            if not select.select([self._listener], [], [], POLL_S)[0]:
                continue
            client, _ = self._listener.accept()
            with client, contextlib.suppress(OSError):  # a client may go at any moment
                client.settimeout(2.0)
                _Session(client, self).run()

    def _elapsed_s(self) -> float:
        return (time.monotonic() - self._began) * self._speed

    def flow(self, request: PassSimulation) -> SampleFlow | None:
        """The samples of a request from now on, None when the pass is over."""
        now = request.start + timedelta(seconds=self._elapsed_s())
        if now >= request.end:
            return None
        return SampleFlow(replace(request, start=now), source=self._source, pace=Pace(self._speed))

    @property
    def request(self) -> PassSimulation:
        """The pass that is served."""
        return self._request

    @property
    def stopping(self) -> bool:
        """Whether `stop` has been called."""
        return self._stop.is_set()


class _Session:
    """One client."""

    def __init__(self, client: socket.socket, server: RtlTcpServer) -> None:
        self._client, self._server = client, server
        self._request = server.request
        self._pending = b""
        self._gone = False

    def run(self) -> None:
        self._client.sendall(HEADER)
        settled = time.monotonic() + SETTLE_S
        while (left := settled - time.monotonic()) > 0 and not self._gone:
            self._listen(left)
        flow = self._server.flow(self._request)
        while flow is not None and not self._server.stopping and not self._gone:
            if self._listen(0.0):
                flow = self._server.flow(self._request)
                continue
            part = flow.take(BLOCK_SAMPLES, POLL_S)
            if part is None:
                return
            self._client.sendall(part.raw)

    def _listen(self, timeout_s: float) -> bool:
        """Take what the client has to say; True when it changes the samples."""
        if not select.select([self._client], [], [], timeout_s)[0]:
            return False
        data = self._client.recv(4096)
        self._gone = not data
        self._pending += data
        before = self._request
        whole = len(self._pending) // COMMAND.size * COMMAND.size
        for number, argument in COMMAND.iter_unpack(self._pending[:whole]):
            self._obey(Command(number, argument))
        self._pending = self._pending[whole:]
        return self._request != before

    def _obey(self, command: Command) -> None:
        self._server.commands.append(command)
        # As librtlsdr does, a rate that cannot be had is refused silently and the old one stays.
        with contextlib.suppress(SimulationError):
            if command.number == SET_FREQUENCY:
                self._request = replace(self._request, tuned_hz=float(command.argument))
            elif command.number == SET_RATE and command.argument <= 3_200_000:
                self._request = replace(self._request, sample_rate=float(command.argument))
