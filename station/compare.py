"""Two results of the same recording: the same bytes, or what differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from station.records import sha256_of

FRAME_BYTES = 1024
# What a run says of itself (durations, folders, what was seen on the way) is no result.
_NOT_COMPARED = ("run.json", "live.json", "products.json")


@dataclass(frozen=True)
class Comparison:
    """Files by their path inside the folders; frames by their bytes."""

    same: tuple[str, ...]
    different: tuple[str, ...]
    missing: tuple[str, ...]
    new: tuple[str, ...]
    frames_same: bool | None
    frames_before: int
    frames_now: int
    frames_lost: int
    frames_gained: int

    @property
    def identical(self) -> bool:
        """Whether every compared file has the same bytes."""
        return not (self.different or self.missing or self.new)


def compare_folders(before: Path, now: Path) -> Comparison:
    """Compare all results of two folders but what the runs say of themselves."""
    old, new = _files(before), _files(now)
    both = sorted(old.keys() & new.keys())
    same = [name for name in both if sha256_of(old[name]) == sha256_of(new[name])]
    frames_before, frames_now = (frames_of(folder / "frames.cadu") for folder in (before, now))
    lost = len(set(frames_before) - set(frames_now))
    gained = len(set(frames_now) - set(frames_before))
    return Comparison(
        same=tuple(same),
        different=tuple(name for name in both if name not in same),
        missing=tuple(sorted(old.keys() - new.keys())),
        new=tuple(sorted(new.keys() - old.keys())),
        frames_same=frames_before == frames_now if frames_before or frames_now else None,
        frames_before=len(frames_before),
        frames_now=len(frames_now),
        frames_lost=lost,
        frames_gained=gained,
    )


def frames_of(path: Path) -> list[bytes]:
    """Whole frames of a file of CADUs; none when it is absent."""
    if not path.exists():
        return []
    raw = path.read_bytes()
    return [raw[i : i + FRAME_BYTES] for i in range(0, len(raw) - FRAME_BYTES + 1, FRAME_BYTES)]


def _files(folder: Path) -> dict[str, Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path for path in found if path.name not in _NOT_COMPARED}
