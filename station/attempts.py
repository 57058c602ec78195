"""The attempts to decode a recording: where each leaves its files, and which of them is the result.

What lies on the disk is decoded anew as a whole, and the new attempt takes the place of the old one. Of
samples that were in memory only a later attempt may find less. Then each stays, as decoded, decoded-2, …, and
the one with the most good frames is the result, of equals the newest. One that was killed, or failed, left
its frames only: they are decoded once more, as an attempt of its own.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from station.compare import FRAME_BYTES
from station.errors import DONE
from station.processes import Ended
from station.recorded import was_in_memory_only
from station.records import Observation

NAME = "decoded"
_FRAMES = ("frames.cadu", "frames.cadu.part")  # the first where all came, and the report could not be written


@dataclass(frozen=True)
class Attempt:
    """What an attempt left.

    Attributes:
        folder: of its files.
        number: 1 for the first.
        frames_good: proven frames that it holds.
        cut_off: where it was killed or failed, the file of those frames; None where it came to its end.
    """

    folder: Path
    number: int
    frames_good: int
    cut_off: Path | None


def folder_of_attempt(observation: Observation) -> Path:
    """For a new attempt to decode it; what was made of samples that nothing holds any more stays."""
    return emptied(observation.folder / NAME, keep=was_in_memory_only(observation))


def emptied(folder: Path, *, keep: bool = False) -> Path:
    """A folder of that name for a new attempt, emptied of an earlier one; numbered where that stays."""
    for number in range(1, 1000):
        chosen = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        if not keep:
            shutil.rmtree(chosen, ignore_errors=True)
        if not chosen.exists():
            break
    return chosen


def attempts_in(folder: Path) -> list[Attempt]:
    """All that lie in the folder of an observation, the best first."""
    numbers = (re.fullmatch(rf"{NAME}(?:-(\d+))?", path.name) for path in folder.iterdir())
    found = [_attempt(folder / match[0], int(match[1] or 1)) for match in numbers if match]
    return sorted(found, key=lambda a: (a.frames_good, a.cut_off is None, a.number), reverse=True)


def best_in(folder: Path) -> Path | None:
    """The best attempt in the folder of an observation that came to its end."""
    return next((attempt.folder for attempt in attempts_in(folder) if attempt.cut_off is None), None)


def settle(observation: Observation, ended: Ended, complete: Callable[[Path], Ended]) -> tuple[Ended, str]:
    """Choose among the attempts of a recording that cannot be decoded anew as a whole.

    Args:
        observation: as it stands.
        ended: how the newest attempt did.
        complete: decodes a file of frames, as a further attempt.

    Returns:
        How the decoding ended, all attempts considered; the name of the folder that holds the result.
    """
    best = next(iter(attempts_in(observation.folder)), None)
    if best is not None and best.cut_off is not None and best.frames_good:
        complete(best.cut_off)
    attempts = attempts_in(observation.folder)
    result = next((attempt for attempt in attempts if attempt.cut_off is None), None)
    if result is not None and result.frames_good:
        return replace(ended, status=DONE, timed_out=False), result.folder.name
    return ended, attempts[0].folder.name if attempts else NAME


def named(attempts: list[Attempt], result: str) -> str:
    """What there is beside the result, in words; empty where that is all."""
    others = sorted((a for a in attempts if a.folder.name != result), key=lambda attempt: attempt.number)
    if not others:
        return ""
    good = next(attempt.frames_good for attempt in attempts if attempt.folder.name == result)
    beside = ", ".join(f"{attempt.folder.name} ({attempt.frames_good})" for attempt in others)
    return (
        f"samples were in memory only; of {len(attempts)} attempts {result} has the most frames ({good}), "
        f"beside it are kept: {beside}"
    )


def report_of(folder: Path) -> dict[str, Any] | None:
    """What a decoding says of itself, without its rows for each frame; None where it came to no end."""
    try:
        report = json.loads((folder / "report.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return {key: value for key, value in report.items() if key != "columns"}


def _attempt(folder: Path, number: int) -> Attempt:
    if (report := report_of(folder)) is not None:
        return Attempt(folder, number, int((report.get("frames") or {}).get("good") or 0), None)
    frames = next((path for name in _FRAMES if (path := folder / name).exists()), folder / _FRAMES[-1])
    good = frames.stat().st_size // FRAME_BYTES if frames.exists() else 0
    return Attempt(folder, number, good, frames)
