"""Whether this computer decodes as fast as it records: measured on a second of each downlink, simulated."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scheduler.satellites import satellite
from station.config import ReceiverSection, StationConfig
from station.doctor.check import Check
from station.errors import exit_status_of

_LONGEST_S, _MOST_SAMPLES = 1.0, 6e6
_EBN0_DB = 8.0
_START = datetime(2026, 1, 1, tzinfo=UTC)
# Of the cores: the rest is for recorders, maps and the page.
_FITS, _HARDLY = 0.6, 0.9
# Where the simulator has another name for it.
_MODES = {
    "meteor_lrpt": "72k",
    "meteor_lrpt_72k": "72k",
    "meteor_lrpt_80k": "80k",
    "meteor_m2_lrpt_72k": "m2_72k",
}

Measure = Callable[[str, float], float | None]


@dataclass(frozen=True)
class _Load:
    """Share of one core that decoding takes, of a downlink at a sample rate."""

    downlink: str
    receiver: str
    share: float


def decoding_checks(config: StationConfig, measure: Measure | None = None) -> Iterator[Check]:
    """All receivers at their dearest downlinks at once, against the cores of this computer."""
    loads = list(_loads(config, measure or measure_load))
    if not loads:
        return
    dearest: dict[str, _Load] = {}
    for load in loads:
        if load.receiver not in dearest or load.share > dearest[load.receiver].share:
            dearest[load.receiver] = load
    cores = len(os.sched_getaffinity(0))
    total = sum(load.share for load in dearest.values())
    said = ", ".join(f"{one.downlink} {one.share:.0%} of a core" for one in dearest.values())
    said += f"; {cores} cores are there"
    alone = max(load.share for load in dearest.values())
    mend = "what is late is decoded after the pass; else a faster computer, or a lower sample_rate"
    if total > _HARDLY * cores or alone > 1:
        yield Check("decoding", "warn", f"{said}: it will lag behind the satellite", mend)
    elif total > _FITS * cores:
        yield Check("decoding", "warn", f"{said}: it hardly keeps up", mend)
    else:
        yield Check("decoding", "ok", f"{said}: it keeps up with the satellite")


def _loads(config: StationConfig, measure: Measure) -> Iterator[_Load]:
    known: dict[tuple[str, float], float | None] = {}
    for section in config.satellite:
        use = satellite(section.name).downlink(section.downlink)
        for name, _ in config.hearing(section.frequency_hz or use.frequency_hz, use.bandwidth_hz or 0.0):
            rate = _rate_of(config.receiver(name))
            if rate is None:
                continue
            if (use.name, rate) not in known:
                known[use.name, rate] = measure(use.name, rate)
            share = known[use.name, rate]
            if share is not None:
                yield _Load(use.name, name, share)


def _rate_of(receiver: ReceiverSection) -> float | None:
    return getattr(receiver, "sample_rate", None)


def measure_load(downlink: str, sample_rate: float) -> float | None:
    """CPU seconds that a second of the downlink takes to decode; None where it cannot be simulated."""
    from decoders.decode import DecodeRequest, decode
    from station.registry import SimulatedLink, simulate_link

    seconds = min(_LONGEST_S, _MOST_SAMPLES / sample_rate)
    mode = _MODES.get(downlink, downlink)
    end = _START + timedelta(seconds=seconds)
    with tempfile.TemporaryDirectory(prefix="tramthu-doctor-") as folder:
        stem = Path(folder) / "link"
        try:
            simulate_link(SimulatedLink(mode, _START, end, _EBN0_DB, sample_rate, "cs16"), stem)
            began = time.process_time()
            decode(DecodeRequest(stem.with_name("link.sigmf-meta"), downlink, Path(folder) / "out"))
        except Exception as error:  # a mode or a rate that the simulator does not have
            if exit_status_of(error) is None:
                raise
            return None
        return (time.process_time() - began) / seconds
