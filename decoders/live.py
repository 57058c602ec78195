"""What is being received, while the satellite is still up: `live.json` beside the results.

Written anew whenever good frames came, at most five times a second, and at least once a second, also while
nothing comes. It holds no time of day, and nothing of a result depends on it.

schema              1
samples, seconds    read so far, and how long that is
state               "searching": nothing of the downlink is seen; "signal": it is, without frames; "frames":
                    they come; "over"
mode                its name, null before it is known
frames_good, frames_located
ebn0_db, carrier_hz of the newest look at the signal, null without one; carrier off the recording's centre
newest_frame_s      seconds of the recording at which the newest good frame ends, null before the first
lag_s               seconds by which this is behind the recording
center_frequency_hz of the recording, null where it is not known
constellation       up to 256 symbols [i, q] of mean power 1, of the newest looks; empty without a signal
spectrum            low_hz, high_hz (off the centre), dbfs_per_hz [256]; null before the first
waterfall           row_s, first_row (its number since the start), rows (base64 of uint8 [rows, 256], oldest
                    first, at most 180), floor_dbfs_per_hz, step_db: level = floor + step * value
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from decoders.demodulation.observer import Row
from decoders.downlink import Mode
from decoders.framing.frame import Frame
from decoders.live_spectrum import LiveSpectrum
from decoders.pace import frame_seconds
from sdr.formats import Samples
from sdr.recording import RecordingInfo

NAME = "live.json"
SHORTEST_S, LONGEST_S = 0.2, 1.0
"""From one writing to the next."""
POINTS = 256
FRAMES_STAND_S = 3.0
"""So long after its end a frame still says that frames come."""


class LiveStatus:
    """Collects what is seen and writes it.

    Args:
        folder: of the results.
        monotonic: seconds; for tests.
    """

    wants_eye = False

    def __init__(self, folder: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = folder / NAME
        self._monotonic = monotonic
        self._written_at = -np.inf
        self._rate = 1.0
        self._center_hz: float | None = None
        self._spectrum: LiveSpectrum | None = None
        self._position, self._lag_s = 0, 0.0
        self._good = self._located = 0
        self._newest_frame_s: float | None = None
        self._mode: Mode | None = None
        self._row: Row | None = None
        self._points: deque[Samples] = deque(maxlen=2)
        self._untold = False  # good frames came since it was written

    def opened(self, info: RecordingInfo) -> None:
        """The recording is open."""
        self._rate, self._center_hz = info.sample_rate, info.center_frequency_hz
        self._spectrum = LiveSpectrum(info.sample_rate)

    def samples(self, block: Samples, position: int, lag_s: float | None) -> None:
        """A block was read."""
        self._position, self._lag_s = position, lag_s or 0.0
        if self._spectrum is not None:
            self._spectrum.samples(block)

    def row(self, row: Row) -> None:
        """The demodulator's next look."""
        self._row = row
        self._points.append(row.symbols)

    def frames(self, frames: Iterable[Frame], mode: Mode | None) -> None:
        """Frames came out, or none: the time to write."""
        self._mode = mode
        for frame in frames:
            self._located += 1
            self._good += frame.good
            self._untold |= frame.good
            if frame.good and frame.sample_index is not None and mode is not None:
                self._newest_frame_s = frame.sample_index / self._rate + frame_seconds(mode)
        self.waiting()

    def waiting(self) -> None:
        """Also while no samples come: whoever looks on must see that this still lives."""
        since_s = self._monotonic() - self._written_at
        if since_s >= (SHORTEST_S if self._untold else LONGEST_S):
            self._write(self._state())

    def over(self) -> None:
        """The recording has ended."""
        self._write("over")

    def _state(self) -> str:
        end, now = self._newest_frame_s, self._position / self._rate
        stands = FRAMES_STAND_S + (frame_seconds(self._mode) if self._mode else 0.0)
        if end is not None and now - end < stands:
            return "frames"
        return "signal" if self._row is not None and self._row.locked else "searching"

    def _write(self, state: str) -> None:
        self._written_at, self._untold = self._monotonic(), False
        unfinished = self._path.with_name(NAME + ".part")
        try:
            unfinished.write_text(json.dumps(self._table(state), allow_nan=False), encoding="utf-8")
            unfinished.replace(self._path)
        except OSError:  # a full disk must not end the decoding; the results say it if they suffer as well
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _table(self, state: str) -> dict[str, Any]:
        row = self._row if self._row is not None and self._row.locked else None
        return {
            "schema": 1,
            "samples": self._position,
            "seconds": round(self._position / self._rate, 3),
            "state": state,
            "mode": None if self._mode is None else self._mode.name,
            "frames_good": self._good,
            "frames_located": self._located,
            "ebn0_db": None if row is None else round(row.ebn0_db, 2),
            "carrier_hz": None if row is None else round(row.carrier_hz, 1),
            "newest_frame_s": None if self._newest_frame_s is None else round(self._newest_frame_s, 3),
            "lag_s": round(self._lag_s, 3),
            "center_frequency_hz": self._center_hz,
            "constellation": self._constellation() if row is not None else [],
            "spectrum": self._spectrum.spectrum() if self._spectrum else None,
            "waterfall": self._spectrum.waterfall() if self._spectrum else None,
        }

    def _constellation(self) -> list[list[float]]:
        newest = np.concatenate(self._points)[-POINTS:]
        return [[round(float(point.real), 3), round(float(point.imag), 3)] for point in newest]
