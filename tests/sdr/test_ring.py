"""The ring in shared memory: where a sample lies in it, what a kill at any store leaves, times and names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdr import ring as ring_module
from sdr.index import Gap, IndexReader
from sdr.memory_writer import MemoryWriter, memory_index_path
from sdr.recording import RecordingWriter
from sdr.ring import Ring, ring_path

RING = 1 << 20  # bytes, the smallest
SIZE = 4  # bytes of a sample


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    made = Ring.create(ring_path(tmp_path / "a"), RING)
    yield made
    made.close(remove=True)
    memory_index_path(tmp_path / "a").unlink(missing_ok=True)


def numbers(first: int, count: int) -> bytes:
    return np.arange(first, first + count, dtype="<u4").tobytes()


def new_writer(stem: Path) -> RecordingWriter:
    return RecordingWriter(stem, format="cs16", sample_rate=10_000.0, center_frequency_hz=None, start=None)


def test_a_sample_within_a_gap_is_found_with_what_is_left_of_the_gap(ring: Ring) -> None:
    ring.put(numbers(0, 1000))
    ring.put_gap(Gap(1000, 300, "overflow", 7))
    ring.put_gap(Gap(1300, 50, "disk stalled"))
    ring.put(numbers(1350, 500))
    assert ring.place_of(999, SIZE) == (3996, 0, None)
    assert ring.place_of(1000, SIZE) == (4000, 0, None)  # the whole gap is still to come
    for sample in (1001, 1299):
        position, event, rest = ring.place_of(sample, SIZE)
        assert (position, event) == (4000, 1)
        assert rest is not None
        assert (rest.sample_count, rest.uncertainty, rest.cause) == (1300 - sample, 7, "overflow")
    assert ring.place_of(1300, SIZE) == (4000, 1, None)
    assert ring.place_of(1350, SIZE) == (4000, 2, None)
    assert ring.place_of(1400, SIZE) == (4200, 2, None)


class KilledError(Exception):
    pass


class Words:
    """Stores as many words as it may, then the process is dead."""

    def __init__(self, words: Any, stores: int) -> None:
        self.words, self.stores = words, stores

    def __getitem__(self, place: int) -> Any:
        return self.words[place]

    def __setitem__(self, place: int, value: Any) -> None:
        if not self.stores:
            raise KilledError
        self.stores -= 1
        self.words[place] = value


@pytest.mark.parametrize("turns", [0, 1])
def test_a_kill_at_any_store_of_the_tail_leaves_the_old_one_or_the_new_one(ring: Ring, turns: int) -> None:
    ring.put(numbers(0, 100))
    ring.put_gap(Gap(100, 50, "overflow"))
    ring.put(numbers(150, 100))
    for _ in range(turns):
        ring.release(0, 0, 0)
    old, new = (0, 0, 0), (400, 150, 1)
    words, found = ring._words, []
    for stores in range(6):
        ring._words = words.copy()
        ring._words = Words(ring._words, stores)
        try:
            ring.release(*new)
        except KilledError:
            killed = True
        else:
            killed = False
        found.append((killed, tuple(ring.word(name) for name in ("tail", "tail_sample", "event_tail"))))
    ring._words = words
    assert {tail for killed, tail in found if killed} == {old}
    assert {tail for killed, tail in found if not killed} == {new}


@pytest.mark.parametrize("step_s", [0.0, 600.0, -3600.0])
def test_a_clock_that_is_set_does_not_move_a_stamp(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    now = ring_module.time.time()
    clocks = {"wall": now, "boot": 1000.0}
    monkeypatch.setattr(ring_module.time, "time", lambda: clocks["wall"])
    monkeypatch.setattr(ring_module.time, "clock_gettime", lambda _: clocks["boot"])
    ring.stamp(4321, now - 0.5)
    clocks["wall"] += 2.0 + step_s
    clocks["boot"] += 2.0
    assert ring.stamped is not None
    sample, time_s = ring.stamped
    assert sample == 4321
    assert clocks["wall"] - time_s == pytest.approx(2.5, abs=1e-3)


def test_a_stamp_by_the_monotonic_clock_is_not_moved_by_what_the_clock_said(ring: Ring) -> None:
    clock = ring_module.time
    ring.stamp(5, clock.time() - 40.0, clock.monotonic() - 3600.0)
    assert ring.stamped is not None
    assert clock.time() - ring.stamped[1] == pytest.approx(3600.0, abs=30.0)


def test_a_cause_that_is_no_unicode_is_kept_as_well_as_it_can_be(ring: Ring) -> None:
    assert ring.put_gap(Gap(0, 10, "dev\udce9 gone"))
    event = ring.event(0)
    assert event is not None
    assert (event.sample_count, event.cause) == (10, "dev? gone")


def test_a_memory_index_names_the_very_ring_it_belongs_to(tmp_path: Path, ring: Ring) -> None:
    with new_writer(tmp_path / "b") as left:
        MemoryWriter(left, ring, 0, "full").close()
    index = IndexReader(memory_index_path(tmp_path / "b"))
    memory_index_path(tmp_path / "b").unlink()
    attached = Ring.attach(ring.path)
    assert attached is not None
    assert attached.nonce == ring.nonce == index.header.metadata["ring_nonce"] > 0
    attached.close()
    later = Ring.create(ring.path, RING)
    assert later.nonce != index.header.metadata["ring_nonce"]
    later.close(remove=True)
