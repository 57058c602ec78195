"""Sends a simulated pass to the simulated SoapySDR device, over a unix socket.

    with Feeder(request, folder / "feed"):
        …                                    driver=tramthu_sim,socket=<folder>/feed

The device says what it is tuned to and from which second of the pass it wants samples (null: from now on), in
one line of JSON; samples follow as fast as it takes them. The device keeps the time.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from sim.errors import SimulationError
from sim.live_pass import LivePass
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.sample_flow import SampleFlow

POLL_S = 0.2
BLOCK_SAMPLES = 1 << 16
LONGEST_LINE = 4096
SILENCE = bytes(8)  # a sample of any format, after which a device hears nothing more


class Feeder:
    """Listens on a unix socket and feeds one device at a time.

    Args:
        request: the pass; what is on air now counts from when the feeder is made. Its gaps are left out:
            losses are the device's own.
        path: of the socket; nothing is there yet.
        source: of the packets; None for what the satellite sends.

    Raises:
        SimulationError: the socket cannot be made.
    """

    def __init__(self, request: PassSimulation, path: Path, *, source: PacketSource | None = None) -> None:
        whole = replace(request, impairments=replace(request.impairments, gaps=None))
        self.live = LivePass(whole, source=source)
        self.refused: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(str(path))
        except OSError as error:
            self._listener.close()
            raise SimulationError(f"the socket {path} cannot be made: {error}") from None
        self._listener.listen()
        self._listener.settimeout(POLL_S)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="feeder", daemon=True)

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError):  # nobody came, or a device went
                device, _ = self._listener.accept()
                with device:
                    self._feed(device)

    def _feed(self, device: socket.socket) -> None:
        device.settimeout(POLL_S)
        try:
            flow = self._asked(device.recv(LONGEST_LINE))
        except (SimulationError, ValueError, KeyError, TypeError) as error:
            self.refused.append(str(error))
            return
        if flow is None:
            self._send(device, SILENCE)
            return
        while not self._stop.is_set() and (part := flow.take(BLOCK_SAMPLES, POLL_S)) is not None:
            self._send(device, part.raw)

    def _asked(self, line: bytes) -> SampleFlow | None:
        asked = json.loads(line)
        request = replace(
            self.live.request,
            sample_rate=float(asked["sample_rate"]) * self.live.delivery.rate_factor,
            tuned_hz=float(asked["frequency_hz"]),
            format=str(asked["format"]).lower(),
        )
        second = asked["time_s"]
        return self.live.flow_at(request, self.live.elapsed_s if second is None else float(second))

    def _send(self, device: socket.socket, raw: bytes) -> None:
        left = memoryview(raw)
        while left and not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                left = left[device.send(left) :]
