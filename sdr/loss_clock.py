"""Finds lost samples by comparing their count with a clock, where the device neither stamps nor counts them.

A sample that nothing holds up reaches us a fixed time after it was in the air. So the delay

    d = time of arrival - samples so far / sample rate

has a lower envelope: a line, whose slope is the error of the device's crystal against the clock's. Batches of
USB and network, a busy machine, a reader that stalls and then catches up only ever make samples late, and
sooner or later one is punctual again. A loss of n samples lifts the envelope by n / sample rate for good.

So samples that come later than the envelope allows are under suspicion, until either one is punctual again
(nothing is missing), or all have been late for `patience_s` (as much is missing as the least late one is
late). The loss lies between the last punctual sample and the first that comes near that least lateness.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from sdr.envelope import Envelope
from sdr.suspicion import Arrival, Suspicion

log = logging.getLogger(__name__)

_LEARN_S, _LEARN_BATCHES = 0.4, 2.5
PATIENCE_S, NETWORK_PATIENCE_S, _PATIENCE_BATCHES = 0.6, 4.0, 3.0
_WINDOW_S, _WINDOW_BATCHES = 0.25, 2.0
# Lateness that is under no suspicion: scheduling of a quiet machine, and a part of the device's batches.
_LATE_S, _LATE_BATCHES = 0.002, 0.1
_SURELY = 1.5  # times that lateness: a loss so long is found without fail
_WAITED_S = 0.0005
_ALIKE = 4  # times the usual lateness a loss is plain to see at once; else it lies before the fourth so late
_DRIPS = 3  # so often it gets later still before that is taken for losses without end
_SEEN_AGAIN = 0.25  # of the patience: after that time at least, the least lateness must have been met again


def visible_loss_s(batch_s: float) -> float:
    """Shortest loss, in seconds, that is surely told from lateness on a quiet machine.

    Args:
        batch_s: how much signal the device delivers at a time.
    """
    return _SURELY * _late_s(batch_s)


def _late_s(batch_s: float) -> float:
    return max(_LATE_S, _LATE_BATCHES * batch_s)


@dataclass(frozen=True)
class ClockLoss:
    """A loss found by the clock.

    Attributes:
        place: samples received before it.
        length: samples missing.
        uncertainty: ± samples, of place and of length, in 95 % of cases.
    """

    place: int
    length: int
    uncertainty: int


class LossClock:
    """The count of samples against a clock that never steps.

    Args:
        sample_rate: Hz, as the device states it.
        patience_s: lateness that lasts longer is a loss. A network may hold a queue for seconds.

    Attributes:
        count: samples received so far.
        judged: of these, those that are under no suspicion.
    """

    def __init__(self, sample_rate: float, patience_s: float = PATIENCE_S) -> None:
        self.sample_rate, self._least_patience_s = sample_rate, patience_s
        self.count = self.judged = 0
        self._envelope = Envelope()
        self._learnt = False
        self._learning: list[Arrival] = []
        self._newest: ClockLoss | None = None
        self._batches: deque[float] = deque(maxlen=31)
        self._waited_at: float | None = None
        self._batch_s = 0.0
        self._window: list[tuple[float, float]] = []
        self._suspicion = Suspicion()
        self._told: tuple[int, int] | None = None
        # Those that were let pass since the last punctual one: when, and how late; and its number.
        self._rising: list[tuple[float, float]] = []
        self._sure = 0

    @property
    def visible_s(self) -> float:
        """Shortest loss that is surely seen as things stand: more on a busy machine."""
        return _SURELY * self._suspect_s

    @property
    def _suspect_s(self) -> float:
        return max(_late_s(self._batch_s), 2 * self._envelope.spread_s)

    def arrived(self, time_s: float, count: int, waited_s: float) -> list[ClockLoss]:
        """Samples have arrived.

        Args:
            time_s: of the clock.
            count: how many.
            waited_s: how long the reader had waited for them; 0 when they were there already.

        Returns:
            Losses found now, in order; what is `judged` then is so with these losses in it.
        """
        self.count += count
        arrival = Arrival(time_s, self.count)
        self._note_batch(time_s, waited_s)
        if self._learnt:
            return self._judge([arrival])
        self._learning.append(arrival)
        self._window.append((time_s, self._delay(arrival)))
        if time_s - self._learning[0].time_s < max(_LEARN_S, _LEARN_BATCHES * self._batch_s):
            return []
        self._learnt = True
        self._close_window()
        # Some of what the line was learnt from may already lie behind a loss.
        learning, self._learning = self._learning, []
        return self._judge([one for one in learning if one.count > self.judged])

    def overflowed(self) -> None:
        """The device says that samples are missing here, but not how many."""
        if self._told is None:  # what was late before this is no sign of it
            self._suspicion, self.judged = Suspicion(), self.count
        self._told = (self.count if self._told is None else self._told[0], self.count)

    def flush(self) -> None:
        """Nothing more comes: what has come is judged as it is."""
        self.judged = self.count

    def time_of(self, sample: int) -> float:
        """When a received sample was in the air by the clock of the arrivals; after the first arrival only.

        Losses are not counted in: give the number of received samples.
        """
        at_s = sample / self.sample_rate
        if not self._learnt:
            return at_s + min(delay for _, delay in self._window)
        return at_s + self._envelope.at(at_s + self._envelope.at(self._envelope.newest_s))

    def _delay(self, arrival: Arrival) -> float:
        return arrival.time_s - arrival.count / self.sample_rate

    def _note_batch(self, time_s: float, waited_s: float) -> None:
        """How far apart the arrivals are that the reader had to wait for."""
        if waited_s < _WAITED_S:
            return
        if self._waited_at is not None:
            self._batches.append(time_s - self._waited_at)
            self._batch_s = median(self._batches)
        self._waited_at = time_s

    def _judge(self, arrivals: list[Arrival]) -> list[ClockLoss]:
        losses: list[ClockLoss] = []
        while arrivals:
            arrival, *arrivals = arrivals
            late_s = self._delay(arrival) - self._envelope.at(arrival.time_s)
            if late_s <= self._suspect_s and self._told is None:
                self._punctual(arrival)
                continue
            near_s = max(_late_s(self._batch_s), self._envelope.spread_s) / 2
            self._suspicion.add(arrival, late_s, near_s)
            if self._suspicion.lasted_s() >= self._patience_now_s():
                arrivals = self._decide(near_s, losses) + arrivals
        return losses

    @property
    def _patience_s(self) -> float:
        return max(self._least_patience_s, _PATIENCE_BATCHES * self._batch_s)

    def _patience_now_s(self) -> float:
        """A reader that has not had to wait since then may have all that is missing still before it."""
        settled = self._suspicion.arrivals[self._suspicion.settled]
        if self._waited_at is None or self._waited_at >= settled.time_s or self._told is not None:
            return self._patience_s
        return max(self._patience_s, NETWORK_PATIENCE_S)

    def _decide(self, near_s: float, losses: list[ClockLoss]) -> list[Arrival]:
        """Lost or late? Returns the arrivals that are to be looked at again."""
        suspicion = self._suspicion
        settled, last = suspicion.settled, suspicion.near(near_s)[-1]
        seen_again_s = suspicion.arrivals[last].time_s - suspicion.arrivals[settled].time_s
        if seen_again_s < _SEEN_AGAIN * self._patience_s and self._told is None and not self._drips():
            # The last late one before a loss: its lateness has not been met again.
            again = suspicion.arrivals[last + 1 :]
            self._rising.append((suspicion.arrivals[settled].time_s, suspicion.least_s))
            self.judged, self._suspicion = suspicion.arrivals[last].count, Suspicion()
            return again
        losses.append(self._lose(near_s))
        return suspicion.arrivals[settled:]

    def _drips(self) -> bool:
        """Whether samples get lost all the time, too few at once to be seen: ever later, and read at once.

        A busy machine is late that often in an instant; the silence of a loss may use up the patience then.
        """
        suspicion = self._suspicion
        late_s = [*(late_s for _, late_s in self._rising), suspicion.least_s]
        if len(late_s) <= _DRIPS or any(late <= before for before, late in pairwise(late_s)):
            return False
        rising_s = suspicion.arrivals[suspicion.settled].time_s - self._rising[0][0]
        since_waited_s = suspicion.arrivals[-1].time_s - (self._waited_at or 0.0)
        return since_waited_s < self._patience_s <= rising_s

    def _punctual(self, arrival: Arrival) -> None:
        """Nothing is missing up to here; those under suspicion were only late."""
        for one in (*self._suspicion.arrivals, arrival):
            self._window.append((one.time_s, self._delay(one)))
            if one.time_s - self._window[0][0] >= max(_WINDOW_S, _WINDOW_BATCHES * self._batch_s):
                self._close_window()
        self._suspicion, self._rising = Suspicion(), []
        self.judged = self._sure = arrival.count

    def _close_window(self) -> None:
        time_s, delay_s = min(self._window, key=lambda point: point[1])
        self._doubt(self._envelope.at(time_s) - delay_s)
        self._envelope.add(time_s, delay_s, _late_s(self._batch_s))
        self._window = []

    def _doubt(self, early_s: float) -> None:
        """Samples that come earlier again by as much disprove a loss; its zeros cannot be taken back."""
        loss = self._newest
        if loss is None or early_s <= _late_s(self._batch_s):
            return
        if abs(early_s * self.sample_rate - loss.length) > loss.uncertainty:
            return
        log.warning(
            "the loss of %d samples told behind sample %d was probably none: what came there was only late",
            loss.length,
            loss.place,
        )
        self._newest = None

    def _lose(self, near_s: float) -> ClockLoss:
        """The loss that lies among those under suspicion; the envelope is lifted by it."""
        suspicion, self._suspicion = self._suspicion, Suspicion()
        settled = suspicion.arrivals[suspicion.settled]
        behind = settled.count
        if suspicion.least_s < _ALIKE * self._suspect_s:  # the first of them may only have been late
            behind = suspicion.arrivals[suspicion.near(near_s)[:_ALIKE][-1]].count
        first, last = self._told or (self._sure if self._rising else self.judged, behind)
        length = max(round(suspicion.least_s * self.sample_rate), 1)
        # Losses too short to be seen may have come before it.
        error_s = max(self._envelope.error_s(settled.time_s), self._suspect_s / 2)
        self._envelope.lift(length / self.sample_rate)
        self._window, self._told, self._rising = [], None, []
        self._sure = settled.count
        uncertainty = max(math.ceil(error_s * self.sample_rate), (last - first + 1) // 2, 1)
        self._newest = ClockLoss((first + last) // 2, length, uncertainty)
        return self._newest
