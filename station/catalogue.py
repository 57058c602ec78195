"""What the station was going to do, did, and left on disk: one row before every act.

Readers get frozen records (`station.records`), never rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from station.database import opened, told
from station.errors import CatalogueError, UnknownObservationError
from station.records import CATALOGUE_NAME, Booking, FileEntry, Job, Observation, sha256_of
from station.schema import STEPS, FileRow, JobRow, ObservationRow

__all__ = ["CATALOGUE_NAME", "Booking", "Catalogue", "FileEntry", "Observation", "sha256_of"]

_MOST_REASON = 2000


class Catalogue:
    """The database of one data folder; may be used from several threads.

    Args:
        data_dir: folder that holds `catalogue.sqlite`; made when absent.
        read_only: make and change nothing: the folder must hold a catalogue of this version.

    Raises:
        CatalogueError: from every method, when the database cannot be opened, read or written.
    """

    def __init__(self, data_dir: Path, *, read_only: bool = False) -> None:
        self.data_dir = data_dir.resolve()
        self.path = self.data_dir / CATALOGUE_NAME
        self._engine = opened(self.path, read_only=read_only)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def book(self, booking: Booking) -> Observation | None:
        """Enter a booking with all its steps due; None when its key stands there already."""
        row = ObservationRow(
            **{name: getattr(booking, name) for name in Booking.__dataclass_fields__},
            folder=f"observations/{booking.name}",
            created=datetime.now(UTC),
            jobs=[JobRow(step=step, state="due", reason="", attempts=0, result={}) for step in STEPS],
        )
        try:
            with self.session() as session:
                session.add(row)
        except IntegrityError:
            return None
        return self.observation(booking.name)

    def observation(self, name: str) -> Observation:
        """One observation by name; `CatalogueError` when there is none."""
        with self.session() as session:
            row = session.scalar(select(ObservationRow).where(ObservationRow.name == name))
            if row is None:
                raise UnknownObservationError(
                    f"no observation {name!r} in {self.path}; `tramthu serve` lists them"
                )
            return self._record(row)

    def observations(
        self,
        *,
        satellite: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[Observation]:
        """Observations by rise, newest first."""
        query = select(ObservationRow).order_by(ObservationRow.aos.desc())
        if satellite is not None:
            query = query.where(ObservationRow.satellite == satellite)
        if since is not None:
            query = query.where(ObservationRow.los >= since)
        if until is not None:
            query = query.where(ObservationRow.aos <= until)
        with self.session() as session:
            return [self._record(row) for row in session.scalars(query.limit(limit))]

    def unfinished(self) -> list[Observation]:
        """Observations with a step that is due or running, by rise."""
        query = select(ObservationRow).where(ObservationRow.jobs.any(JobRow.state.in_(("due", "running"))))
        with self.session() as session:
            return [self._record(row) for row in session.scalars(query.order_by(ObservationRow.aos))]

    def begin(self, name: str, step: str, result: Mapping[str, Any] | None = None) -> Observation:
        """Enter that a step begins, before it does, and what is known of its result then.

        A step that runs and is begun again, as a live decoder that died, is the same attempt.
        """
        with self.session() as session:
            job = _job(session, name, step)
            job.attempts += job.state != "running"
            job.state, job.reason = "running", ""
            job.started, job.ended = datetime.now(UTC), None
            job.result = dict(result or {})
        return self.observation(name)

    def finish(
        self, name: str, step: str, result: Mapping[str, Any], files: Sequence[Path] = (), reason: str = ""
    ) -> None:
        """Enter that a step is done, what came out, and the files it left (hashed here)."""
        entries = [_file_row(self.data_dir, step, path) for path in files]
        with self.session() as session:
            job = _job(session, name, step)
            job.state, job.reason, job.ended, job.result = (
                "done",
                reason[:_MOST_REASON],
                datetime.now(UTC),
                dict(result),
            )
            old = {file.path: file for file in job.observation.files}
            for entry in entries:
                if entry.path in old:
                    session.delete(old[entry.path])
            session.flush()
            job.observation.files.extend(entries)

    def add(self, name: str, step: str, result: Mapping[str, Any], files: Sequence[Path] = ()) -> None:
        """Enter what a step that goes on has brought so far; files that stand there are passed over."""
        there = {entry.path for entry in self.observation(name).files}
        entries = [_file_row(self.data_dir, step, path) for path in files if path not in there]
        with self.session() as session:
            job = _job(session, name, step)
            job.result = dict(job.result or {}) | dict(result)
            job.observation.files.extend(entries)

    def fail(self, name: str, step: str, reason: str, result: Mapping[str, Any] | None = None) -> None:
        """Enter that a step failed and why; the steps behind it fail with it."""
        with self.session() as session:
            job = _job(session, name, step)
            job.state, job.reason, job.ended = "failed", reason[:_MOST_REASON], datetime.now(UTC)
            job.result = dict(result or {})
            for later in job.observation.jobs:
                if STEPS.index(later.step) > STEPS.index(step) and later.state in ("due", "running"):
                    later.state, later.reason = "failed", f"not begun: {step} failed"

    def retry(self, name: str, step: str, reason: str) -> None:
        """Enter that a step which was cut off is due again."""
        with self.session() as session:
            job = _job(session, name, step)
            job.state, job.reason, job.ended = "due", reason[:_MOST_REASON], None

    def replace_file(
        self, name: str, old: FileEntry, new: FileEntry | None, facts: Mapping[str, Any]
    ) -> None:
        """Enter that a file became another, or was deleted; `facts` join the result of its step."""
        with self.session() as session:
            job = _job(session, name, old.step)
            job.result = dict(job.result or {}) | dict(facts)
            for row in list(job.observation.files):
                if self.data_dir / row.path == old.path:
                    job.observation.files.remove(row)
            if new is not None:
                path = str(new.path.relative_to(self.data_dir))
                job.observation.files.append(
                    FileRow(step=new.step, path=path, bytes=new.bytes, sha256=new.sha256)
                )

    def bring_forward(self, name: str, end: datetime) -> None:
        """Enter that a satellite which never sets is received no longer than that."""
        with self.session() as session:
            row = session.scalar(select(ObservationRow).where(ObservationRow.name == name))
            if row is not None:
                row.end = row.los = end
                row.tca = row.aos + (end - row.aos) / 2

    def withdraw(self, name: str) -> bool:
        """Take a booking out again that nothing was done for yet; whether it could be."""
        with self.session() as session:
            row = session.scalar(select(ObservationRow).where(ObservationRow.name == name))
            if row is None or any(job.state != "due" or job.attempts for job in row.jobs):
                return False
            session.delete(row)
            return True

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction; `CatalogueError` when it fails."""
        with told(self.path), self._sessions.begin() as session:
            yield session

    def _record(self, row: ObservationRow) -> Observation:
        booking = {name: getattr(row, name) for name in Booking.__dataclass_fields__}
        jobs = (Job(**{name: getattr(j, name) for name in Job.__dataclass_fields__}) for j in row.jobs)
        files = (FileEntry(f.step, self.data_dir / f.path, f.bytes, f.sha256) for f in row.files)
        return Observation(**booking, folder=self.data_dir / row.folder, jobs=tuple(jobs), files=tuple(files))


def _file_row(data_dir: Path, step: str, path: Path) -> FileRow:
    relative = path.resolve().relative_to(data_dir)
    return FileRow(step=step, path=str(relative), bytes=path.stat().st_size, sha256=sha256_of(path))


def _job(session: Session, name: str, step: str) -> JobRow:
    query = select(JobRow).join(ObservationRow).where(ObservationRow.name == name, JobRow.step == step)
    job = session.scalar(query)
    if job is None:
        raise CatalogueError(f"no step {step!r} of an observation {name!r}")
    return job
