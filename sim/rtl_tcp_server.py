"""Serves a simulated pass as rtl_tcp does a dongle, on the loopback: for any program that speaks that
protocol, with what a dongle and its cable do wrong (`[gaps]` and `[delivery]` of the impairments).

    server to client   "RTL0", tuner type 5 (R820T), number of gains 29 (big-endian u32), then u8 I, Q
    without end client to server   commands of 5 bytes: number u8, argument u32 big-endian
                       1 frequency Hz, 2 sample rate Hz; the others change nothing here

Source: rtl_tcp.c of rtl-sdr (commands 1, 2 and 3 seen from rtl_433 22.11 as well). As with a dongle a new
client hears the pass as it is now, not from its beginning. A log tells what got lost, in the samples' numbers
since the last change of frequency or rate, a JSON object a line:
    {"event": "activated", "first": 0, "time": 1795323329.25}        POSIX time of that sample
    {"event": "lost", "first": 12345, "count": 678}
"""

from __future__ import annotations

import collections
import contextlib
import json
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from sim.errors import SimulationError
from sim.live_pass import LivePass
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.sample_flow import FlowPart, SampleFlow

HEADER = b"RTL0" + struct.pack(">II", 5, 29)
COMMAND = struct.Struct(">BI")
SET_FREQUENCY, SET_RATE = 1, 2
SETTLE_S = 0.3  # a client sends its wishes right after it has connected
BLOCK_SAMPLES = 8192
POLL_S = 0.2
DONGLE_RATE = 3_200_000  # the highest that a dongle has
BYTES_PER_SAMPLE = 2


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
        source: of the packets; None for what the satellite sends.
        speed: seconds of the pass per second of the clock.
        log: file that tells what got lost; None for none.

    Raises:
        SimulationError: the port cannot be used, the speed is none.
    """

    def __init__(
        self,
        request: PassSimulation,
        *,
        port: int = 0,
        source: PacketSource | None = None,
        speed: float = 1.0,
        log: Path | None = None,
    ) -> None:
        if not speed > 0:
            raise SimulationError(f"a speed of {speed}; it is above zero")
        self.live = LivePass(replace(request, format="cu8"), source=source, speed=speed)
        self._listener: socket.socket | None = _listener(port)
        self.port: int = self._listener.getsockname()[1]
        self.log, self.commands = log, list[Command]()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

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
        self._close()

    def __enter__(self) -> RtlTcpServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def serve(self) -> None:
        """Serve one client after the other until `stop` or the end of the pass."""
        self.live.flow(self.live.request)  # the first is slow to make: the sky is drawn for it
        self.live.begin()
        while not self.stopping and not self.live.over:
            if self.live.away:
                self._close()
                self._stop.wait(0.01)
            elif self._listening() and (client := self._accepted()):
                with client, contextlib.suppress(OSError):  # a client may go at any moment
                    _Session(client, self).run()

    def flow(self, request: PassSimulation) -> SampleFlow | None:
        """What a client hears from now on, None when the pass is over."""
        return self.live.flow(request)

    @property
    def stopping(self) -> bool:
        """Whether `stop` has been called."""
        return self._stop.is_set()

    def _listening(self) -> bool:
        """Whether the port is ours; after a cut somebody else may hold it for a moment."""
        if self._listener is None:
            try:
                self._listener = _listener(self.port)
            except SimulationError:
                self._stop.wait(POLL_S)
        return self._listener is not None

    def _accepted(self) -> socket.socket | None:
        if self._listener is None or not select.select([self._listener], [], [], POLL_S / 4)[0]:
            return None
        return self._listener.accept()[0]

    def _close(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise SimulationError(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}") from None


class _Session:
    """One client."""

    def __init__(self, client: socket.socket, server: RtlTcpServer) -> None:
        self._client, self._server, self._live = client, server, server.live
        self._request = server.live.request
        self._pending = b""
        self._gone = False
        # What waits for the client, and the piece of it that is on its way.
        self._waiting: collections.deque[FlowPart] = collections.deque()
        self._piece = memoryview(b"")
        self._next = 0
        self._quiet_until = 0.0

    def run(self) -> None:
        self._client.sendall(HEADER)
        self._client.setblocking(False)
        settled = time.monotonic() + SETTLE_S
        while (left := settled - time.monotonic()) > 0 and not self._gone:
            self._listen(left)
        flow = self._begin()
        while flow is not None and not (self._server.stopping or self._gone or self._live.away):
            if self._listen(0.0):
                flow = self._begin()
                continue
            part = flow.take(BLOCK_SAMPLES, POLL_S)
            if part is None:
                self._send_the_rest()
                return
            self._keep(part)
            self._send()

    def _begin(self) -> SampleFlow | None:
        self._waiting.clear()
        self._next = 0
        flow = self._server.flow(self._request)
        self._log("activated", first=0, time=time.time())
        return flow

    def _keep(self, part: FlowPart) -> None:
        """Queue a part; the oldest ones go where the queue is full, as rtl_tcp does it."""
        if not part.raw:
            return
        self._waiting.append(part)
        longest = self._live.delivery.queue_s * self._request.sample_rate
        while self._waiting[-1].first - self._waiting[0].first > longest:
            self._waiting.popleft()

    def _send_the_rest(self) -> None:
        """The last samples, when the pass is over."""
        patience = time.monotonic() + self._live.delivery.queue_s
        while (self._waiting or self._piece) and not self._gone and time.monotonic() < patience:
            self._send()
            self._listen(0.01)

    def _send(self) -> None:
        """As much as the client takes now."""
        if time.monotonic() < self._quiet_until:
            return
        if held_up_s := self._live.held_up_s():
            self._quiet_until = time.monotonic() + held_up_s
        while (self._piece or self._waiting) and select.select([], [self._client], [], 0)[1]:
            if not self._piece:
                self._piece = self._next_piece()
            most = self._live.delivery.piece_bytes or len(self._piece)
            with contextlib.suppress(BlockingIOError):
                self._piece = self._piece[self._client.send(self._piece[:most]) :]

    def _next_piece(self) -> memoryview:
        part = self._waiting.popleft()
        if part.first > self._next:
            self._log("lost", first=self._next, count=part.first - self._next)
        self._next = part.first + len(part.raw) // BYTES_PER_SAMPLE
        return memoryview(part.raw)

    def _log(self, event: str, **values: float) -> None:
        if self._server.log:
            with self._server.log.open("a") as file:
                file.write(json.dumps({"event": event} | values) + "\n")

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
        highest = max(DONGLE_RATE, self._live.request.sample_rate)
        # As librtlsdr does, a rate that cannot be had is refused silently and the old one stays.
        with contextlib.suppress(SimulationError):
            if command.number == SET_FREQUENCY:
                self._request = replace(self._request, tuned_hz=float(command.argument))
            elif command.number == SET_RATE and command.argument <= highest:
                rate = command.argument * self._live.delivery.rate_factor
                self._request = replace(self._request, sample_rate=rate)
