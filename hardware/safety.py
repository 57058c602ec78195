"""Whether the antenna may move: wind, lightning, an operator's word.

Each rule compares one value with a threshold. Motion is forbidden at once (or after `hold_s` above it) and
allowed again after `calm_s` of calm beyond the release threshold. Wind and lightning park the antenna; an
operator stops it where it stands, for somebody may be on the mast.

A source that falls silent is no calm: before its first value, and after `stale_after_s` without one, motion
is forbidden and the source is named; a single reading that fails changes nothing. Only where silence means
that nothing happens (a strike sensor) is it set to "calm".

Durations are told by a clock that nobody sets: a step of the machine's time ends no calm and ages no value.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from hardware.errors import SafetyError

log = logging.getLogger(__name__)

_AHEAD_S = 60.0  # a value from further in the future has a clock that is wrong: its age is unknown


@dataclass(frozen=True)
class Reading:
    """A value and when it was measured or arrived, POSIX seconds."""

    value: float
    time: float


class Source(Protocol):
    """Where values come from."""

    def unseen(self) -> Sequence[Reading]:
        """What came since the last call, or what stands there now; at most the extremes and the newest."""

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

    def worst(self, readings: Iterable[Reading]) -> float:
        """The value nearest to the threshold, or furthest beyond it."""
        values = [reading.value for reading in readings]
        return min(values) if self.small_is_bad else max(values)

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
    """A rule and its source, over time.

    Attributes:
        began: POSIX seconds.
        heard_at: when the last value was measured, or the watch began; `elapsed` seconds, as all below.
    """

    rule: Rule
    source: Source
    began: float
    heard_at: float
    last: Reading | None = None
    inhibit: Inhibit | None = None
    bad_since: float | None = None
    calm_since: float | None = None

    def check(self, now: float, elapsed: float) -> Inhibit | None:
        came = self._came(now, elapsed)
        age_s = elapsed - self.heard_at
        if age_s > self.rule.stale_after_s:
            self._stale(age_s, now, elapsed)
        elif came:
            self._value(self.rule.worst(came), now, elapsed)
        elif self.last is not None:
            self._value(self.last.value, now, elapsed)
        return self.inhibit or self._silence()

    @property
    def unheard(self) -> bool:
        """Whether a value is needed that has not come yet."""
        return self.last is None and self.rule.when_stale == "inhibit"

    def _came(self, now: float, elapsed: float) -> list[Reading]:
        """What is new and of known age; what forbids is believed in any case."""
        try:
            shown = self.source.unseen()
        except Exception:
            log.exception("safety: %s", self.rule.name)  # no value: the source grows stale
            return []
        known = (r for r in shown if r.time <= now + _AHEAD_S or self.rule.forbids(r.value))
        came = [reading for reading in known if reading != self.last]
        if came:
            self.last = max(came, key=lambda reading: reading.time)
            self.heard_at = elapsed - max(now - self.last.time, 0.0)
        return came

    def _silence(self) -> Inhibit | None:
        if not self.unheard:
            return None
        return Inhibit(f"{self.rule.name}: no value yet; see to the sensor", self.began, self.rule.park)

    def _stale(self, age_s: float, now: float, elapsed: float) -> None:
        rule, last = self.rule, self.last
        if rule.when_stale == "calm":
            self._calm(elapsed)
            return
        words = "none ever came" if last is None else f"the last was {last.value:g} {rule.unit}".rstrip()
        self._forbid(f"{rule.name}: no value for {age_s:.0f} s, {words}; see to the sensor", now)

    def _value(self, value: float, now: float, elapsed: float) -> None:
        rule = self.rule
        if rule.forbids(value):
            self.calm_since = None
            self.bad_since = elapsed if self.bad_since is None else self.bad_since
            if elapsed - self.bad_since >= rule.hold_s:
                words = f"{value:g} {rule.unit}, limit {rule.inhibit_at:g}" if rule.unit else "forbids motion"
                self._forbid(f"{rule.name} {words}", now)
        elif rule.is_calm(value):
            self._calm(elapsed)
        else:
            self.bad_since = self.calm_since = None  # between the thresholds all stays as it is

    def _forbid(self, reason: str, now: float) -> None:
        self.calm_since = None
        since = now if self.inhibit is None else self.inhibit.since
        self.inhibit = Inhibit(reason, since, self.rule.park)

    def _calm(self, elapsed: float) -> None:
        self.bad_since = None
        self.calm_since = elapsed if self.calm_since is None else self.calm_since
        if elapsed - self.calm_since >= self.rule.calm_s:
            self.inhibit = None


class Safety:
    """All rules together.

    Args:
        rules: with their sources.
        held: what was forbidden when another watch ended, by rule: its calm has to come first.
        now: POSIX seconds.
        elapsed: seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        rules: Sequence[tuple[Rule, Source]],
        *,
        held: Mapping[str, Inhibit] | None = None,
        now: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now, self._elapsed = now, elapsed
        self._states = [_RuleState(rule, source, now(), elapsed()) for rule, source in rules]
        for state in self._states:
            if before := (held or {}).get(state.rule.name):
                state.inhibit = replace(before, park=state.rule.park)

    def check(self) -> Inhibit | None:
        """What forbids motion now, all reasons in one; a reason to stop outranks those to park."""
        now, elapsed = self._now(), self._elapsed()
        found = [inhibit for state in self._states if (inhibit := state.check(now, elapsed)) is not None]
        if not found:
            return None
        return Inhibit(
            "; ".join(inhibit.reason for inhibit in found),
            min(inhibit.since for inhibit in found),
            all(inhibit.park for inhibit in found),
        )

    @property
    def held(self) -> dict[str, Inhibit]:
        """What is forbidden by rule, for the watch that comes after this one."""
        return {state.rule.name: state.inhibit for state in self._states if state.inhibit is not None}

    @property
    def unheard(self) -> tuple[str, ...]:
        """The rules that wait for their first value."""
        return tuple(state.rule.name for state in self._states if state.unheard)

    def close(self) -> None:
        """Close all sources; may be called again."""
        for state in self._states:
            state.source.close()
