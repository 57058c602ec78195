"""Frames from samples: the mode is chosen, then demodulated and decoded from the beginning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sdr.recording import SampleReader, recording_sha256

from .demodulator import Demodulator, SoftBlock
from .detect import choose_mode, describe
from .downlink import Downlink
from .errors import InputError
from .frames import Frame, Tap
from .mode_search import ModeSearch
from .report import InputFacts

# Samples are read on a fixed grid; nothing downstream depends on it.
READ_SAMPLES = 1 << 16
# What is looked at to choose the mode, and how much is kept until it is known.
WINDOW_SECONDS, KEPT_WINDOWS = 1.5, 4

Samples = npt.NDArray[np.complex64]


class IqSource:
    """Samples: the mode is chosen by its spectral lines, then demodulated and decoded from the beginning."""

    def __init__(self, reader: SampleReader, downlink: Downlink, *, tap: Tap | None) -> None:
        self._reader = reader
        self._modes = downlink.modes
        self._tap = tap
        self._notes: list[str] = []
        self._kept: list[Samples] = []
        self.mode = downlink.modes[0] if len(downlink.modes) == 1 else None
        self.offset_hz: float | None = None
        self._check_rate()

    def _check_rate(self) -> None:
        rate, needed = self._reader.info.sample_rate, 1.3 * min(mode.symbol_rate for mode in self._modes)
        if rate < needed:
            self._reader.close()
            raise InputError(
                f"{self._reader.info.path}: {rate:.0f} samples/s cannot hold this downlink, "
                f"at least {needed:.0f} are needed; is --rate right?"
            )

    @property
    def facts(self) -> InputFacts:
        """What is known about the recording."""
        info = self._reader.info
        return InputFacts(
            format=info.format,
            sample_rate=info.sample_rate,
            samples=self._reader.position,
            start=info.start,
            gaps=tuple((gap.sample_index, gap.sample_count, str(gap.cause)) for gap in info.gaps),
            notes=(*self._reader.notes, *self._notes),
        )

    @property
    def fraction(self) -> float | None:
        """Samples read, of all."""
        count = self._reader.info.sample_count
        return min(1.0, self._reader.position / count) if count else None

    def sha256(self) -> str:
        """Hash of the file of samples."""
        return recording_sha256(self._reader.info.path)

    def close(self) -> None:
        """Close the recording."""
        self._reader.close()

    def frames(self) -> Iterator[list[Frame]]:
        """Located frames as the recording is read."""
        blocks = self._reader.blocks(READ_SAMPLES)
        if self.mode is None:
            yield from self._until_mode(blocks)
        if self.mode is None:
            return
        demodulator = Demodulator(
            sample_rate=self._reader.info.sample_rate,
            modulation=self.mode.modulation,
            symbol_rate=self.mode.symbol_rate,
            rolloff=self.mode.rolloff,
        )
        decoder = ModeSearch([self.mode], tap=self._tap)
        kept, self._kept = self._kept, []
        for block in itertools.chain(kept, blocks):
            self._give("samples", block)
            yield self._decode(decoder, demodulator.process(block))
            self.offset_hz = demodulator.report.offset_hz
        yield self._decode(decoder, demodulator.flush())
        yield decoder.flush()

    def _decode(self, decoder: ModeSearch, soft: SoftBlock) -> list[Frame]:
        self._give("soft", soft.soft_bits)
        return decoder.process(soft.soft_bits, soft.sample_index, soft.ebn0_db)

    def _until_mode(self, blocks: Iterator[Samples]) -> Iterator[list[Frame]]:
        """Read until a window shows a mode; the last windows are kept, so that no frame is lost."""
        rate = self._reader.info.sample_rate
        window = max(1, round(WINDOW_SECONDS * rate / READ_SAMPLES))
        fresh = 0
        for block in blocks:
            self._kept.append(block)
            fresh += 1
            if fresh == window:
                self._choose(self._kept[-2 * window :], rate)
                fresh = 0
                yield []
                if self.mode is not None:
                    return
                self._kept = self._kept[-KEPT_WINDOWS * window :]
        if self._kept:
            self._choose(self._kept, rate)
        if self._kept and self.mode is None:
            self._notes.append(f"the last seconds hold {describe(np.concatenate(self._kept), rate)}")

    def _choose(self, blocks: list[Samples], rate: float) -> None:
        guess = choose_mode(np.concatenate(blocks), rate, self._modes)
        if guess is not None:
            self.mode = guess.mode
            self._notes.append(f"found {guess.signal}")

    def _give(self, joint: str, passed: npt.NDArray[np.generic]) -> None:
        if self._tap is not None and passed.size:
            self._tap(joint, passed)
