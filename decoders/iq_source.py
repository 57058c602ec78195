"""Frames from samples: the mode is chosen, then demodulated and decoded from the beginning."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import numpy.typing as npt

from sdr.recording import SampleReader, recording_sha256

from .demodulator import Demodulator, SoftBlock
from .detect import choose_mode, describe
from .downlink import Downlink, Mode
from .errors import InputError
from .frames import Frame, Tap
from .mode_search import ModeSearch
from .report import InputFacts

# Samples are read on a fixed grid; nothing downstream depends on it.
READ_SAMPLES = 1 << 16
# What is looked at to choose the mode, and how much is kept until it is known.
WINDOW_SECONDS, KEPT_WINDOWS = 1.5, 4
# Six seconds are kept until the mode is known: 1 GB at this rate.
LARGEST_RATE = 20e6

Samples = npt.NDArray[np.complex64]


class IqSource:
    """Samples: the mode is chosen by its spectral lines, then demodulated and decoded from the beginning."""

    def __init__(self, reader: SampleReader, downlink: Downlink, *, tap: Tap | None) -> None:
        self._reader = reader
        self._modes = downlink.modes
        self._tap = tap
        self._notes: list[str] = []
        self._kept: list[Samples] = []
        self._strongest = _Strongest()
        self._demodulator: Demodulator | None = None
        self._good = False
        self._chosen = False  # by the samples, not by the operator
        self._rival: Mode | None = None
        self._fresh = 0
        self.mode = downlink.modes[0] if len(downlink.modes) == 1 else None
        self._check_rate()

    def _check_rate(self) -> None:
        rate, needed = self._reader.info.sample_rate, 1.3 * min(mode.symbol_rate for mode in self._modes)
        if rate < needed:
            self._reader.close()
            raise InputError(
                f"{self._reader.info.path}: {rate:.0f} samples/s cannot hold this downlink, "
                f"at least {needed:.0f} are needed; is --rate right?"
            )
        if rate > LARGEST_RATE:
            self._reader.close()
            raise InputError(
                f"{self._reader.info.path}: {rate:.6g} samples/s; at most {LARGEST_RATE:.0f} are decoded: "
                "is --rate right? Else reduce the rate of the recording first"
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
            demodulator=None if self._demodulator is None else asdict(self._demodulator.report),
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
        blocks = self._strongest.watch(self._reader.blocks(READ_SAMPLES))
        if self.mode is None:
            yield from self._until_mode(blocks)
        tried = None
        while self.mode is not None and self.mode is not tried:
            tried = self.mode
            yield from self._demodulated(tried, blocks)
        if not self._good:
            what = describe(self._strongest.samples(), self._reader.info.sample_rate)
            self._notes.append(f"where the input is strongest it holds {what}")

    def _demodulated(self, mode: Mode, blocks: Iterator[Samples]) -> Iterator[list[Frame]]:
        """Decode to the end, or until the samples show that the mode was chosen wrongly."""
        demodulator = self._demodulator = Demodulator(
            sample_rate=self._reader.info.sample_rate,
            modulation=mode.modulation,
            symbol_rate=mode.symbol_rate,
            rolloff=mode.rolloff,
        )
        decoder = ModeSearch([mode], tap=self._tap)
        for block in self._kept:
            yield self._decode(decoder, demodulator, block)
        for block in blocks:
            yield self._decode(decoder, demodulator, block)
            if self._good:
                self._kept = []
            elif self._chosen and self._is_rival_sure(block, mode):
                return
        yield self._give_soft(decoder, demodulator.flush())
        yield self._noted(decoder.flush())

    def _is_rival_sure(self, block: Samples, mode: Mode) -> bool:
        """Before the first good frame: whether two windows running show another mode; then it is taken."""
        if not self._keep(block):
            return False
        guess = choose_mode(self._window(), self._reader.info.sample_rate, self._modes)
        rival = guess.mode if guess is not None and guess.mode is not mode else None
        sure = rival is not None and rival is self._rival
        self._rival = rival
        if sure and guess is not None:
            self.mode = rival
            self._notes.append(f"found {guess.signal}, after no frame came in the mode {mode.name}")
        return sure

    def _decode(self, decoder: ModeSearch, demodulator: Demodulator, block: Samples) -> list[Frame]:
        self._give("samples", block)
        return self._give_soft(decoder, demodulator.process(block))

    def _give_soft(self, decoder: ModeSearch, soft: SoftBlock) -> list[Frame]:
        self._give("soft", soft.soft_bits)
        return self._noted(decoder.process(soft.soft_bits, soft.sample_index, soft.esn0_db))

    def _noted(self, frames: list[Frame]) -> list[Frame]:
        self._good = self._good or any(frame.good for frame in frames)
        return frames

    def _until_mode(self, blocks: Iterator[Samples]) -> Iterator[list[Frame]]:
        """Read until a window shows a mode; the last windows are kept, so that no frame is lost."""
        for block in blocks:
            if self._keep(block):
                self._choose()
                yield []
                if self.mode is not None:
                    return
        if self._kept:
            self._choose()

    def _keep(self, block: Samples) -> bool:
        """Keep a block for a mode that may be found later; whether a window is full."""
        window = self._window_blocks()
        self._kept = [*self._kept, block][-KEPT_WINDOWS * window :]
        self._fresh = (self._fresh + 1) % window
        return self._fresh == 0

    def _window_blocks(self) -> int:
        return max(1, round(WINDOW_SECONDS * self._reader.info.sample_rate / READ_SAMPLES))

    def _window(self) -> Samples:
        return np.concatenate(self._kept[-2 * self._window_blocks() :])

    def _choose(self) -> None:
        guess = choose_mode(self._window(), self._reader.info.sample_rate, self._modes)
        if guess is not None:
            self.mode, self._chosen = guess.mode, True
            self._notes.append(f"found {guess.signal}")

    def _give(self, joint: str, passed: npt.NDArray[np.generic]) -> None:
        if self._tap is not None and passed.size:
            self._tap(joint, passed)


class _Strongest:
    """Remembers the stretch of samples with the most power, to say in the end what was there instead."""

    BLOCKS = 6

    def __init__(self) -> None:
        self._last: deque[Samples] = deque(maxlen=self.BLOCKS)
        self._best: tuple[Samples, ...] = ()
        self._power = -1.0

    def watch(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        """The blocks, unchanged."""
        powers: deque[float] = deque(maxlen=self.BLOCKS)
        for block in blocks:
            self._last.append(block)
            powers.append(float(np.mean(np.abs(block) ** 2)))
            if len(self._best) < len(powers) or np.mean(powers) > self._power:
                self._best, self._power = tuple(self._last), float(np.mean(powers))
            yield block

    def samples(self) -> Samples:
        """The strongest stretch."""
        return np.concatenate([np.zeros(0, dtype=np.complex64), *self._best])
