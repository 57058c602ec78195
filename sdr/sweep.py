"""Takes away what dead recorders left in shared memory, once nobody can need it any more.

Whatever lies there stays until the computer is started anew. The ring of a recording without an end is needed
until somebody takes that up; of those that nobody ever does, the newest few stay. What is an hour old at most
always stays: many recorders may have been killed together, and come back one by one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from pathlib import Path

from sdr import ring as rings
from sdr.follow import writer_holds_lock
from sdr.index_line import CONTINUED
from sdr.recording_files import beside, segment_stem
from sdr.ring import Ring
from sdr.segment_files import newest_segment
from sdr.sigmf import INDEX_SUFFIX

_OLD_S = 3600.0  # so long, it is there for whoever follows slowly, and for recorders that are begun anew
_MOST_NEEDED = 4
_TAIL_BYTES = 1 << 16  # no line of an index is as long


def sweep_rings() -> None:
    """Remove what this user's dead recorders left, but for rings that a recorder to come may take up."""
    left = _left("ring")
    kept = sorted(filter(_is_needed, left), key=_changed_at)[-_MOST_NEEDED:]
    for path in (*left, *_left("index")):
        if path not in kept and _is_old(path):
            _remove(path)


def sweep_within(patience_s: float) -> None:
    """Begin to sweep; a file system that does not answer is not waited for any longer."""
    thread = threading.Thread(target=sweep_rings, name="sweep", daemon=True)
    thread.start()
    thread.join(patience_s)


def _left(kind: str) -> list[Path]:
    return list(rings.RING_FOLDER.glob(f"tramthu-{os.getuid()}-*.{kind}"))


def _is_needed(path: Path) -> bool:
    """Whether it is the ring of a dead recorder whose recording has no end, and lacks what the ring holds."""
    ring = Ring.attach(path)
    if ring is None:
        return False
    stem, lacking = ring.recording, ring.word("tail_sample") != rings.NOT_KEPT
    ring.close()
    return stem is not None and lacking and _is_dead(path) and not _is_over(stem)


def _is_dead(path: Path) -> bool:
    """Whether no recorder holds its lock; one that is only being made names no recording yet."""
    with contextlib.suppress(OSError):
        return not writer_holds_lock(path)
    return False


def _is_over(stem: Path) -> bool:
    """Whether the recording has its end, or was removed; one on a disk that is away may come back."""
    try:
        if not stem.parent.is_dir():
            return False
        index = beside(segment_stem(stem, newest_segment(stem)), INDEX_SUFFIX)
        with index.open("rb") as file:
            file.seek(max(index.stat().st_size - _TAIL_BYTES, 0))
            line = file.read().rpartition(b"\n")[0].rpartition(b"\n")[2]
        return bool(json.loads(line).get("end", CONTINUED) != CONTINUED)
    except FileNotFoundError:
        return True
    except (OSError, ValueError, AttributeError):
        return False


def _changed_at(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _is_old(path: Path) -> bool:
    return time.time() - _changed_at(path) > _OLD_S


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its recorder lives: not ours
        if os.fstat(file.fileno()).st_nlink:  # else another one lies there by now
            path.unlink()
