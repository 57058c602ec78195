"""What the station was going to do, did, and left on disk: one row before every act.

Readers get frozen records, never rows. The state of an observation is derived from its jobs, stored nowhere.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event, inspect, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from station.errors import CatalogueError, UnknownObservationError
from station.schema import STEPS, FileRow, JobRow, ObservationRow

if TYPE_CHECKING:
    from alembic.config import Config

CATALOGUE_NAME = "catalogue.sqlite"
_MOST_REASON = 2000


@dataclass(frozen=True)
class Job:
    """One step as it stands."""

    step: str
    state: str
    reason: str = ""
    attempts: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    result: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class FileEntry:
    """One file that a step left; `path` is absolute."""

    step: str
    path: Path
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Booking:
    """What is to be observed, by what, and what that is worth; becomes an observation when it is entered.

    `start_direction` is azimuth and elevation at `start` in the rotator's degrees, which name the turn of the
    cable that the plan counts with; None without a rotator, or where the plan knows no turn. `center_hz` is
    what the receiver is tuned to; None for the downlink itself.
    """

    name: str
    key: str
    satellite: str
    norad_id: int
    downlink: str
    frequency_hz: float
    site: Mapping[str, Any]
    elements: Mapping[str, Any]
    aos: datetime
    tca: datetime
    los: datetime
    start: datetime
    end: datetime
    max_elevation_deg: float
    receiver: str = ""
    antenna: str = ""
    value: float = 0.0
    value_parts: Mapping[str, float] = field(default_factory=dict)
    start_direction: Sequence[float] | None = None
    center_hz: float | None = None


@dataclass(frozen=True)
class Observation(Booking):
    """A booking that stands in the catalogue, with its jobs and files; `folder` is absolute."""

    _: KW_ONLY
    folder: Path
    jobs: tuple[Job, ...]
    files: tuple[FileEntry, ...]

    @property
    def state(self) -> str:
        """`planned`, `running`, `due`, `done` or `failed`."""
        return derived_state([job.state for job in self.jobs])

    @property
    def recording(self) -> Path:
        """Stem of the recording; SigMF suffixes follow it."""
        return self.folder / "recording"

    def job(self, step: str) -> Job:
        """The job of one step."""
        return next(job for job in self.jobs if job.step == step)


def derived_state(states: Sequence[str]) -> str:
    """State of an observation from those of its jobs.

    A failed step fails the observation; a running one means `running`; all untouched are `planned`, all done
    `done`; what is left is `due`: begun, and waiting for its next step.
    """
    for state in ("failed", "running"):
        if state in states:
            return state
    if all(state == "done" for state in states):
        return "done"
    return "planned" if all(state == "due" for state in states) else "due"


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
        self._engine = _reading_engine(self.path) if read_only else self._prepared_engine()
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        with _told(self.path):
            (_refuse_other if read_only else _migrate)(self._engine, self.path)

    def _prepared_engine(self) -> Engine:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogueError(f"{self.data_dir}: cannot be made: {error.strerror}") from error
        return _engine(self.path)

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
        with _told(self.path), self._sessions.begin() as session:
            yield session

    def _record(self, row: ObservationRow) -> Observation:
        booking = {name: getattr(row, name) for name in Booking.__dataclass_fields__}
        jobs = (Job(**{name: getattr(j, name) for name in Job.__dataclass_fields__}) for j in row.jobs)
        files = (FileEntry(f.step, self.data_dir / f.path, f.bytes, f.sha256) for f in row.files)
        return Observation(**booking, folder=self.data_dir / row.folder, jobs=tuple(jobs), files=tuple(files))


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_row(data_dir: Path, step: str, path: Path) -> FileRow:
    relative = path.resolve().relative_to(data_dir)
    return FileRow(step=step, path=str(relative), bytes=path.stat().st_size, sha256=sha256_of(path))


def _job(session: Session, name: str, step: str) -> JobRow:
    query = select(JobRow).join(ObservationRow).where(ObservationRow.name == name, JobRow.step == step)
    job = session.scalar(query)
    if job is None:
        raise CatalogueError(f"no step {step!r} of an observation {name!r}")
    return job


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Errors of the database in the words of the station; a broken constraint passes as it is."""
    try:
        yield
    except IntegrityError:
        raise
    except (SQLAlchemyError, sqlite3.Error) as error:
        said = str(getattr(error, "orig", None) or error)
        raise CatalogueError(
            f"{path}: {said}; check rights and free space, or move the file away to begin a new catalogue"
        ) from error


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        # Readers (the page) never wait for the writer; FULL: a row survives a power cut once it is entered.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _reading_engine(path: Path) -> Engine:
    uri = f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true"
    return create_engine(uri, connect_args={"timeout": 30})


def _refuse_other(engine: Engine, path: Path) -> None:
    _, newest = _migrations()
    with engine.connect() as connection:
        have = _revision(connection)
    if have != newest:
        raise CatalogueError(
            f"{path}: a catalogue of version {have}, here is {newest}; `tramthu run` brings it to this one"
        )


def _migrations() -> tuple[Config, str | None]:
    """Where alembic finds them, and the newest."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config, ScriptDirectory.from_config(config).get_current_head()


def _migrate(engine: Engine, path: Path) -> None:
    """Bring the tables to the newest form; an older catalogue is copied first."""
    from alembic import command

    config, newest = _migrations()
    with engine.connect() as connection:
        have = _revision(connection)
    if have == newest:
        return
    if have is not None:
        _copy(path, path.with_name(f"{path.name}.before-{newest}"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _copy(path: Path, copy: Path) -> None:
    """By SQLite itself: after a kill the newest rows stand in the log beside the file only."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _revision(connection: Any) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return str(connection.execute(text("select version_num from alembic_version")).scalar())
