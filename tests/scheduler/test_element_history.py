"""The store's files: cut at any byte, flipped anywhere, grown too long, unreadable. What was good stays."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.element_history import LineFile, Record
from scheduler.elements import Elements, load_elements
from scheduler.fetch import ElementStore
from tests.scheduler.successors import successor

METEOR = Elements.from_tle(
    "METEOR-M2 4",
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
NOW = datetime(2024, 7, 20, tzinfo=UTC)
SETS = [METEOR, *(successor(METEOR, days) for days in (1, 2, 3))]


def record(elements: Elements) -> Record:
    return Record(elements, "test", NOW, "")


def filled(folder: Path) -> Path:
    """A store with four sets, and the path of its history."""
    source = folder / "source.json"
    store = ElementStore(folder / "store")
    for elements in SETS:
        source.write_text(json.dumps(elements.to_omm()))
        store.refresh([source], [METEOR.norad_id], elements.epoch + timedelta(hours=6))
    assert store.history(METEOR.norad_id) == SETS
    return folder / f"store/sets/{METEOR.norad_id}.txt"


def test_a_power_cut_at_any_byte_loses_only_the_line_being_written(tmp_path: Path) -> None:
    path = tmp_path / "59051.txt"
    file = LineFile(path)
    for elements in SETS:
        file.append(record(elements))
    whole = path.read_bytes()
    first_three = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    for length in (*range(first_three, len(whole), 9), len(whole) - 1):
        path.write_bytes(whole[:length])
        again = LineFile(path)
        kept = [r.elements for r in again.records]
        assert kept[:3] == SETS[:3]
        assert kept in (SETS[:3], SETS)
        again.append(record(SETS[3]))
        assert LineFile(path).records[-1].elements == SETS[3]


def test_any_flipped_bit_costs_its_line_alone(tmp_path: Path) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    rng = random.Random(1)
    for _ in range(200):
        at = rng.randrange(len(whole))
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1 :])
        held = ElementStore(tmp_path / "store").history(METEOR.norad_id)
        assert set(held) <= set(SETS)
        assert len(held) >= 2  # a flipped newline joins two lines
        assert held[-1] == SETS[3]  # from the copy where the history lost it


def test_a_damaged_history_is_named_and_the_older_set_is_used(tmp_path: Path) -> None:
    path = filled(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    (tmp_path / "store/elements.json").write_bytes(b"[{")
    store = ElementStore(tmp_path / "store")
    assert store.elements() == [SETS[2]]
    report = store.refresh([], [METEOR.norad_id], NOW)
    assert any("1 of 4 lines are damaged" in problem for problem in report.problems)


def test_without_its_history_the_copy_serves(tmp_path: Path) -> None:
    filled(tmp_path).unlink()
    assert ElementStore(tmp_path / "store").elements() == [SETS[3]]


@pytest.mark.parametrize("name", ["urls.json", "elements.json", "sets/59051.txt", "quarantine/59051.txt"])
def test_a_folder_in_the_place_of_a_file_is_survived(tmp_path: Path, name: str) -> None:
    filled(tmp_path)
    path = tmp_path / "store" / name
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)
    store = ElementStore(tmp_path / "store")
    assert store.elements() == [SETS[3]]
    store.refresh([tmp_path / "source.json"], [METEOR.norad_id], NOW)


def test_the_file_stays_within_bounds_and_keeps_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "59051.txt"
    file = LineFile(path, kept=5)
    for n in range(40):
        file.append(record(successor(METEOR, n / 10)))
    kept = [r.elements.epoch for r in LineFile(path).records]
    assert 5 <= len(kept) <= 11
    assert kept[-1] == METEOR.epoch + timedelta(days=3.9)


def test_the_copy_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The power goes before the rename: the old copy is there, and the history has the new set."""
    filled(tmp_path)
    store = ElementStore(tmp_path / "store")
    source = tmp_path / "source.json"
    newer = successor(METEOR, 4)
    source.write_text(json.dumps(newer.to_omm()))

    def cut(self: Path, target: Path) -> Path:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", cut)
    store.refresh([source], [METEOR.norad_id], newer.epoch)
    monkeypatch.undo()
    assert load_elements(tmp_path / "store/elements.json") == [SETS[3]]
    assert ElementStore(tmp_path / "store").elements() == [newer]


def test_what_is_written_is_on_the_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def noted(number: int) -> None:
        synced.append(Path(f"/proc/self/fd/{number}").readlink().name)
        real(number)

    monkeypatch.setattr(os, "fsync", noted)
    filled(tmp_path)
    assert synced.count("59051.txt") == 4
    assert synced.count("sets") == 1  # the new name in its folder
    assert synced.count(".elements.json.new") == 4
