"""What a kill or a power cut left behind, put in order before the first new pass."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from sdr.errors import SdrError
from station.catalogue import Catalogue, Observation
from station.observation import MOST_ATTEMPTS
from station.recorded import close_interrupted, grows, has_samples, recorded_files, recording_facts
from station.shared import recording_end, takes_share

log = logging.getLogger(__name__)


def resume(catalogue: Catalogue, now: datetime, goes_on: Callable[[Observation], bool]) -> list[Observation]:
    """Settle every unfinished observation; those with work left, to be taken up again.

    A recording under way goes on in the same files while the satellite is up, by the recorder that outlived
    the station or by a new one. One that was cut off and is over is kept as far as it goes and decoded. A
    pass that nobody recorded is entered as missed.

    Args:
        catalogue: of the station.
        now: aware time.
        goes_on: whether the recorder of an observation can go on in the middle of a recording.
    """
    for observation in catalogue.unfinished():
        if _is_under_way(observation, now) and goes_on(observation):
            log.warning("%s: the station died in mid-pass; the recording goes on", observation.name)
        else:
            _settle_recording(catalogue, observation, now)
            _settle_later_steps(catalogue, catalogue.observation(observation.name))
    return [o for o in catalogue.unfinished() if o.job("record").state in ("running", "done")]


def _is_under_way(observation: Observation, now: datetime) -> bool:
    if observation.job("record").state != "running":
        return False
    # Others may share the recording, beyond the own pass. A share can be taken as long as that is there.
    return now < recording_end(observation) or grows(observation) or takes_share(observation)


def _settle_recording(catalogue: Catalogue, observation: Observation, now: datetime) -> None:
    name, record = observation.name, observation.job("record")
    if record.state == "due" and observation.end <= now:
        log.warning("%s: missed, the station was not running", name)
        catalogue.fail(name, "record", "missed: the station was not running during the pass")
    elif record.state == "running":
        kept = _keep_what_was_recorded(catalogue, observation)
        log.warning(
            "%s: the recording was cut off; %s", name, "what there is will be decoded" if kept else "lost"
        )


def _keep_what_was_recorded(catalogue: Catalogue, observation: Observation) -> bool:
    if not has_samples(observation):
        catalogue.fail(observation.name, "record", "the station was stopped before the first sample")
        return False
    try:
        close_interrupted(observation)
    except SdrError as error:
        catalogue.fail(observation.name, "record", f"cut off, and of no use: {error}")
        return False
    facts = {"interrupted": True} | recording_facts(observation)
    catalogue.finish(
        observation.name, "record", facts, recorded_files(observation), reason="cut off: the station died"
    )
    return True


def _settle_later_steps(catalogue: Catalogue, observation: Observation) -> None:
    """A worker that died with the station is due again, but not for ever."""
    for job in observation.jobs[1:]:
        if job.state != "running":
            continue
        if job.attempts >= MOST_ATTEMPTS:
            catalogue.fail(
                observation.name, job.step, f"cut off {job.attempts} times; `tramthu replay` tries again"
            )
            return
        catalogue.retry(observation.name, job.step, "cut off: the station died")
