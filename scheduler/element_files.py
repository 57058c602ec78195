"""The files of a source on disk: a file, a folder, or a pattern for a stick that is not always there."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from scheduler.element_formats import MOST_BYTES
from scheduler.errors import ElementsError

MOST_FILES = 500
_TOO_LARGE = f"larger than {MOST_BYTES >> 20} MiB; give a file of the wanted satellites or groups only"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class NoFilesError(ElementsError):
    """A source without files; `expected` when it is a stick that is not plugged in."""

    def __init__(self, said: str, *, expected: bool = False) -> None:
        super().__init__(said)
        self.expected = expected


def files_of(source: str) -> list[Path]:
    """The regular files, sorted; those of a folder without hidden ones.

    Raises:
        NoFilesError: none is there.
    """
    if not source.strip():
        raise NoFilesError("the source is empty; name a URL, a file, a folder or a pattern")
    if scheme := _SCHEME.match(source):
        raise NoFilesError(f"{scheme[0]} is not asked; http://, https:// and paths on disk are")
    pattern = glob.has_magic(source)
    try:
        roots = [Path(name) for name in sorted(glob.glob(source))] if pattern else [Path(source)]  # noqa: PTH207
        found = [path for root in roots for path in (sorted(root.iterdir()) if root.is_dir() else [root])]
        found = [path for path in found if not path.name.startswith(".") and path.is_file()]
    except (OSError, ValueError) as error:  # `ValueError`: a path with a NUL
        said = getattr(error, "strerror", None) or error
        raise NoFilesError(f"cannot be read ({said}); check the disk and the rights") from error
    if not found:
        said = "nothing is there that fits the pattern" if pattern else "no file is there; check the name"
        raise NoFilesError(said, expected=pattern)
    return found


def content_of(path: Path) -> bytes:
    """The bytes of a file; raises `ElementsError` when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise ElementsError(f"cannot be read ({said}); check the name and the rights") from error
    if len(content) > MOST_BYTES:
        raise ElementsError(_TOO_LARGE)
    return content


def mark_of(path: Path) -> tuple[int, int, int]:
    """What changes when the file does; raises `OSError`, or `ElementsError` for one that is too large."""
    found = path.stat()
    if found.st_size > MOST_BYTES:
        raise ElementsError(_TOO_LARGE)
    return found.st_mtime_ns, found.st_size, found.st_ino
