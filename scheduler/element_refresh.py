"""One refresh of the store under way: what came is judged source by source, and what is said of it all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.element_checks import FUTURE
from scheduler.element_clock import ClockFinding, ClockState, clock_against_elements
from scheduler.element_vault import Refusal, Vault
from scheduler.elements import Elements

_FRESH = timedelta(days=1.5)
_WITNESSES = 3  # satellites whose sets follow from their own and lie ahead of the clock


@dataclass(frozen=True)
class SourceReport:
    """What one source gave; `outcome` is read, partial, unchanged, waiting, spared, absent or failed."""

    source: str
    outcome: str
    said: str = ""
    sets: int = 0
    server_time: datetime | None = None


@dataclass(frozen=True)
class FetchReport:
    """What a refresh did; `problems` is what an operator should read."""

    sources: tuple[SourceReport, ...]
    accepted: tuple[Elements, ...]
    refused: tuple[Refusal, ...]
    clock: ClockFinding
    problems: tuple[str, ...]


class Refresh:
    """One refresh under way."""

    def __init__(
        self, vault: Vault, wanted: frozenset[int], now: datetime, gnss_time: datetime | None
    ) -> None:
        self.wanted, self.now = wanted, now
        self.reports: list[SourceReport] = []
        self.faults: list[str] = []
        self.served = False  # a server has answered with something of use
        self._vault, self._gnss_time = vault, gnss_time
        self._accepted: list[Elements] = []
        self._refused: list[Refusal] = []

    def take(self, sets: Iterable[Elements], source: str, server_time: datetime | None = None) -> int:
        """Judge the wanted ones of one source, oldest first; how many were wanted."""
        wanted = sorted((e for e in sets if e.norad_id in self.wanted), key=lambda e: e.epoch)
        latest = self._latest(wanted, server_time)
        for elements in wanted:
            accepted, refusal = self._vault.offer(elements, source, latest, self.now)
            self._accepted += accepted
            self._refused += [refusal] if refusal else []
        self._vault.save_copy()
        return len(wanted)

    def judge_again(self) -> None:
        """Those in quarantine: a clock put right or a second witness may have come."""
        latest = self._latest([], self._server_time())
        for norad_id in sorted(self.wanted):
            self._accepted += self._vault.judge_again(norad_id, latest, self.now)
        self._vault.save_copy()

    def fresh(self) -> bool:
        """Whether every wanted satellite has a young set and none waits for a witness."""
        young = {e.norad_id for e in self._vault.newest() if self.now - e.epoch < _FRESH}
        return young >= self.wanted and not any(self._vault.waiting(n) for n in self.wanted)

    def report(self) -> FetchReport:
        """What was done, once all is done."""
        clock = self._clock()
        held = {e.norad_id: e for e in self._vault.newest()}
        missing = sorted(self.wanted - held.keys())
        problems = [f"{r.source}: {r.said}" for r in self.reports if r.outcome in ("failed", "partial")]
        problems += [str(r[-1]) for n in sorted(self.wanted) if (r := self._vault.waiting(n))]
        problems += [f"no source has a set of satellite {norad_id}" for norad_id in missing]
        problems += [clock.said] if clock.state in (ClockState.BEHIND, ClockState.AHEAD) else []
        problems += self.faults + self._vault.take_faults()
        return FetchReport(
            tuple(self.reports), tuple(self._accepted), tuple(self._refused), clock, tuple(problems)
        )

    def _latest(self, offered: Sequence[Elements], server_time: datetime | None) -> datetime:
        """The time now, by the latest of those witnesses that a dead clock cannot silence."""
        if self._gnss_time is not None:
            return self._gnss_time
        held = sorted((e.epoch for e in self._vault.newest()), reverse=True)
        latest = max([self.now, *held[1:2], *([server_time] if server_time else [])])
        ahead = {e.norad_id: e.epoch for e in offered if e.epoch > latest and self._vault.follows(e)}
        return max([latest, *sorted(ahead.values(), reverse=True)[_WITNESSES - 1 : _WITNESSES]])

    def _server_time(self) -> datetime | None:
        return next((r.server_time for r in reversed(self.reports) if r.server_time), None)

    def _clock(self) -> ClockFinding:
        sets = self._vault.newest()
        ahead = [r.elements for r in self._refused if r.elements.epoch > self.now + FUTURE]
        if len({e.norad_id for e in ahead}) > 1:
            sets += ahead
        return clock_against_elements(
            [e for e in sets if e.norad_id in self.wanted],
            self.now,
            fetched=self.now if self.served else None,
            server_time=self._server_time(),
            gnss_time=self._gnss_time,
        )
