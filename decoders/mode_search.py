"""A downlink with several modes, at the level of soft bits: all are tried until one gives proof."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from decoders.coding.viterbi import SoftBits
from decoders.downlink import Mode
from decoders.framing.frame import Frame
from decoders.framing.frames import FrameDecoder, Tap

# Strength of the 80k markers that settles the mode before the first frame, 18 s later: noise reaches 9 in one
# window of 32 ms in 1e7.
MARKERS_SURE = 12.0


class ModeSearch:
    """A `FrameDecoder` per mode, all of them fed from the very beginning, until one gives a good frame."""

    def __init__(self, modes: Sequence[Mode], *, tap: Tap | None = None, prompt: bool = False) -> None:
        """Set up; `prompt` as for `FrameDecoder`."""
        self._tap = tap
        only = tap if len(modes) == 1 else None
        self._running = [FrameDecoder(mode, tap=only, prompt=prompt) for mode in modes]
        self._held: dict[str, list[Frame]] = {mode.name: [] for mode in modes}

    @property
    def mode(self) -> Mode | None:
        """The mode, once it is known."""
        return self._running[0].mode if len(self._running) == 1 else None

    def process(
        self,
        soft_bits: SoftBits,
        sample_index: npt.NDArray[np.float64] | None = None,
        esn0_db: npt.NDArray[np.float32] | None = None,
    ) -> list[Frame]:
        """Frames as of `FrameDecoder.process`; those before the decision come with it."""
        for decoder in self._running:
            self._held[decoder.mode.name] += decoder.process(soft_bits, sample_index, esn0_db)
        return self._settled()

    def flush(self) -> list[Frame]:
        """Frames up to the end of the recording."""
        for decoder in self._running:
            self._held[decoder.mode.name] += decoder.flush()
        return self._settled()

    def _settled(self) -> list[Frame]:
        if len(self._running) > 1:
            sure = [decoder for decoder in self._running if self._is_sure(decoder)]
            if not sure:
                return []
            self._running = sure[:1]
            self._running[0].tap = self._tap
        name = self._running[0].mode.name
        frames, self._held = self._held[name], {name: []}
        return frames

    def _is_sure(self, decoder: FrameDecoder) -> bool:
        markers = decoder.marker_sync
        return any(frame.good for frame in self._held[decoder.mode.name]) or (
            markers is not None and markers.strength >= MARKERS_SURE
        )
