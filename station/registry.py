"""Names of the configuration to the code that does it; the only module that knows the simulator.

What is heavy or rarely wanted is imported where it is used.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scheduler.elements import Elements
from scheduler.passes import Site
from scheduler.satellites import satellite
from sdr.receiver import Receiver, Tuning
from station.config import PlaybackReceiver, ReceiverSection, RtlTcpReceiver, SimulatorReceiver, SoapyReceiver
from station.errors import ConfigError

if TYPE_CHECKING:
    from sim.link import LinkBudget
    from sim.packet_source import PacketSource
    from sim.request import PassSimulation

Progress = Callable[[float], None]


@dataclass(frozen=True)
class SimulatedPass:
    """What the simulator is asked for, in the words of the station."""

    elements: Elements
    site: Site
    start: datetime
    end: datetime
    frequency_hz: float
    receiver: SimulatorReceiver
    impairments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SimulatedLink:
    """A downlink at a fixed Eb/N0, on an orbit or from a transmitter that stands still or moves evenly.

    `sample_rate` 0 takes the mode's own; `elements` and `site` come together or not at all.
    """

    mode: str
    start: datetime
    end: datetime
    ebn0_db: float
    sample_rate: float = 0.0
    format: str = "cu8"
    doppler_hz: float = 0.0
    doppler_rate_hz_s: float = 0.0
    seed: int = 1
    impairments: Mapping[str, Any] = field(default_factory=dict)
    elements: Elements | None = None
    site: Site | None = None


def make_receiver(section: ReceiverSection, frequency_hz: float) -> tuple[Receiver, Tuning]:
    """The receiver that a `[receiver]` section describes, not yet open, and how to tune it.

    Raises:
        ConfigError: the section describes the simulator, which records by itself.
    """
    if isinstance(section, PlaybackReceiver):
        from sdr.playback import Playback

        player = Playback(
            section.file, paced=section.realtime, format=section.format, sample_rate=section.sample_rate
        )
        return player, Tuning(frequency_hz, section.sample_rate or 0.0)
    if isinstance(section, RtlTcpReceiver):
        from sdr.rtl_tcp import RtlTcp

        return RtlTcp(section.host, section.port), Tuning(
            frequency_hz, section.sample_rate, section.gain_db, bias_tee=section.bias_tee, ppm=section.ppm
        )
    if isinstance(section, SoapyReceiver):
        from sdr.soapy import SoapyReceiver as Soapy
        from sdr.soapy_settings import Clocks
        from sdr.usb_reset import reset_usb

        radio = Soapy(
            section.driver,
            serial=section.serial,
            args=section.args,
            format=section.format,
            settings=section.settings,
            stream_args=section.stream_args,
            clocks=Clocks(section.clock_source, section.time_source, section.master_clock_hz),
            trust_stamps=section.trust_stamps,
            reset=reset_usb if section.usb_reset else None,
        )
        return radio, _soapy_tuning(section, frequency_hz)
    raise ConfigError(f"a receiver of type {section.type!r} cannot be opened as a device")


def simulate_pass(wanted: SimulatedPass, stem: Path, progress: Progress | None = None) -> int:
    """Record a simulated pass as STEM.sigmf-* with its truth beside it; samples in the file.

    Raises:
        SimulationError: the request cannot be met, or the files cannot be made.
    """
    from sim.simulate import simulate

    refuse_impossible(wanted)
    return simulate(_request(wanted), stem, progress=progress).sample_count


def simulate_link(wanted: SimulatedLink, stem: Path, progress: Progress | None = None) -> int:
    """Record a simulated link as STEM.sigmf-* with what was sent beside it; samples in the file.

    Raises:
        SimulationError: the request cannot be met, or the files cannot be made.
    """
    from sim.simulate import simulate

    request, source = _simulation(wanted)
    return simulate(request, stem, source=source, progress=progress).sample_count


def refuse_impossible(wanted: SimulatedPass) -> None:
    """Say what the simulator would refuse, before anything is booked or written.

    Raises:
        SimulationError: the request cannot be met.
    """
    from sim.camera_source import CameraSource
    from sim.pass_signal import PassSignal

    request = _request(wanted)
    if (camera := CameraSource.of(request)) is not None:
        PassSignal(request, camera)
        next(iter(camera.packets(0.0, 2.0)), None)  # the orbit is asked for when a strip is seen


def serve(
    wanted: SimulatedPass | SimulatedLink,
    how: str,
    port: int,
    *,
    stop: threading.Event,
    told: Callable[[str], None],
    log: Path | None = None,
) -> None:
    """Serve a simulated pass on this machine, at the pace of life, until its end or `stop`.

    Args:
        wanted: the pass; it begins now.
        how: "rtl_tcp" on 127.0.0.1, or "soapy" for whatever speaks SoapySDR.
        port: of rtl_tcp; 0 lets the system choose one.
        stop: ends it.
        told: is given the words by which a program reaches it, once it is there.
        log: file that tells what got lost.

    Raises:
        SimulationError: the request cannot be met, the port is taken, or the driver is not built.
    """
    request, source = _simulation(wanted)
    if log:
        log.touch()  # what cannot be written is told before anything is served
    ends = time.monotonic() + request.duration_s
    with contextlib.ExitStack() as served:
        if how == "rtl_tcp":
            from sim.rtl_tcp_server import RtlTcpServer

            server = served.enter_context(RtlTcpServer(request, port=port, source=source, log=log))
            told(f"rtl_tcp at 127.0.0.1:{server.port}")
        else:
            from sim.soapy_server import served_device

            told(served.enter_context(served_device(request, source, log)))
        while time.monotonic() < ends and not stop.wait(0.2):
            pass


def _simulation(wanted: SimulatedPass | SimulatedLink) -> tuple[PassSimulation, PacketSource | None]:
    """The request and what the satellite sends, None for the camera."""
    from sim.impairment_table import impairments_from
    from sim.link_test import source_of
    from sim.request import PassSimulation

    if isinstance(wanted, SimulatedPass):
        return _request(wanted), None
    words = {entry.name: getattr(wanted, entry.name) for entry in fields(wanted)}
    request = PassSimulation(**words | {"impairments": impairments_from(wanted.impairments)})
    return request, source_of(request)


def _request(wanted: SimulatedPass) -> PassSimulation:
    from sim.impairment_table import impairments_from
    from sim.request import PassSimulation

    settings = wanted.receiver
    return PassSimulation(
        elements=wanted.elements,
        site=wanted.site,
        start=wanted.start,
        end=wanted.end,
        mode=settings.mode,
        frequency_hz=wanted.frequency_hz,
        sample_rate=settings.sample_rate,
        format=settings.format,
        ebn0_db=settings.ebn0_db,
        link=_link(wanted),
        impairments=impairments_from(wanted.impairments),
        seed=settings.seed,
        channels=settings.channels,
    )


def cn0_range_dbhz(wanted: SimulatedPass) -> tuple[float, float]:
    """Weakest and strongest C/N0 of the link budget from 5 degrees up; of a pass below that, in all of it."""
    from scheduler.track import track

    curve = track(wanted.elements, wanted.site, wanted.start, wanted.end)
    cn0 = _link(wanted).cn0_dbhz(curve.range_km, curve.elevation_deg, curve.azimuth_deg, wanted.frequency_hz)
    seen = cn0[curve.elevation_deg >= 5.0]
    seen = seen if seen.size else cn0
    return float(seen.min()), float(seen.max())


def _link(wanted: SimulatedPass) -> LinkBudget:
    from sim.link import LinkBudget

    use = satellite(wanted.elements.norad_id).downlink()
    eirp_dbw = 6.0 if use.eirp_dbw is None else use.eirp_dbw
    return LinkBudget(eirp_dbw=eirp_dbw, antenna=wanted.receiver.antenna, noise=wanted.receiver.noise)


def _soapy_tuning(section: SoapyReceiver, frequency_hz: float) -> Tuning:
    return Tuning(
        frequency_hz,
        section.sample_rate,
        section.gain_db,
        section.antenna,
        section.bias_tee,
        section.ppm,
        section.filter_hz,
        section.gains_db,
        section.dc_correction,
        section.iq_correction,
    )
