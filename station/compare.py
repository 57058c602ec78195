"""Two results of the same recording: the same bytes, or what differs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from station.records import sha256_of

FRAME_BYTES = 1024
_FRAMES = "frames.cadu"
# What a run says of itself (durations, folders, what was seen on the way) is no result.
_NOT_COMPARED = ("run.json", "live.json", "products.json")


@dataclass(frozen=True)
class Segments:
    """What of a recording in segments was decoded again; the results of each lie in a folder of its own.

    Attributes:
        names: of the segments.
        without_lead: those before which no samples are left that their decoder could settle with. Their
            frames are compared, not what the decoder says of them.
        without_tail: those whose last frames go on in samples that are gone. Nothing of them is compared.
    """

    names: tuple[str, ...]
    without_lead: tuple[str, ...]
    without_tail: tuple[str, ...]

    def judge(self, name: str) -> bool:
        """Whether a file is to be the same, by its path inside the results."""
        path = Path(name)
        folder = path.parts[0]
        if folder not in self.names or folder in self.without_tail:
            return False
        return folder not in self.without_lead or path.name == _FRAMES


@dataclass(frozen=True)
class Comparison:
    """Files by their path inside the folders; frames by their bytes.

    Attributes:
        not_replayed: folders of segments whose samples are gone, or lie before what was replayed.
        without_lead: as of `Segments`; so is `without_tail`.
    """

    same: tuple[str, ...]
    different: tuple[str, ...]
    missing: tuple[str, ...]
    new: tuple[str, ...]
    frames_same: bool | None
    frames_before: int
    frames_now: int
    frames_lost: int
    frames_gained: int
    not_replayed: tuple[str, ...] = ()
    without_lead: tuple[str, ...] = ()
    without_tail: tuple[str, ...] = ()

    @property
    def identical(self) -> bool | None:
        """Whether every compared file has the same bytes; None where nothing could be compared."""
        differs = bool(self.different or self.missing or self.new)
        return None if self.without_tail and not (differs or self.same) else not differs


def compare_folders(before: Path, now: Path, segments: Segments | None = None) -> Comparison:
    """Compare all results of two folders but what the runs say of themselves.

    Args:
        before: the earlier results.
        now: the new ones.
        segments: which of them to compare, of a recording in segments.
    """
    old, new = _files(before, segments), _files(now, segments)
    both = sorted(old.keys() & new.keys())
    same = [name for name in both if sha256_of(old[name]) == sha256_of(new[name])]
    counts = _Frames()
    for name in old.keys() | new.keys():
        if Path(name).name == _FRAMES:
            counts.add(frames_of(before / name), frames_of(now / name))
    gone = {path.name for path in before.iterdir()} - set(segments.names) if segments else set()
    return Comparison(
        same=tuple(same),
        different=tuple(name for name in both if name not in same),
        missing=tuple(sorted(old.keys() - new.keys())),
        new=tuple(sorted(new.keys() - old.keys())),
        frames_same=counts.same if counts.before or counts.now else None,
        frames_before=counts.before,
        frames_now=counts.now,
        frames_lost=counts.lost,
        frames_gained=counts.gained,
        not_replayed=tuple(sorted(name for name in gone if (before / name).is_dir())),
        without_lead=segments.without_lead if segments else (),
        without_tail=segments.without_tail if segments else (),
    )


@dataclass
class _Frames:
    """Counts of the frames of all files, of which each is read and let go again."""

    same: bool = True
    before: int = 0
    now: int = 0
    lost: int = 0
    gained: int = 0

    def add(self, before: list[bytes], now: list[bytes]) -> None:
        """Those of one file."""
        self.same &= before == now
        self.before += len(before)
        self.now += len(now)
        self.lost += len(set(before) - set(now))
        self.gained += len(set(now) - set(before))


def frames_of(path: Path) -> list[bytes]:
    """Whole frames of a file of CADUs; none when it is absent."""
    if not path.exists():
        return []
    raw = path.read_bytes()
    return [raw[i : i + FRAME_BYTES] for i in range(0, len(raw) - FRAME_BYTES + 1, FRAME_BYTES)]


def _files(folder: Path, segments: Segments | None) -> dict[str, Path]:
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path
        for name, path in found.items()
        if path.name not in _NOT_COMPARED and (segments is None or segments.judge(name))
    }
