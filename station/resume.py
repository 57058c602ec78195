"""What a kill or a power cut left behind, put in order before the first new pass."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from station.catalogue import Booking, Catalogue, Observation
from station.observation import MOST_ATTEMPTS

log = logging.getLogger(__name__)

# Less than that of a pass is not worth a recording of its own.
WORTH_RECORDING = timedelta(seconds=60)
MOST_RESTARTS = 3  # of a recorder, in one pass
RESTART_AFTER = timedelta(seconds=2)  # doubled each time, as a device may need a moment
_STATION_DIED, _RECORDER_DIED = "+", "~"  # in the key of a rest; only the latter are counted


def resume(catalogue: Catalogue, now: datetime) -> list[Observation]:
    """Settle every unfinished observation; those with work left, to be taken up again.

    A recording that was cut off is kept as far as it goes and decoded; while the satellite is still up, the
    rest of the pass is booked as an observation of its own. A pass that nobody recorded is entered as missed.
    """
    for observation in catalogue.unfinished():
        _settle_recording(catalogue, observation, now)
        _settle_later_steps(catalogue, catalogue.observation(observation.name))
    return [o for o in catalogue.unfinished() if o.job("record").state == "done"]


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
        if observation.end - now > WORTH_RECORDING:
            rest = catalogue.book(rest_of(observation, now))
            if rest is None:
                log.warning("%s: the rest of the pass is not booked: its name is taken", name)
            else:
                log.info("%s: the rest of the pass is booked as %s", name, rest.name)


def _keep_what_was_recorded(catalogue: Catalogue, observation: Observation) -> bool:
    from sdr.errors import SdrError
    from sdr.recording import finish_interrupted

    data = observation.recording.with_name("recording.sigmf-data")
    try:
        if not data.exists() or data.stat().st_size == 0:
            catalogue.fail(observation.name, "record", "the station was stopped before the first sample")
            return False
        finish_interrupted(observation.recording)
    except SdrError as error:
        catalogue.fail(observation.name, "record", f"cut off, and of no use: {error}")
        return False
    files = sorted(observation.folder.glob("recording.*"))
    catalogue.finish(
        observation.name, "record", {"interrupted": True}, files, reason="cut off: the station died"
    )
    return True


def book_rest(catalogue: Catalogue, observation: Observation, now: datetime) -> Observation | None:
    """Book what is left of a pass whose recorder died; None when it is too little, or died too often."""
    died = observation.key.count(_RECORDER_DIED)
    start = now + RESTART_AFTER * 2**died
    if died >= MOST_RESTARTS or observation.end - start <= WORTH_RECORDING:
        return None
    return catalogue.book(rest_of(observation, start, _RECORDER_DIED))


def is_rest(observation: Observation) -> bool:
    """Whether it is what was left of a pass when the station or the recorder died."""
    return any(mark in observation.key for mark in (_STATION_DIED, _RECORDER_DIED))


def rest_of(observation: Observation, now: datetime, mark: str = _STATION_DIED) -> Booking:
    """The rest of a pass that is under way; `mark` says in its key why there is one."""
    fields = {name: getattr(observation, name) for name in Booking.__dataclass_fields__}
    booking = Booking(**fields)
    name = f"{now:%Y%m%dT%H%M%SZ}_{observation.satellite.replace(' ', '_')}"
    key = f"{observation.key}{mark}{now:%H%M%S}"
    return replace(booking, name=name, key=key, start=now, start_direction=None)


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
