"""Frames from samples: the mode is chosen, then demodulated and decoded from the beginning."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from decoders.demodulation.demodulators import AnyDemodulator, least_sample_rate, open_demodulator
from decoders.demodulation.detect import choose_mode, describe
from decoders.demodulation.observer import Observer, Row
from decoders.demodulation.soft_block import SoftBlock
from decoders.downlink import Downlink, Mode
from decoders.errors import InputError
from decoders.framing.frame import Frame
from decoders.framing.frames import Tap
from decoders.mode_search import ModeSearch
from decoders.pace import Pace, frame_seconds
from decoders.report import InputFacts
from decoders.watchers import Watcher
from sdr.formats import Codes, Samples, as_samples
from sdr.recording import Reader

# Samples are looked at for their mode on a fixed grid; what is demodulated does not depend on it.
READ_SAMPLES = 1 << 16
# Once frames come the mode stands: then so many at a time, for what is done once per portion.
LONG_READ_SAMPLES = 1 << 18
# Those of a growing recording come in so short portions of it: a frame waits for the last one to be full.
LIVE_SECONDS = 0.1
# What is looked at to choose the mode, and how much is kept until it is known: 6 s, but at most 24 MB.
WINDOW_SECONDS, KEPT_WINDOWS, KEPT_BYTES = 1.5, 4, 24_000_000
# What is kept to say in the end what was there instead.
STRONGEST_SECONDS, STRONGEST_BYTES = 1.5, 12_000_000
# No receiver gives more; a rate beyond it is a slip of the operator's finger.
LARGEST_RATE = 200e6


class IqSource:
    """Samples: the mode is chosen by its spectral lines, then demodulated and decoded from the beginning."""

    def __init__(
        self,
        reader: Reader,
        downlink: Downlink,
        *,
        tap: Tap | None,
        watchers: Sequence[Watcher] = (),
        lead: int = 0,
    ) -> None:
        """Set up; `lead` samples come before the one from which times count."""
        self._reader = reader
        self._lead_s = lead / reader.info.sample_rate
        self._watchers = watchers
        self._modes = downlink.modes
        self._tap = tap
        self._notes: list[str] = []
        self._kept: list[Samples] = []
        self._step = _Step()
        self._read = 0  # samples
        self._first = 0  # sample with which the demodulator began
        self._portion = _portion(reader)
        self._strongest = _Strongest(reader.info.sample_rate)
        self._demodulator: AnyDemodulator | None = None
        self._pace = Pace(reader.info.sample_rate)
        self._good = False
        self._chosen = False  # by the samples, not by the operator
        self._rival: Mode | None = None
        self._fresh = 0
        self.mode = downlink.modes[0] if len(downlink.modes) == 1 else None
        self._check_rate()
        reader.hash_while_reading()
        for watcher in watchers:
            watcher.opened(reader.info)

    def _check_rate(self) -> None:
        rate, needed = self._reader.info.sample_rate, min(map(least_sample_rate, self._modes))
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
            gaps=info.gaps,
            notes=(*self._reader.notes, *self._notes),
            demodulator=self._demodulator_table,
            pace=self._pace.table,
            end=info.end,
            run_notes=(self._pace.note,) if self._pace.note else (),
        )

    @property
    def _demodulator_table(self) -> dict[str, Any] | None:
        if self._demodulator is None:
            return None
        # What is no sample was zero already when it came to the demodulator.
        return asdict(self._demodulator.report) | {"samples_not_finite": self._reader.unusable}

    @property
    def lag_s(self) -> float | None:
        """Seconds by which the reading is behind a growing recording; None where it does not grow."""
        return self._pace.lag_s

    @property
    def fraction(self) -> float | None:
        """Samples read, of all."""
        count = self._reader.info.sample_count
        return min(1.0, self._reader.position / count) if count else None

    def sha256(self) -> str:
        """Hash of the file of samples."""
        return self._reader.sha256()

    def close(self) -> None:
        """Close the recording."""
        self._reader.close()

    def frames(self) -> Iterator[list[Frame]]:
        """Located frames as the recording is read."""
        blocks = self._blocks()
        if self.mode is None:
            yield from self._until_mode(blocks)
        tried = None
        while self.mode is not None and self.mode is not tried:
            tried = self.mode
            yield from self._demodulated(tried, blocks)
        if not self._good:
            self._kept = []
            what = describe(self._strongest.take(), self._reader.info.sample_rate, self._modes)
            self._notes.append(f"where the input is strongest it holds {what}")

    def _blocks(self) -> Iterator[Samples | Codes]:
        while True:
            with self._pace.stage("read"):
                block = self._next()
            if not len(block):
                return
            self._read += len(block)
            self._pace.read(len(block), self._reader.waiting)
            if not isinstance(block, Codes):
                self._look(block)
            yield block

    @property
    def _alone(self) -> bool:
        """Whether nobody looks at what passes, nor waits for what comes out."""
        watched = self._watchers or self._tap is not None
        return self._good and self._reader.waiting is None and not watched

    def _next(self) -> Samples | Codes:
        """The next portion; as it is written where nobody but the demodulator looks at it."""
        long = self._good and self._reader.waiting is None
        count = LONG_READ_SAMPLES if long else self._portion
        return self._reader.read_codes(count) if self._alone else self._reader.read(count)

    def _look(self, block: Samples) -> None:
        for watcher in self._watchers:
            watcher.samples(block, self._reader.position, self._pace.lag_s)
        if not self._good:
            self._strongest.watch(block)

    def _demodulated(self, mode: Mode, blocks: Iterator[Samples | Codes]) -> Iterator[list[Frame]]:
        """Decode to the end, or until the samples show that the mode was chosen wrongly."""
        demodulator = self._demodulator = open_demodulator(mode, self._reader.info.sample_rate)
        self._first = self._read - sum(map(len, self._kept))
        if self._watchers:
            demodulator.observer = self._observer(mode, demodulator.factor)
        decoder = ModeSearch([mode], tap=self._tap, prompt=self._reader.waiting is not None)
        for kept in self._kept:
            yield self._decode(decoder, demodulator, kept)
        for block in blocks:
            yield self._decode(decoder, demodulator, block)
            if self._good:
                self._kept = []
            elif self._chosen and self._is_rival_sure(as_samples(block), mode):
                return
        yield self._give_soft(decoder, demodulator.flush())
        with self._pace.stage("decode"):
            frames = decoder.flush()
        yield self._noted(frames)

    def _observer(self, mode: Mode, factor: int) -> Observer:
        first_s = self._first / self._reader.info.sample_rate - self._lead_s

        def give(row: Row) -> None:
            for watcher in self._watchers:
                watcher.row(replace(row, time_s=row.time_s + first_s))

        eye = any(watcher.wants_eye for watcher in self._watchers)
        return Observer(mode, self._reader.info.sample_rate, factor, give, eye=eye)

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

    def _decode(
        self, decoder: ModeSearch, demodulator: AnyDemodulator, block: Samples | Codes
    ) -> list[Frame]:
        if not isinstance(block, Codes):
            self._give("samples", block)
        with self._pace.stage("demodulate"):
            soft = demodulator.process(block, patient=self._alone)
        return self._give_soft(decoder, soft)

    def _give_soft(self, decoder: ModeSearch, soft: SoftBlock) -> list[Frame]:
        if not soft.soft_bits.size:
            return []
        self._give("soft", soft.soft_bits)
        with self._pace.stage("decode"):
            frames = decoder.process(soft.soft_bits, soft.sample_index + self._first, soft.esn0_db)
        return self._noted(frames)

    def _noted(self, frames: list[Frame]) -> list[Frame]:
        if self.mode is not None:
            samples = frame_seconds(self.mode) * self._reader.info.sample_rate
            for frame in frames:
                if frame.good and frame.sample_index is not None:
                    self._pace.frame(frame.sample_index + samples)
        self._good = self._good or any(frame.good for frame in frames)
        return frames

    def _until_mode(self, blocks: Iterator[Samples | Codes]) -> Iterator[list[Frame]]:
        """Read until a window shows a mode; the last windows are kept, so that no frame is lost."""
        for block in blocks:
            if self._keep(as_samples(block)):
                self._choose()
                yield []
                if self.mode is not None:
                    return
        if len(rest := self._step.take()):
            self._keep_step(rest)
        if self._kept:
            self._choose()

    def _keep(self, portion: Samples) -> bool:
        """Keep a portion for a mode that may be found later; whether a window is full."""
        return self._step.add(portion) and self._keep_step(self._step.take())

    def _keep_step(self, step: Samples) -> bool:
        window = self._window_steps()
        self._kept = [*self._kept, step][-KEPT_WINDOWS * window :]
        self._fresh = (self._fresh + 1) % window
        return self._fresh == 0

    def _window_steps(self) -> int:
        rate = self._reader.info.sample_rate
        return _steps_of(min(WINDOW_SECONDS * rate, KEPT_BYTES / 8 / KEPT_WINDOWS))

    def _window(self) -> Samples:
        return np.concatenate(self._kept[-2 * self._window_steps() :])

    def _choose(self) -> None:
        guess = choose_mode(self._window(), self._reader.info.sample_rate, self._modes)
        if guess is not None:
            self.mode, self._chosen = guess.mode, True
            self._notes.append(f"found {guess.signal}")

    def _give(self, joint: str, passed: npt.NDArray[np.generic]) -> None:
        if self._tap is not None and passed.size:
            self._tap(joint, passed)


def _portion(reader: Reader) -> int:
    """Samples read at a time, which always fill the grid."""
    portion = READ_SAMPLES
    if reader.waiting is not None:
        while portion > max(LIVE_SECONDS * reader.info.sample_rate, 1024.0):
            portion //= 2
    return portion


def _steps_of(samples: float) -> int:
    """Steps of the grid in a stretch, at least one."""
    return max(1, round(samples / READ_SAMPLES))


class _Step:
    """Puts portions together to a step of the grid: what is judged by steps does not depend on them."""

    def __init__(self) -> None:
        self._portions: list[Samples] = []

    def add(self, portion: Samples) -> bool:
        """Takes the next portion; whether the step is full."""
        self._portions.append(portion)
        return sum(map(len, self._portions)) >= READ_SAMPLES

    def take(self) -> Samples:
        """What has come of the step; a new one begins."""
        portions, self._portions = self._portions, []
        return portions[0] if len(portions) == 1 else np.concatenate([np.zeros(0, np.complex64), *portions])


class _Strongest:
    """Remembers the stretch of samples with the most power, to say in the end what was there instead."""

    def __init__(self, sample_rate: float) -> None:
        steps = _steps_of(min(STRONGEST_SECONDS * sample_rate, STRONGEST_BYTES / 8))
        self._step = _Step()
        self._last: deque[Samples] = deque(maxlen=steps)
        self._powers: deque[float] = deque(maxlen=steps)
        self._best: tuple[Samples, ...] = ()
        self._power = -1.0

    def watch(self, portion: Samples) -> None:
        """Takes the next portion."""
        if self._step.add(portion):
            self._judge(self._step.take())

    def _judge(self, step: Samples) -> None:
        self._last.append(step)
        self._powers.append(float(np.vdot(step, step).real) / len(step))
        mean = sum(self._powers) / len(self._powers)
        if len(self._best) < len(self._powers) or mean > self._power:
            self._best, self._power = tuple(self._last), mean

    def take(self) -> Samples:
        """The strongest stretch, once; nothing is remembered any more."""
        if len(rest := self._step.take()):
            self._judge(rest)
        best, self._best = self._best, ()
        self._last.clear()
        return np.concatenate([np.zeros(0, dtype=np.complex64), *best])
