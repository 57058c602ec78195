"""One kind of question to the rotator: since when it fails, and what is said of that."""

from __future__ import annotations

from collections.abc import Callable

from hardware.errors import AwayError, RotatorError

_HICCUP_S = 2.0  # so short a silence hides nothing


class Contact:
    """Counts single failures, notes what lasts, each trouble once.

    Args:
        what: "questions were not answered".
        back: "the rotator answers again".
        note: takes the words.

    Attributes:
        away_s: time in which it failed, until it was well again or `end`.
    """

    def __init__(self, what: str, back: str, note: Callable[[str], None]) -> None:
        self._what, self._back, self._note = what, back, note
        self._lost_at: float | None = None
        self._trouble, self._said, self._hiccup, self._hiccups = "", "", "", 0
        self.away_s = 0.0

    def lost(self, error: RotatorError, now: float) -> None:
        """It failed; `now` in seconds of a clock that nobody sets."""
        trouble = "" if isinstance(error, AwayError) else str(error)
        self._trouble = self._trouble or trouble
        if self._lost_at is None:
            self._lost_at = now
        elif trouble and without_numbers(trouble) != self._said:
            self._said = without_numbers(trouble)
            self._note(trouble)

    def again(self, now: float) -> bool:
        """It went well; True where it had failed for so long that anything may have happened."""
        if self._lost_at is None:
            return False
        away_s = now - self._lost_at
        long = away_s > _HICCUP_S
        if long:
            self._tell_trouble()
            self._note(f"{self._back} after {away_s:.1f} s")
        else:
            self._hiccup, self._hiccups = self._hiccup or self._trouble, self._hiccups + 1
        self.away_s += away_s
        self._lost_at, self._trouble, self._said = None, "", ""
        return long

    @property
    def is_lost(self) -> bool:
        """Whether the last one failed."""
        return self._lost_at is not None

    def end(self, now: float) -> None:
        """The pass is over: say what has not been said."""
        if self._lost_at is not None:
            self._tell_trouble()
            self.away_s += now - self._lost_at
        if self._hiccups:
            self._note(f"{self._hiccups} {self._what}, the next one was; the first: {self._hiccup}")

    def _tell_trouble(self) -> None:
        if self._trouble and not self._said:
            self._note(self._trouble)


def without_numbers(text: str) -> str:
    """The same trouble, whatever the figures in it."""
    return "".join(character for character in text if not character.isdigit())
