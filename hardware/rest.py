"""Brings a rotator to rest, parked or stopped, and sees that it gets there; one short step at a time."""

from __future__ import annotations

from collections.abc import Callable

from hardware.errors import AwayError, RotatorError
from hardware.following import Rotator
from hardware.rotator_model import Direction
from hardware.watch import MotionWatch, off_deg

_MOST_SENT = 4
_PARK_PATIENCE_S = 10.0
_BRAKES_S = 4.0


class Rest:
    """A rotator on its way to rest.

    Args:
        rotator: to be brought to rest.
        watch: of its motion.
        say: takes the words.

    Attributes:
        done: whether it was seen to stand where it should, or was given up.
    """

    def __init__(self, rotator: Rotator, watch: MotionWatch, say: Callable[[str], None]) -> None:
        self._rotator, self._watch, self._say = rotator, watch, say
        self._park: bool | None = None
        self._parks = self.done = False
        self._sent, self._said = 0, ""
        self._sent_at: float | None = None
        self._failing_since: float | None = None
        self._looked_at = 0.0
        self._at: Direction | None = None

    def step(self, *, park: bool, now: float) -> bool:
        """Do what is due for a rotator to be parked, or stopped where it is; True when that is done.

        Called again and again; what is wanted may change meanwhile.

        Args:
            park: send it to its park position; else stop it where it is.
            now: seconds of a clock that nobody sets.
        """
        if park != self._park:
            self._begin(park)
        if self.done:
            return True
        try:
            if self._sent_at is None:
                self._send(now)
            elif now - self._looked_at >= self._watch.standing_s:
                self._look(now)
            self._failing_since = None
        except RotatorError as error:
            self._failed(error, now)
        return self.done

    def _begin(self, park: bool) -> None:
        self._park = self._parks = park
        self._sent, self._said, self.done = 0, "", False
        self._sent_at = self._failing_since = None

    def _send(self, now: float) -> None:
        if self._parks:
            self._rotator.park()
            self._watch.resumed()
            self._watch.fault(self._rotator.position(), now)  # from where, for the way round
            if self._rotator.park_position is not None:
                self._watch.commanded(self._rotator.park_position, now)
        else:
            self._rotator.stop()
        self._sent_at = self._looked_at = now
        self._at = None
        self._sent += 1

    def _look(self, now: float) -> None:
        before, self._at, self._looked_at = self._at, self._rotator.position(), now
        if self._parks:
            fault = self._watch.fault(self._at, now)
            if fault and not self._watch.only_stalls:
                self._stop_instead(fault)
                return
        if before is not None and off_deg(before, self._at) <= self._watch.standing_deg:
            self._stands(self._at)
        elif before is not None and not self._parks and now - (self._sent_at or now) > _BRAKES_S:
            self._say_once(f"it still moves after the stop, at {_words(self._at)}: switch off its power")
            self._sent_at = None

    def _stands(self, at: Direction) -> None:
        """What it does where it stands now; a command may have got lost on its way."""
        target = self._rotator.park_position if self._parks else None
        self.done = target is None or off_deg(at, target) <= self._watch.near_deg
        if self.done:
            self._say(f"it {'is parked' if self._parks else 'stands'} at {_words(at)}")
        elif self._sent < _MOST_SENT:
            self._sent_at = None
        else:
            self.done = True
            self._say(f"it stands at {_words(at)} and not in its park position: look after it")

    def _failed(self, error: RotatorError, now: float) -> None:
        since = self._failing_since = now if self._failing_since is None else self._failing_since
        if self._parks and now - since > _PARK_PATIENCE_S:
            self._stop_instead(f"it could not be parked: {error}")
        elif not isinstance(error, AwayError):
            self._say_once(str(error))

    def _stop_instead(self, why: str) -> None:
        self._say(f"{why}; it is stopped instead")
        self._parks, self._sent_at, self._failing_since = False, None, None

    def _say_once(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._say(text)


def _words(direction: Direction) -> str:
    return f"{direction[0]:.1f}, {direction[1]:.1f}"
