"""A recording in the place of a receiver: at the pace of the radio, or as fast as it goes."""

from __future__ import annotations

import time
from pathlib import Path

from sdr.errors import DeviceError
from sdr.follow import writer_holds_lock
from sdr.formats import from_samples
from sdr.receiver import Block, Opened, Tuning
from sdr.recording import SampleReader, open_recording
from sdr.recording_files import beside
from sdr.sigmf import INDEX_SUFFIX
from sdr.sigmf_source import sigmf_stem


class Playback:
    """Plays a recording, also one that is still growing; its gaps come as losses, so that a recording of the
    playback equals it.

    Args:
        path: any recording that `open_recording` opens.
        paced: deliver in real time.
        format: as for `open_recording`, like sample_rate.
        sample_rate: Hz, needed for raw samples.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        paced: bool = True,
        format: str | None = None,  # noqa: A002 the word of the command line
        sample_rate: float | None = None,
    ) -> None:
        self.path, self.paced = Path(path), paced
        self._format, self._sample_rate = format, sample_rate
        self._reader: SampleReader | None = None
        self._began = 0.0

    def open(self, tuning: Tuning) -> Opened:
        """Open the recording anew; its own frequency and rate hold, not those asked for."""
        self.close()
        self._reader = open_recording(
            self.path, format=self._format, sample_rate=self._sample_rate, follow=_is_growing(self.path)
        )
        self._began = time.monotonic()
        info = self._reader.info
        notes = []
        if info.sample_rate != tuning.sample_rate:
            notes.append(f"the recording has {info.sample_rate:g} samples/s, not {tuning.sample_rate:g}")
        frequency = tuning.frequency_hz if info.center_frequency_hz is None else info.center_frequency_hz
        if frequency != tuning.frequency_hz:
            notes.append(f"the recording is centred on {frequency:.0f} Hz, not {tuning.frequency_hz:.0f} Hz")
        return Opened(
            f"playback of {self.path.name}",
            info.format,
            frequency,
            info.sample_rate,
            notes=tuple(notes),
            time_source="device",
        )

    def read(self, count: int, timeout_s: float) -> Block:
        """Up to `count` samples; a gap of the recording is the loss before them."""
        if self._reader is None:
            raise DeviceError("the playback is not open")
        if self.paced and not self._wait(count, timeout_s):
            return Block(b"")
        lost, cause, uncertainty = self._pass_gaps()
        first = self._reader.position
        if (waiting := self._reader.waiting) is not None:  # of a growing recording no more than there is
            count = min(count, max(waiting, 1))
        samples = self._reader.read(min(count, self._to_next_gap()))
        info = self._reader.info
        at = None if info.start is None else info.start.timestamp() + first / info.sample_rate
        raw = from_samples(samples, info.format)
        return Block(raw, lost, cause, uncertainty, at, ended=not raw)

    def close(self) -> None:
        """Close the recording; may be called again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _wait(self, count: int, timeout_s: float) -> bool:
        """Wait until the radio would have had `count` more samples; False when that is beyond the timeout."""
        assert self._reader is not None  # noqa: S101 for the type checker
        due = self._began + (self._reader.position + count) / self._reader.info.sample_rate
        wait_s = due - time.monotonic()
        time.sleep(max(min(wait_s, timeout_s), 0.0))
        return wait_s <= timeout_s

    def _pass_gaps(self) -> tuple[int, str, int]:
        """Skip the gaps that lie here: their samples, causes and uncertainty."""
        assert self._reader is not None  # noqa: S101 for the type checker
        lost, uncertainty, causes = 0, 0, []
        for gap in self._reader.info.gaps:
            if gap.sample_index == self._reader.position:
                lost += self._skip(gap.sample_count)
                uncertainty = max(uncertainty, gap.uncertainty)
                causes.append(gap.cause)
        return lost, "; ".join(causes), uncertainty

    def _skip(self, count: int) -> int:
        assert self._reader is not None  # noqa: S101 for the type checker
        left = count
        while left and (got := len(self._reader.read(min(left, 1 << 18)))):
            left -= got
        return count - left

    def _to_next_gap(self) -> int:
        assert self._reader is not None  # noqa: S101 for the type checker
        position = self._reader.position
        return min(
            (g.sample_index - position for g in self._reader.info.gaps if g.sample_index > position),
            default=1 << 30,
        )


def _is_growing(path: Path) -> bool:
    """Whether a recorder still writes this recording."""
    stem = sigmf_stem(path)
    index = None if stem is None else beside(stem, INDEX_SUFFIX)
    return index is not None and index.exists() and writer_holds_lock(index)
