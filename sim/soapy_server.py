"""A simulated pass behind the SoapySDR device, with its faults, for any program on this machine."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sim.front_end import lost_stretches
from sim.impairments import Delivery, seed_of
from sim.packet_source import PacketSource
from sim.request import PassSimulation
from sim.soapy.device import device_args, device_string, plugin_folder
from sim.soapy.feeder import Feeder

SHORT_READS = 3  # where pieces are asked for, every third read is short
CHECK_S = 0.02


@contextlib.contextmanager
def served_device(
    request: PassSimulation, source: PacketSource | None = None, log: Path | None = None
) -> Iterator[str]:
    """Words that name the device to a program: the variable of its environment, and its arguments.

    Gaps are losses of the device, `delivery` its stalls, cuts (unplugged), jitter and rate.

    Raises:
        SimulationError: the driver is not built, the request cannot be met.
    """
    plugins = plugin_folder()
    with (
        tempfile.TemporaryDirectory(prefix="tramthu-soapy-") as name,
        Feeder(request, Path(name) / "feed", source=source) as feeder,
    ):
        args = _args(Path(name), request) | ({"log": str(log.resolve())} if log else {})
        over = threading.Event()
        plug = threading.Thread(target=_cut, args=(feeder, Path(args["control"]), over), daemon=True)
        plug.start()
        try:
            yield f"SOAPY_SDR_PLUGIN_PATH={plugins} and {device_string(args)}"
        finally:
            over.set()
            plug.join()


def _args(folder: Path, request: PassSimulation) -> dict[str, str]:
    wrong, rate = request.impairments, request.sample_rate
    delivery = wrong.delivery or Delivery()
    gaps = lost_stretches(wrong.gaps, rate, request.sample_count, seed_of(request.seed, "gaps"))
    stalls = sorted((round(at * rate), round(length * rate)) for at, length in delivery.stalls)
    # The samples know of the crystal's error; here it makes them come faster.
    true_rate = delivery.rate_factor * (1 + wrong.crystal.offset_ppm * 1e-6)
    return device_args(
        folder,
        losses=[(gap.first, gap.count) for gap in gaps],
        stalls=[stall for stall in stalls if stall[1]],
        socket=folder / "feed",
        format=request.format.upper(),
        rate=rate,
        epoch=time.time(),
        crystal_ppm=(true_rate - 1) * 1e6,
        jitter_ms=delivery.jitter_s * 1e3,
        short_reads=SHORT_READS if delivery.piece_bytes else 0,
    )


def _cut(feeder: Feeder, control: Path, over: threading.Event) -> None:
    """Keep the control file as the pass's cuts want it."""
    before = None
    while not over.wait(CHECK_S):
        if (away := feeder.live.away) != before:
            written = control.with_name("control.new")
            written.write_text("unplugged\n" if away else "plugged\n")
            written.replace(control)
            before = away
