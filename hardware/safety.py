"""Whether the antenna may move: wind, lightning, an operator's word.

Each rule compares one value with a threshold. Motion is forbidden at once (or after `hold_s` above it) and
allowed again after `calm_s` of calm beyond the release threshold. Wind and lightning park the antenna; an
operator stops it where it stands, for somebody may be on the mast.

A source that falls silent is no calm: after `stale_after_s` without a value motion is forbidden and the
source is named. Only where silence means that nothing happens (a strike sensor) is it set to "calm".
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from hardware.errors import SafetyError


@dataclass(frozen=True)
class Reading:
    """A value and when it was measured or arrived, POSIX seconds."""

    value: float
    time: float


class Source(Protocol):
    """Where values come from."""

    def latest(self) -> Reading | None:
        """The latest value, None when there is none yet."""

    def close(self) -> None:
        """End; may be called again."""


@dataclass(frozen=True)
class Inhibit:
    """Why motion is forbidden, since when (POSIX seconds), and whether to park (else stop)."""

    reason: str
    since: float
    park: bool


@dataclass(frozen=True)
class Rule:
    """One threshold.

    Attributes:
        name: "wind", "lightning", "operator".
        unit: of the value, for the words; none for a yes or no.
        inhibit_at: at or beyond which motion is forbidden.
        release_at: back beyond which it is calm; above `inhibit_at` where small values are bad (km).
        hold_s: how long beyond the threshold before it counts.
        calm_s: how long calm before motion is allowed again.
        stale_after_s: age of a value that says nothing any more.
        when_stale: what silence means.
        park: park when forbidden; else stop.

    Raises:
        SafetyError: thresholds that are no numbers, or times that are negative.
    """

    name: str
    unit: str
    inhibit_at: float
    release_at: float
    hold_s: float = 0.0
    calm_s: float = 600.0
    stale_after_s: float = 300.0
    when_stale: Literal["inhibit", "calm"] = "inhibit"
    park: bool = True

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.inhibit_at, self.release_at))):
            raise SafetyError(
                f"{self.name}: thresholds {self.inhibit_at:g} and {self.release_at:g} are no numbers"
            )
        if not (self.hold_s >= 0 and self.calm_s >= 0 and self.stale_after_s > 0):
            raise SafetyError(f"{self.name}: hold_s and calm_s are at least 0, stale_after_s is above 0")

    @property
    def small_is_bad(self) -> bool:
        """Whether small values forbid, as with the distance of a strike."""
        return self.release_at > self.inhibit_at

    def forbids(self, value: float) -> bool:
        """Whether a value lies beyond the threshold."""
        return value <= self.inhibit_at if self.small_is_bad else value >= self.inhibit_at

    def is_calm(self, value: float) -> bool:
        """Whether a value lies on the calm side of the release threshold."""
        return (
            value >= self.release_at
            if self.small_is_bad
            else value <= self.release_at and not self.forbids(value)
        )


@dataclass
class _RuleState:
    """A rule and its source, over time."""

    rule: Rule
    source: Source
    began: float
    inhibit: Inhibit | None = None
    bad_since: float | None = None
    calm_since: float | None = None

    def check(self, now: float) -> Inhibit | None:
        reading = self.source.latest()
        if reading is not None and reading.time > now + 60:
            reading = None  # a time in the future would look fresh for ever
        age_s = now - (self.began if reading is None else reading.time)
        if age_s > self.rule.stale_after_s:
            self._stale(reading, age_s, now)
        elif reading is not None:
            self._value(reading.value, now)
        return self.inhibit

    def _stale(self, reading: Reading | None, age_s: float, now: float) -> None:
        if self.rule.when_stale == "calm":
            self._calm(now)
            return
        last = "none ever came" if reading is None else f"the last was {reading.value:g} {self.rule.unit}"
        self._forbid(f"{self.rule.name}: no value for {age_s:.0f} s, {last}; see to the sensor", now)

    def _value(self, value: float, now: float) -> None:
        rule = self.rule
        if rule.forbids(value):
            self.calm_since = None
            self.bad_since = now if self.bad_since is None else self.bad_since
            if now - self.bad_since >= rule.hold_s:
                words = f"{value:g} {rule.unit}, limit {rule.inhibit_at:g}" if rule.unit else "forbids motion"
                self._forbid(f"{rule.name} {words}", now)
        elif rule.is_calm(value):
            self._calm(now)
        else:
            self.bad_since = self.calm_since = None  # between the thresholds all stays as it is

    def _forbid(self, reason: str, now: float) -> None:
        self.calm_since = None
        since = now if self.inhibit is None else self.inhibit.since
        self.inhibit = Inhibit(reason, since, self.rule.park)

    def _calm(self, now: float) -> None:
        self.bad_since = None
        self.calm_since = now if self.calm_since is None else self.calm_since
        if now - self.calm_since >= self.rule.calm_s:
            self.inhibit = None


class Safety:
    """All rules together.

    Args:
        rules: with their sources.
        now: POSIX seconds.
    """

    def __init__(self, rules: Sequence[tuple[Rule, Source]], *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._states = [_RuleState(rule, source, now()) for rule, source in rules]

    def check(self) -> Inhibit | None:
        """What forbids motion now, all reasons in one; a reason to stop outranks those to park."""
        now = self._now()
        found = [inhibit for state in self._states if (inhibit := state.check(now)) is not None]
        if not found:
            return None
        return Inhibit(
            "; ".join(inhibit.reason for inhibit in found),
            min(inhibit.since for inhibit in found),
            all(inhibit.park for inhibit in found),
        )

    def close(self) -> None:
        """Close all sources; may be called again."""
        for state in self._states:
            state.source.close()
