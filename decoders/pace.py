"""How fast a decoder is: its share of the processor, how old the newest frame is, how far behind it falls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from decoders.downlink import Mode

# By which the interleaver of the 80k mode spreads a frame: 35 x 36 x 2048 coded bits at 144 kbit/s.
INTERLEAVED_SECONDS = 17.92
BEHIND_S = 2.0
"""A live decoder this far behind the recording says so; a block of samples and a breath are no lag."""


def frame_seconds(mode: Mode) -> float:
    """From a frame's first symbol to its last."""
    seconds = mode.frame_bits / mode.information_bits_per_symbol / mode.symbol_rate
    return seconds + (INTERLEAVED_SECONDS if mode.interleaver == "meteor-80k" else 0.0)


class Pace:
    """Counts while samples are read, demodulated and decoded.

    Args:
        sample_rate: Hz.
        cpu_time: seconds of processor time of this process; for tests.
    """

    def __init__(self, sample_rate: float, *, cpu_time: Callable[[], float] = time.process_time) -> None:
        self._sample_rate = sample_rate
        self._cpu_time = cpu_time
        self._cpu_s: dict[str, float] = {}
        self._samples = 0
        self._frames, self._delays_s, self._largest_delay_s = 0, 0.0, 0.0
        self.lag_s: float | None = None
        self.largest_lag_s: float | None = None

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the processor time of a stage."""
        began = self._cpu_time()
        try:
            yield
        finally:
            self._cpu_s[name] = self._cpu_s.get(name, 0.0) + self._cpu_time() - began

    def read(self, samples: int, waiting: int | None) -> None:
        """So many samples were read; so many more lie waiting, None where the recording does not grow."""
        self._samples += samples
        if waiting is not None:
            self.lag_s = waiting / self._sample_rate
            self.largest_lag_s = max(self.largest_lag_s or 0.0, self.lag_s)

    def frame(self, last_sample: float) -> None:
        """A frame came out whose last symbol lies at that sample."""
        delay_s = max((self._samples - last_sample) / self._sample_rate, 0.0)
        self._frames += 1
        self._delays_s += delay_s
        self._largest_delay_s = max(self._largest_delay_s, delay_s)

    @property
    def table(self) -> Mapping[str, Any]:
        """As it stands in the report: seconds, and processor seconds per second of signal."""
        seconds = self._samples / self._sample_rate
        stages = {name: cpu_s / seconds if seconds else 0.0 for name, cpu_s in self._cpu_s.items()}
        return {
            "cpu_s_per_s": {name: float(f"{share:.4g}") for name, share in stages.items()},
            "mean_frame_delay_s": round(self._delays_s / self._frames, 3) if self._frames else None,
            "largest_frame_delay_s": round(self._largest_delay_s, 3) if self._frames else None,
            "largest_lag_s": None if self.largest_lag_s is None else round(self.largest_lag_s, 2),
        }

    @property
    def note(self) -> str | None:
        """A sentence when the decoder fell behind the recording, else None."""
        if self.largest_lag_s is None or self.largest_lag_s < BEHIND_S:
            return None
        return (
            f"the decoder was up to {self.largest_lag_s:.1f} s behind the recording; "
            "nothing was lost by it, the rest was decoded afterwards"
        )
