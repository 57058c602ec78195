"""A receiver that hears a simulated pass, with the verbs of every receiver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sdr.errors import DeviceError
from sdr.receiver import Block, Opened, Tuning
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.sample_flow import AT_ONCE, MARKED_LOSS, Pace, SampleFlow


class SimulatedReceiver:
    """Delivers the pass of a request once it is opened.

    Args:
        request: what is to be heard; frequency and rate of the tuning replace its own.
        source: of the packets; None for the camera.
        pace: real time, faster, or as fast as it is read.
        log_stem: STEM of the logs of what was sent; None for none.
    """

    def __init__(
        self,
        request: PassSimulation,
        *,
        source: PacketSource | None = None,
        pace: Pace = AT_ONCE,
        log_stem: Path | None = None,
    ) -> None:
        self._request, self._source, self._pace, self._log_stem = request, source, pace, log_stem
        self._flow: SampleFlow | None = None

    def open(self, tuning: Tuning) -> Opened:
        """Begin the pass, or go on with it after a `close`.

        Raises:
            SimulationError: the request cannot be met at the rate asked for.
        """
        if self._flow is None:
            request = replace(self._request, tuned_hz=tuning.frequency_hz, sample_rate=tuning.sample_rate)
            self._flow = SampleFlow(request, source=self._source, pace=self._pace, log_stem=self._log_stem)
        request = self._flow.request
        return Opened(
            device="simulated receiver",
            format=request.format,
            frequency_hz=request.center_frequency_hz,
            sample_rate=request.sample_rate,
            gain_db=tuning.gain_db,
            time_source="device",
        )

    def read(self, count: int, timeout_s: float) -> Block:
        """Up to `count` samples; `ended` once the pass is over.

        Raises:
            DeviceError: the receiver is not open.
        """
        if self._flow is None:
            raise DeviceError("the simulated receiver is not open; call open first")
        part = self._flow.take(count, timeout_s)
        if part is None:
            return Block(b"", ended=True)
        when = self._flow.request.start.timestamp() + part.first / self._flow.request.sample_rate
        return Block(part.raw, lost=part.lost, cause=MARKED_LOSS if part.lost else "", time=when)

    def close(self) -> None:
        """Stop; what has been sent so far is logged."""
        if self._flow:
            self._flow.close()
