"""Who looks on while samples are decoded; nothing of a result depends on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import Protocol

import numpy as np
import numpy.typing as npt

from decoders.demodulation.observer import Row
from sdr.formats import Samples
from sdr.recording import RecordingInfo

Tap = Callable[[str, npt.NDArray[np.generic]], None]

ROW_TAPS = frozenset({"tracks", "constellation", "eye"})
TRACK_COLUMNS = ("time_s", "carrier_hz", "clock_ppm", "ebn0_db", "locked")


class Watcher(Protocol):
    """Told what passes; all of it is optional to use."""

    wants_eye: bool

    def opened(self, info: RecordingInfo) -> None:
        """The recording is open."""

    def samples(self, block: Samples, position: int, lag_s: float | None) -> None:
        """A block was read that ends at sample `position`; this is `lag_s` behind a growing recording."""

    def row(self, row: Row) -> None:
        """The demodulator's next look at the signal."""


class RowTaps:
    """The joints that are made of rows: `tracks`, `constellation` and `eye`.

    Row k of the tracks, symbols k * 128 … of the constellation (256 with one rail) and values k * 512 … of
    the eye belong together.
    """

    def __init__(self, tap: Tap, taps: Sequence[str]) -> None:
        self._tap = tap
        self.wants_eye = "eye" in taps
        self._begun = False

    def opened(self, info: RecordingInfo) -> None:
        """Nothing to do."""

    def samples(self, block: Samples, position: int, lag_s: float | None) -> None:
        """Nothing to do."""

    def row(self, row: Row) -> None:
        """Passes its parts on."""
        if not self._begun:
            self._begun = True
            self._text(",".join(TRACK_COLUMNS) + "\n")
        time_s, carrier_hz, clock_ppm, ebn0_db = astuple(row)[:4]
        seen = f"{carrier_hz:.2f},{clock_ppm:.3f},{ebn0_db:.2f},1" if row.locked else ",,,0"
        self._text(f"{time_s:.6f},{seen}\n")
        self._tap("constellation", row.symbols)
        self._tap("eye", row.eye)

    def _text(self, text: str) -> None:
        self._tap("tracks", np.frombuffer(text.encode(), dtype=np.uint8))
