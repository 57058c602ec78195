"""How samples of a device that loses some arrive at a busy machine: batches, jitter, stalls, a wrong crystal.

The model of truth for the loss clock; it knows nothing of how that works. A batch leaves the device when its
last sample is taken, waits for the sender (late now and then by `late_s` on average, seldom by a stall) and
then for the reader, who may be late and stall as well, and who reads what waits for him without a pause.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Machine:
    """Device and machine.

    Attributes:
        rate: samples/s as told; the true one is `ppm` higher.
        batch: samples that come together.
        piece: of a batch, read at a time; 0: all of it.
        busy: share of batches that come late.
        late_s: by how much on average, then.
        stall_every_s: mean time between stalls; 0: none.
        stall_s: how long they are on average.
    """

    rate: float = 250e3
    ppm: float = 0.0
    batch: int = 8192
    piece: int = 0
    busy: float = 0.0
    late_s: float = 0.01
    stall_every_s: float = 0.0
    stall_s: float = 0.5


@dataclass(frozen=True)
class Arrival:
    """What the reader gets."""

    time_s: float
    count: int
    waited_s: float


def arrivals(
    machine: Machine, losses: list[tuple[int, int]], seconds: float, random: np.random.Generator
) -> Iterator[Arrival]:
    """Arrivals of a stream with losses (samples received before it, samples missing)."""
    places = np.array([place for place, _ in losses], float)
    missing = np.concatenate([[0], np.cumsum([length for _, length in losses])])
    true_rate = machine.rate * (1 + machine.ppm * 1e-6)
    reader_s = 0.0
    sender_s = 0.0
    for end in range(machine.batch, int(seconds * machine.rate), machine.batch):
        taken_s = (end + missing[np.searchsorted(places, end)]) / true_rate
        sender_s = max(sender_s, taken_s) + _delay(machine, random)
        began_s = max(sender_s, reader_s)
        waited_s = max(sender_s - reader_s, 0.0)
        began_s += _delay(machine, random)
        pieces = _pieces(machine)
        for number, count in enumerate(pieces):
            yield Arrival(began_s + 30e-6 * number, count, 0.0 if number else waited_s)
        reader_s = began_s + 30e-6 * len(pieces)


def _pieces(machine: Machine) -> list[int]:
    piece = machine.piece or machine.batch
    return [min(piece, machine.batch - at) for at in range(0, machine.batch, piece)]


def _delay(machine: Machine, random: np.random.Generator) -> float:
    delay_s = random.exponential(30e-6)
    if random.random() < machine.busy:
        delay_s += random.exponential(machine.late_s)
    if machine.stall_every_s and random.random() < machine.batch / machine.rate / machine.stall_every_s:
        delay_s += random.exponential(machine.stall_s)
    return delay_s
