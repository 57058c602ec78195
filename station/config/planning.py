"""What is to be observed, and what the plan has to keep to."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from scheduler.errors import ValueModelError
from scheduler.value import Weights
from station.config.strict import Name, Positive, Strict
from station.freshness import REFUSE_TIMING_S, WARN_TIMING_S, Limits

LOCAL = timezone(timedelta(hours=7), "UTC+7")
_ZONES = {"UTC": UTC, "UTC+7": LOCAL}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class ElementsSection(Strict):
    """Orbital elements: files, sources that the daemon asks itself, and how far they may lead astray.

    The limits in days hold beside those in seconds; without them age counts by what it does alone.
    """

    files: tuple[Path, ...] = ()
    sources: tuple[str, ...] = ()
    store: Path | None = None
    warn_timing_s: Positive = WARN_TIMING_S
    refuse_timing_s: Positive = REFUSE_TIMING_S
    warn_age_days: Positive | None = None
    refuse_age_days: Positive | None = None

    @property
    def limits(self) -> Limits:
        """What is said of old ones, and what is refused."""
        return Limits(self.warn_timing_s, self.refuse_timing_s, self.warn_age_days, self.refuse_age_days)

    @model_validator(mode="after")
    def _some_and_in_order(self) -> ElementsSection:
        if not self.files and not self.sources:
            raise ValueError("give files, or sources from which the daemon fetches them, or both")
        if self.warn_timing_s > self.refuse_timing_s:
            raise ValueError("warn_timing_s is above refuse_timing_s; warn before refusing")
        warn, refuse = self.warn_age_days, self.refuse_age_days
        if warn is not None and refuse is not None and warn > refuse:
            raise ValueError("warn_age_days is above refuse_age_days; warn before refusing")
        return self


class SatelliteSection(Strict):
    """One satellite to observe, on one downlink; another downlink of it is another section."""

    name: str
    downlink: str | None = None
    frequency_hz: Positive | None = None
    min_elevation_deg: float = Field(default=10.0, ge=0, lt=90)
    priority: int = Field(default=1, ge=0, le=100)


class ScheduleSection(Strict):
    """When recordings begin and end, how often is planned, how much of the disk they may take."""

    margin_s: float = Field(default=10.0, ge=0, le=600)
    ahead_hours: float = Field(default=36.0, gt=0, le=336)
    replan_minutes: float = Field(default=10.0, ge=1, le=720)
    freeze_minutes: float = Field(default=60.0, ge=0, le=1440)
    solver_s: float = Field(default=20.0, gt=0, le=600)
    keep_free_gb: float = Field(default=2.0, ge=0)
    decode_timeout_s: Positive = 1800.0
    products_timeout_s: Positive = 900.0


class AreasSection(Strict):
    """A GeoJSON file of the areas of interest."""

    file: Path | None = None


class WeightsSection(Strict):
    """What counts how much in the value of a pass; `scheduler.value.Weights` says what each means."""

    picture_per_minute: float | None = None
    area: float | None = None
    pixel_km: float | None = None
    pixel_power: float | None = None
    pixel_most: float | None = None
    wrong_light: float | None = None
    night: float | None = None
    novelty_hours: float | None = None
    unheard: float | None = None
    patience_days: float | None = None
    area_hours: float | None = None
    repeat: float | None = None
    weak: float | None = None
    unknown: float | None = None

    @property
    def weights(self) -> Weights:
        """As given, and as usual where nothing is."""
        return Weights(**self.model_dump(exclude_none=True))

    @model_validator(mode="after")
    def _possible(self) -> WeightsSection:
        try:
            _ = self.weights
        except ValueModelError as error:
            raise ValueError(str(error)) from error
        return self


class BudgetSection(Strict):
    """What the plan may use up in a day; left out: as much as there is."""

    disk_gb_per_day: Positive | None = None
    energy_wh_per_day: Positive | None = None


class MaintenanceSection(Strict):
    """A time in which something is not to be used: once, or every day or week.

    Once: `start` and `end` are dates with times. Again and again: `every` is "day" or a weekday, `start` and
    `end` are times of the day. `zone` says of which clock where the times do not say it themselves.
    """

    reason: str = Field(min_length=1, max_length=200)
    resource: Name | None = None
    every: Literal["day", "mon", "tue", "wed", "thu", "fri", "sat", "sun"] | None = None
    start: datetime | time
    end: datetime | time
    zone: Literal["UTC", "UTC+7"] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> MaintenanceSection:
        form = datetime if self.every is None else time
        for name in ("start", "end"):
            if not isinstance(getattr(self, name), form):
                _refuse_form()
            if getattr(self, name).tzinfo is None and self.zone is None:
                raise ValueError(f'{name} does not say of which clock it is; add zone = "UTC+7" or "UTC"')
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            if self._aware(self.end) <= self._aware(self.start):
                raise ValueError("the end does not lie after the start")
        elif self.start == self.end:
            raise ValueError("start and end are the same time of the day; a day without end needs no station")
        return self

    def windows(self, first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
        """Stretches that touch `first` to `last`, aware UTC; over midnight where the end is the earlier."""
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            found = [(self._aware(self.start), self._aware(self.end))]
        else:
            found = [window for day in _days(first, last) if (window := self._on(day)) is not None]
        return [(a, b) for a, b in found if a < last and b > first]

    def _aware(self, moment: datetime) -> datetime:
        zone = _ZONES[self.zone or "UTC"]
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)

    def _on(self, day: date) -> tuple[datetime, datetime] | None:
        if self.every != "day" and _DAYS[day.weekday()] != self.every:
            return None
        assert isinstance(self.start, time)  # noqa: S101 - for the type checker
        assert isinstance(self.end, time)  # noqa: S101 - for the type checker
        until = day + timedelta(days=1) if self.end <= self.start else day
        return self._aware(datetime.combine(day, self.start)), self._aware(datetime.combine(until, self.end))


def _refuse_form() -> None:
    raise ValueError(
        "give start and end as dates with times (2026-12-24T08:00:00+07:00), or every = "
        '"day" or a weekday with times of the day (08:00:00)'
    )


def _days(first: datetime, last: datetime) -> list[date]:
    """Every date that a clock anywhere shows from `first` to `last`, and the one before."""
    begin = first.date() - timedelta(days=2)
    return [begin + timedelta(days=n) for n in range((last.date() - begin).days + 2)]
