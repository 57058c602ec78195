"""The SQLite file under the catalogue: opened, brought to the newest form, its errors in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from station.errors import CatalogueError

if TYPE_CHECKING:
    from alembic.config import Config


@contextmanager
def told(path: Path) -> Iterator[None]:
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


def opened(path: Path, *, read_only: bool) -> Engine:
    """The database, in its newest form: an older one is brought to it, or refused by who may only read.

    Raises:
        CatalogueError: it cannot be opened, made or brought up.
    """
    with told(path):
        if read_only:
            engine = _reading_engine(path)
            _refuse_other(engine, path)
        else:
            engine = _writing_engine(path)
            _migrate(engine, path)
    return engine


def _writing_engine(path: Path) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogueError(f"{path.parent}: cannot be made: {error.strerror}") from error
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
