"""One finding of the doctor, and where it looks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Check:
    """One finding: `ok`, `warn` (works, but look at it) or `wrong` (something needed does not work)."""

    subject: str
    state: str
    said: str
    mend: str = ""


@dataclass(frozen=True)
class Places:
    """Where Linux tells of itself; tests look elsewhere."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")


def text_of(path: Path) -> str:
    """A file of the kernel, without its end of line; empty where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
