"""What the self tests of a station found, one JSON object a line in `self_test.jsonl` of the data folder.

    {"time", "key", "receiver", "antenna", "verdict", "findings": [{"code", "state", "words": {"en", "vi"}}],
     "observation", "on": {…}, "bias_gain_db", "carriers": […]}
    {"time", "key", "accepted": true}           from here on what is found is what is usual

A key stands for one way to listen: floors of another gain, rate, frequency or antenna say nothing. What is
usual is the median of the last thirty tests that did not doubt antenna or preamplifier, so that an antenna
that fell down does not become usual.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdr.self_test_usual import Usual, usual_of
from sdr.self_test_verdict import FAULT

HISTORY_NAME = "self_test.jsonl"
RESULT_NAME = "self_test.json"  # beside the recording
_USED = 30
_KEPT, _TOO_MANY = 400, 500  # lines: a month of passes
_TAIL_BYTES = 1 << 16
# With one of these the antenna may be gone: such a test is no example of how it should be.
_DOUBTED = {"floor_low", "floor_high", "bias_tee", "carrier_missing", "carrier_weak", "rounding", "shape"}


def read_history(data_dir: Path) -> list[dict[str, Any]]:
    """All whole lines, oldest first; nothing where there is none. Raises OSError."""
    try:
        text = (data_dir / HISTORY_NAME).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return _records(text)


def append(data_dir: Path, record: Mapping[str, Any]) -> None:
    """Add one; the oldest go where there are too many. Raises OSError."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / HISTORY_NAME
    line = json.dumps(record, ensure_ascii=False) + "\n"
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            line = line if file.read(1) == b"\n" else f"\n{line}"
        file.write(line.encode())
        file.flush()
        file.seek(0)
        lines = file.read().splitlines(keepends=True)
        if len(lines) > _TOO_MANY:
            # In place, as others may wait for the lock on this very file; what is lost at worst is history.
            file.truncate(0)
            file.write(b"".join(lines[-_KEPT:]))


def accept(data_dir: Path, key: str, now: datetime) -> None:
    """From now on what is found is what is usual: the station was changed. Raises OSError."""
    append(data_dir, {"time": now.isoformat(), "key": key, "accepted": True})


def usual_for(history: Sequence[Mapping[str, Any]], key: str) -> Usual:
    """What is usual there; records of other shapes are passed over."""
    mine: list[Mapping[str, Any]] = []
    for record in history:
        if record.get("key") != key:
            continue
        if record.get("accepted"):
            mine = []
        elif _is_example(record):
            mine.append(record)
    try:
        return usual_of(mine[-_USED:])
    except (KeyError, TypeError, ValueError, IndexError):
        return Usual()


def newest(data_dir: Path, since: datetime) -> dict[str, dict[str, Any]]:
    """The last test of each receiver after a time, without its numbers. Raises OSError."""
    found: dict[str, dict[str, Any]] = {}
    for record in _tail(data_dir / HISTORY_NAME):
        if "verdict" in record and _time(record) >= since and _has_words(record.get("findings")):
            brief = {
                key: record.get(key) for key in ("time", "verdict", "findings", "observation", "antenna")
            }
            found[str(record.get("receiver"))] = brief
    return found


def result_in(folder: Path) -> dict[str, Any] | None:
    """Verdict and findings of the test before a recording; None where none was made, or none can be read."""
    try:
        record = json.loads((folder / RESULT_NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not (isinstance(record, dict) and "verdict" in record and _has_words(record.get("findings"))):
        return None
    return {"verdict": record["verdict"], "findings": record["findings"]}


def _tail(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - _TAIL_BYTES, 0))
            return _records(file.read().decode("utf-8", "replace"))
    except FileNotFoundError:
        return []


def _has_words(findings: object) -> bool:
    return isinstance(findings, list) and all(
        isinstance(finding, dict)
        and isinstance(words := finding.get("words"), dict)
        and all(isinstance(words.get(language), str) for language in ("en", "vi"))
        for finding in findings
    )


def _records(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):  # a line that a power cut left half
            record = json.loads(line)
            if isinstance(record, dict) and isinstance(record.get("key"), str):
                found.append(record)
    return found


def _is_example(record: Mapping[str, Any]) -> bool:
    if record.get("verdict") in (FAULT, None) or "on" not in record:
        return False
    return not any(finding.get("code") in _DOUBTED for finding in record.get("findings", ()))


def _time(record: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(record.get("time"))).astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
