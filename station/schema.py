"""The tables of the catalogue. A change here needs a migration in `station/migrations/versions`.

observation   one booked stay of a satellite above the horizon
job           one step of it: record, decode, image, publish; due → running → done | failed
file          what a step left on disk, with its hash
rejected      a pass that was not taken, and why
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, DateTime, ForeignKey, String, TypeDecorator, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

STEPS = ("record", "decode", "image", "publish")


class Utc(TypeDecorator[datetime]):
    """Aware UTC times; SQLite keeps no zone of its own."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; the catalogue holds aware times only")
        aware = value.astimezone(UTC)
        return aware.replace(tzinfo=None) if dialect.name == "sqlite" else aware

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give aware UTC back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of the tables."""


class ObservationRow(Base):
    """One booked pass; `key` keeps it from being booked twice."""

    __tablename__ = "observation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    key: Mapped[str] = mapped_column(String(120), unique=True)
    satellite: Mapped[str] = mapped_column(String(80), index=True)
    norad_id: Mapped[int]
    downlink: Mapped[str] = mapped_column(String(80))
    frequency_hz: Mapped[float]
    site: Mapped[dict[str, Any]] = mapped_column(JSON)
    elements: Mapped[dict[str, Any]] = mapped_column(JSON)
    aos: Mapped[datetime] = mapped_column(Utc, index=True)
    tca: Mapped[datetime] = mapped_column(Utc)
    los: Mapped[datetime] = mapped_column(Utc)
    start: Mapped[datetime] = mapped_column(Utc)
    end: Mapped[datetime] = mapped_column(Utc)
    max_elevation_deg: Mapped[float]
    receiver: Mapped[str] = mapped_column(String(40), default="")
    antenna: Mapped[str] = mapped_column(String(40), default="")
    value: Mapped[float] = mapped_column(default=0.0)
    value_parts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    start_direction: Mapped[list[float] | None] = mapped_column(JSON(none_as_null=True), default=None)
    center_hz: Mapped[float | None] = mapped_column(default=None)
    folder: Mapped[str] = mapped_column(String(400))
    created: Mapped[datetime] = mapped_column(Utc)
    jobs: Mapped[list[JobRow]] = relationship(
        back_populates="observation", order_by="JobRow.id", cascade="all, delete-orphan", lazy="selectin"
    )
    files: Mapped[list[FileRow]] = relationship(
        order_by="FileRow.id", cascade="all, delete-orphan", lazy="selectin"
    )


class JobRow(Base):
    """One step of an observation."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("observation_id", "step"),
        CheckConstraint("state in ('due', 'running', 'done', 'failed')", name="job_state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    observation_id: Mapped[int] = mapped_column(ForeignKey("observation.id", ondelete="CASCADE"), index=True)
    step: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default="due", index=True)
    reason: Mapped[str] = mapped_column(String(2000), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    started: Mapped[datetime | None] = mapped_column(Utc)
    ended: Mapped[datetime | None] = mapped_column(Utc)
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    observation: Mapped[ObservationRow] = relationship(back_populates="jobs")


class FileRow(Base):
    """One file, its path relative to the data folder."""

    __tablename__ = "file"
    __table_args__ = (UniqueConstraint("observation_id", "path"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    observation_id: Mapped[int] = mapped_column(ForeignKey("observation.id", ondelete="CASCADE"), index=True)
    step: Mapped[str] = mapped_column(String(16))
    path: Mapped[str] = mapped_column(String(600))
    bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))


class RejectedRow(Base):
    """One pass that the last plan before it left out."""

    __tablename__ = "rejected"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)
    satellite: Mapped[str] = mapped_column(String(80), index=True)
    norad_id: Mapped[int]
    downlink: Mapped[str] = mapped_column(String(80))
    aos: Mapped[datetime] = mapped_column(Utc, index=True)
    tca: Mapped[datetime] = mapped_column(Utc)
    los: Mapped[datetime] = mapped_column(Utc)
    max_elevation_deg: Mapped[float]
    reason: Mapped[str] = mapped_column(String(40), index=True)
    words: Mapped[dict[str, Any]] = mapped_column(JSON)
    blocked_by: Mapped[list[str]] = mapped_column(JSON)
    decided: Mapped[datetime] = mapped_column(Utc)
