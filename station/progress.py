"""How far something is: a bar on a terminal, a number in a file for a supervisor, nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from station.processes import LAG_SUFFIX, PROGRESS_VARIABLE

__all__ = ["LAG_SUFFIX", "progress_bar", "progress_bars", "progress_file"]

_EVERY_S = 0.25


def progress_file(suffix: str = "") -> Callable[[float], None]:
    """Writes a number, some times a second, to the file that the supervisor named, if it named one.

    Args:
        suffix: of another file beside it: `LAG_SUFFIX` for the lag of a live decoder, seconds.
    """
    name = os.environ.get(PROGRESS_VARIABLE)
    name = name and name + suffix
    last = 0.0

    def told(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if name and (now - last >= _EVERY_S or fraction >= 1):
            last = now
            with contextlib.suppress(OSError):  # a full disk is reported by what matters
                Path(name).write_text(f"{fraction:.4f}")

    return told


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[float], None]]:
    """A bar on stderr when that is a terminal; the supervisor's file in any case."""
    to_file = progress_file()
    if not sys.stderr.isatty():
        yield to_file
        return
    with progress_bars((description,)) as told:

        def both(fraction: float) -> None:
            to_file(fraction)
            told(description, fraction)

        yield both


@contextmanager
def progress_bars(names: tuple[str, ...]) -> Iterator[Callable[[str, float], None]]:
    """Several bars on stderr, one for each step; silent when stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda name, fraction: None  # noqa: ARG005
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {name: bars.add_task(name, total=1.0, start=False) for name in names}

        def told(name: str, fraction: float) -> None:
            if name in tasks:
                bars.start_task(tasks[name])
                bars.update(tasks[name], completed=min(fraction, 1.0))

        yield told
