"""What can go wrong in the station itself, and which exit status every folder's errors become.

StationError                   exit status 2: wrong use
├── ConfigError                station.toml is missing, ill-formed or names what does not exist
├── ReplayError                exit status 3: the decoder of a replay was killed, or could not write
└── CatalogueError             exit status 3: the database cannot be opened, read or written
    └── UnknownObservationError  exit status 2: the catalogue holds none of that name

Exit status of the command line: 0 done; 1 the input holds nothing usable; 2 wrong use or wrong file;
3 a fault of a device or the system.
"""

from __future__ import annotations

import errno

DONE, NOTHING_USABLE, WRONG_USE, SYSTEM_FAULT = 0, 1, 2, 3

# Errors of the operating system that a better argument mends; all others are faults of the system.
_WRONG_USE = {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG}


class StationError(Exception):
    """Base of every error of this folder."""

    exit_status = WRONG_USE


class ConfigError(StationError):
    """The configuration cannot be used as it stands."""


class ReplayError(StationError):
    """The decoder of a replay came to no end."""

    exit_status = SYSTEM_FAULT


class CatalogueError(StationError):
    """The catalogue cannot be used."""

    exit_status = SYSTEM_FAULT


class UnknownObservationError(CatalogueError):
    """The catalogue holds no observation of that name."""

    exit_status = WRONG_USE


def exit_status_of(error: BaseException) -> int | None:
    """Exit status of an error that some folder foresaw, None for one that nobody did (a bug)."""
    status = getattr(error, "exit_status", None)
    if isinstance(status, int):
        return status
    if isinstance(error, OSError):
        return WRONG_USE if error.errno in _WRONG_USE else SYSTEM_FAULT
    return SYSTEM_FAULT if isinstance(error, MemoryError) else None


def sentence_of(error: BaseException) -> str:
    """One line that says what is wrong."""
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        hint = "; free some space" if error.errno == errno.ENOSPC else ""
        return f"{name}{error.strerror}{hint}"
    return " ".join(str(error).split()) or type(error).__name__
