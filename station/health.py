"""`health.json`: how the station is, for people and monitors; always whole, at most a minute old.

    time, ok, problems [sentences], pid, state (running, stopping, stopped), next_pass, running,
    last_done, counts_last_day, free_gb, elements_age_days {satellite: days},
    decoder_lag_s {observation: seconds by which its live decoder is behind the recording},
    clock {state, off_s, said}: the machine's clock against GNSS, servers and the elements' own epochs,
    inhibit: why no antenna may move, or null
    recordings [{name, lost_s, gaps, level_dbfs, clipped}]: the last five, their level and clipped share,
    self_test {receiver: {time, verdict, findings [{code, state, words {en, vi}}], observation, antenna}}

`ok` is false while something needs a person. A file older than two minutes means that the daemon is dead.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hardware.safety import Inhibit
from scheduler.element_clock import ClockFinding
from sdr.disk import free_bytes
from station.observation import IN_PART, INTERRUPTED
from station.records import Observation

HEALTH_NAME = "health.json"
_RECENT = timedelta(days=1)
_RECORDINGS = 5


def health_record(
    now: datetime,
    *,
    state: str,
    observations: Sequence[Observation],
    problems: Sequence[str],
    data_dir: Path,
    ages_days: Mapping[str, float],
    decoder_lags_s: Mapping[str, float],
    clock: ClockFinding | None = None,
    inhibit: Inhibit | None = None,
    self_tests: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The record from the catalogue and what the daemon knows."""
    recent = [o for o in observations if o.los > now - _RECENT]
    failed = [o for o in recent if o.state == "failed"]
    in_part = [o for o in recent if o.job("record").reason.startswith((IN_PART, INTERRUPTED))]
    said = [*problems, *(f"{o.name}: {_reason(o)}" for o in failed[:5])]
    said += [f"{o.name}: {o.job('record').reason}" for o in in_part[:5]]
    said += [f"the antennas do not move: {inhibit.reason}"] if inhibit else []
    said += [f"{name}: {words}" for name, test in self_tests.items() for words in _doubts(test)]
    planned = [o for o in observations if o.state == "planned" and o.end > now]
    done = [o for o in observations if o.state == "done"]
    return {
        "time": now.isoformat(),
        "ok": not said,
        "problems": said,
        "pid": os.getpid(),
        "state": state,
        "next_pass": _brief(min(planned, key=lambda o: o.start)) if planned else None,
        "running": [o.name for o in observations if o.state == "running"],
        "last_done": _brief(max(done, key=lambda o: o.los)) if done else None,
        "counts_last_day": dict(Counter(o.state for o in recent)),
        "free_gb": round(free_bytes(data_dir) / 1e9, 2),
        "elements_age_days": {name: round(days, 2) for name, days in ages_days.items()},
        "clock": {"state": clock.state.value, "off_s": round(clock.off_s, 1), "said": clock.said}
        if clock
        else None,
        "inhibit": inhibit.reason if inhibit else None,
        "self_test": {name: dict(test) for name, test in self_tests.items()},
        "recordings": recordings(observations),
        "decoder_lag_s": {name: round(seconds, 1) for name, seconds in decoder_lags_s.items()},
    }


def recordings(observations: Sequence[Observation]) -> list[dict[str, Any]]:
    """What the last recordings lack and how strong they are, newest first."""
    told = [(o, o.job("record").result or {}) for o in observations if o.job("record").state == "done"]
    newest = sorted(told, key=lambda pair: pair[0].start, reverse=True)
    return [
        {"name": o.name} | {key: result.get(key) for key in ("lost_s", "gaps", "level_dbfs", "clipped")}
        for o, result in newest
        if "lost_s" in result
    ][:_RECORDINGS]


def _doubts(test: Mapping[str, Any]) -> list[str]:
    return [finding["words"]["en"] for finding in test["findings"]]


def _reason(observation: Observation) -> str:
    job = next(job for job in observation.jobs if job.state == "failed")
    return f"{job.step} failed: {job.reason}"


def _brief(observation: Observation) -> dict[str, Any]:
    return {
        "name": observation.name,
        "satellite": observation.satellite,
        "aos": observation.aos.isoformat(),
        "los": observation.los.isoformat(),
        "max_elevation_deg": round(observation.max_elevation_deg, 1),
    }
