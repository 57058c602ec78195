"""Stops a rotator until it is seen to stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware.contact import without_numbers
from hardware.errors import RotatorError
from hardware.following import Rotator
from hardware.rotator_model import Direction
from hardware.watch import MotionWatch, off_deg

_AT_LEAST_S = 60.0
_PAUSE_S = 0.5
_BRAKE_S = 1.0  # a healthy axis has braked by then


@dataclass(frozen=True)
class Halting:
    """A stop that is tried again and again.

    Attributes:
        rotator: opened.
        watch: knows what counts as standing.
        note: takes what goes wrong.
        steady: seconds of a clock that nobody sets.
        sleep: waits seconds, by the same clock.
    """

    rotator: Rotator
    watch: MotionWatch
    note: Callable[[str], None]
    steady: Callable[[], float]
    sleep: Callable[[float], None]

    def until(self, over: Callable[[], bool]) -> bool:
        """Try until `over`, and a minute at least; True when it is seen to stand.

        A rotctld that is away may come back, and a rotator that moves on without anybody to stop it runs
        into its end.
        """
        begin, problem = self.steady(), ""
        while not (self.steady() - begin > _AT_LEAST_S and over()):
            tried_at = self.steady()
            found = self._once()
            if not found:
                return True
            if without_numbers(found) != problem:
                problem = without_numbers(found)
                self.note(f"{found}; look after it, and switch off its power if it moves")
            self.sleep(max(_PAUSE_S - (self.steady() - tried_at), 0.02))
        self.note("it is not known to stand")
        return False

    def _once(self) -> str:
        """One try; what is wrong, or empty where it is seen to stand."""
        try:
            self.rotator.stop()
            self.sleep(_BRAKE_S)
            before = self.rotator.position()
            self.sleep(self.watch.standing_s)
            after = self.rotator.position()
        except RotatorError as error:
            return f"stopping it: {error}"
        if off_deg(before, after) <= self.watch.standing_deg:
            return ""
        return f"it still moves after the stop: {words_of(before)}, then {words_of(after)}"


def words_of(direction: Direction) -> str:
    """Azimuth and elevation, for people."""
    return f"{direction[0]:.1f}, {direction[1]:.1f}"
