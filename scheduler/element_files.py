"""The files of a source on disk: a file, a folder, or a pattern for a stick that is not always there."""

from __future__ import annotations

import glob
from pathlib import Path

from scheduler.element_formats import MOST_BYTES
from scheduler.errors import ElementsError

_MOST_FILES = 500


class NoFilesError(ElementsError):
    """A source without files; `expected` when it is a stick that is not plugged in."""

    def __init__(self, said: str, *, expected: bool = False) -> None:
        super().__init__(said)
        self.expected = expected


def files_of(source: str) -> list[Path]:
    """The regular files, sorted; those of a folder without hidden ones, 500 at most.

    Raises:
        NoFilesError: none is there.
    """
    pattern = glob.has_magic(source)
    try:
        roots = [Path(name) for name in sorted(glob.glob(source))] if pattern else [Path(source)]  # noqa: PTH207
        found = [path for root in roots for path in (sorted(root.iterdir()) if root.is_dir() else [root])]
        found = [path for path in found if not path.name.startswith(".") and path.is_file()]
    except OSError as error:
        raise NoFilesError(f"cannot be read ({error.strerror}); check the disk and the rights") from error
    if not found:
        said = "nothing is there that fits the pattern" if pattern else "no file is there; check the name"
        raise NoFilesError(said, expected=pattern)
    return found[:_MOST_FILES]


def mark_of(path: Path) -> tuple[int, int]:
    """What changes when the file does; raises `OSError`, or `ElementsError` for one that is too large."""
    found = path.stat()
    if found.st_size > MOST_BYTES:
        raise ElementsError(f"larger than {MOST_BYTES >> 20} MiB, so no file of orbital elements")
    return found.st_mtime_ns, found.st_size
