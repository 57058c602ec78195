"""What is being received right now, small enough for a thin link: a poll costs one to two kilobytes.

The decoder's `live.json` is passed on with values in bytes, and of the waterfall only the rows that the
reader does not have yet. Level and losses come from the recording's own index.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scheduler.elements import Elements
from scheduler.errors import SchedulerError
from scheduler.passes import Site
from scheduler.track import track_at
from sdr.errors import RecordingError
from sdr.index import IndexReader
from sdr.recording_files import beside
from sdr.sigmf import INDEX_SUFFIX
from station.catalogue import Catalogue, Observation
from station.observation import decoded_folder
from station.recorded import stems
from station.web.texts import all_texts
from station.web.views import read_json

LIVE_NAME = "live.json"
SCALE = 48  # of a symbol's parts in a byte: ±2.6 of the mean amplitude
SPECTRUM_STEP_DB = 0.5
_FACTS = (
    "seconds", "mode", "frames_good", "frames_located", "ebn0_db", "carrier_hz", "newest_frame_s", "lag_s",
    "center_frequency_hz",
)  # fmt: skip
_MOST_INDEXES = 16
_TAIL = 16384  # bytes of an index, for its newest level
_BINS = 256
_SILENT_S = 5.0  # a decoder that lives writes every second


def is_live(observation: Observation) -> bool:
    """Whether it is being recorded, or decoded while or after that."""
    return any(observation.job(step).state == "running" for step in ("record", "decode"))


def live_observations(catalogue: Catalogue) -> list[Observation]:
    """What is being received now, by rise."""
    return [observation for observation in catalogue.unfinished() if is_live(observation)]


def next_observation(catalogue: Catalogue, now: datetime) -> Observation | None:
    """What is booked next."""
    coming = (one for one in catalogue.unfinished() if one.state == "planned" and one.end > now)
    return min(coming, key=lambda one: one.start, default=None)


def texts(language: str) -> dict[str, str]:
    """What the panel's script says, in one language."""
    return {key: text for key, text in all_texts()[language].items() if key.startswith("live_")}


class LiveReader:
    """Puts together what is known of an observation under way; may be asked by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._indexes: OrderedDict[Path, IndexReader] = OrderedDict()

    def status(self, observation: Observation, after: int, now: datetime) -> dict[str, Any]:
        """The state of an observation for its page.

        Args:
            observation: as the catalogue has it.
            after: first row of the waterfall that the reader does not have, or has unfinished.
            now: for the direction of the satellite.
        """
        over = not is_live(observation)
        path = decoded_folder(observation) / LIVE_NAME
        live = read_json(path) or {}
        state = "over" if over else str(live.get("state") or "waiting")
        recording = self._recording(observation)
        if state not in ("over", "waiting") and _age_s(path, now) > _SILENT_S:
            # The decoder writes every second. One that hangs or is dead falls behind what is recorded.
            state = "silent"
            behind_s = (recording["seconds"] if recording else 0.0) - (_number(live.get("seconds")) or 0.0)
            live |= {"lag_s": round(max(behind_s, 0.0), 1)}
        return {
            "name": observation.name,
            "over": over,
            # The decoder has ended; the catalogue will say so in a moment.
            "state": state if over or state != "over" else "closing",
            **{name: live.get(name) for name in _FACTS},
            "constellation": _constellation(live.get("constellation")),
            "spectrum": _spectrum(live.get("spectrum")),
            "waterfall": _waterfall(live.get("waterfall"), after),
            "recording": recording,
            "direction": None if over else _direction(observation, now),
        }

    def _recording(self, observation: Observation) -> dict[str, Any] | None:
        """Length, losses and newest level of the recording; None before it has begun."""
        paths = [beside(stem, INDEX_SUFFIX) for stem in stems(observation)]
        with self._lock:
            indexes = [index for path in paths if (index := self._index(path)) is not None]
        if not indexes:
            return None
        rate, newest = indexes[-1].header.sample_rate, indexes[-1]
        gaps = [gap for index in indexes for gap in index.gaps]
        return {
            "seconds": round((newest.header.first_sample + newest.committed) / rate, 1),
            "gaps": len(gaps),
            "lost_s": round(sum(gap.sample_count for gap in gaps) / rate, 3),
            "level": _newest_level(newest.path),
        }

    def _index(self, path: Path) -> IndexReader | None:
        """Read on from where it was left; of a long recording each poll would else read it all."""
        try:
            index = self._indexes.get(path)
            if index is None or path.stat().st_size < index.whole_bytes:
                index = self._indexes[path] = IndexReader(path)
            else:
                index.poll()
        except (OSError, RecordingError):
            self._indexes.pop(path, None)
            return None
        self._indexes.move_to_end(path)
        while len(self._indexes) > _MOST_INDEXES:
            self._indexes.popitem(last=False)
        return index


def _age_s(path: Path, now: datetime) -> float:
    try:
        return now.timestamp() - path.stat().st_mtime
    except OSError:
        return 0.0


def _number(given: object) -> float | None:
    return float(given) if isinstance(given, int | float) else None


def _newest_level(index: Path) -> list[float | None] | None:
    """Level in dB full scale and clipped share of the newest second that was measured; None without one."""
    try:
        with index.open("rb") as file:
            file.seek(max(index.stat().st_size - _TAIL, 0))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines):
        if b'"level"' in line:
            try:
                level = json.loads(line)["level"]
                return [None if level[1] is None else float(level[1]), float(level[2])]
            except (ValueError, KeyError, TypeError, IndexError):
                continue
    return None


def _constellation(points: object) -> str:
    """Symbols as base64 of int8 pairs, `SCALE` to the mean amplitude."""
    if not isinstance(points, Sequence) or isinstance(points, str):
        return ""
    try:
        parts = [max(-127, min(127, round(float(part) * SCALE))) for point in points for part in point]
    except (TypeError, ValueError):
        return ""
    return base64.b64encode(bytes(part & 0xFF for part in parts)).decode("ascii")


def _spectrum(given: object) -> dict[str, Any] | None:
    """A spectrum in bytes: level = floor + step * value."""
    if not isinstance(given, Mapping):
        return None
    try:
        levels = [float(level) for level in given["dbfs_per_hz"]]
        low_hz, high_hz = float(given["low_hz"]), float(given["high_hz"])
        floor = float(min(levels))
    except (TypeError, ValueError, KeyError):
        return None
    steps = bytes(min(round((level - floor) / SPECTRUM_STEP_DB), 255) for level in levels)
    return {
        "low_hz": low_hz,
        "high_hz": high_hz,
        "floor": floor,
        "step": SPECTRUM_STEP_DB,
        "values": base64.b64encode(steps).decode("ascii"),
    }


def _waterfall(given: object, after: int) -> dict[str, Any] | None:
    """The rows from number `after` on."""
    if not isinstance(given, Mapping):
        return None
    try:
        rows, first = base64.b64decode(str(given["rows"]), validate=True), int(given["first_row"])
        facts = {"row_s": float(given["row_s"]), "floor": float(given["floor_dbfs_per_hz"])}
        facts["step"] = float(given["step_db"])
    except (TypeError, ValueError, KeyError):
        return None
    count = len(rows) // _BINS
    # A reader that is ahead has seen an attempt before this one: it gets all.
    skipped = after - first if first <= after <= first + count else 0
    return {
        "first_row": first + skipped,
        "rows": base64.b64encode(rows[skipped * _BINS : count * _BINS]).decode("ascii"),
        **facts,
    }


def _direction(observation: Observation, now: datetime) -> dict[str, float] | None:
    """Where the satellite stands, and how long it is still received; None where that is unknown."""
    try:
        site = Site(**observation.site)
        track = track_at(Elements.from_omm(observation.elements), site, now.timestamp())
    except (SchedulerError, TypeError, ValueError, KeyError):
        return None
    return {
        "azimuth_deg": round(float(track.azimuth_deg[0]), 1),
        "elevation_deg": round(float(track.elevation_deg[0]), 1),
        "left_s": round((observation.end.astimezone(UTC) - now).total_seconds()),
    }
