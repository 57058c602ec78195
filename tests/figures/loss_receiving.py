"""Receives from the simulated SoapySDR device, with losses, into a recording."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdr.receiver import Block, Tuning
from sdr.record import open_writer, record
from sdr.recording import Gap
from sdr.soapy import SoapyReceiver
from sim.soapy import device_args, lost
from tests.figures.loss_truth import Estimated, Stretch, random_losses

FREQUENCY_HZ = 137.9e6
RATE = 250e3
# Losses in real time: nearer ones than these are told as one, see `sdr.loss_clock`.
APART_S = (1.5, 3.5)


def damaged(
    signal: Path, sample_count: int, rate: float, losses: list[Stretch], stem: Path, *, forget: int | None
) -> tuple[list[Gap], list[Stretch]]:
    """A recording of a signal played by a device that stamps its samples, as fast as it goes.

    Args:
        signal: cu8 samples.
        sample_count: of them.
        rate: Hz.
        losses: of the device.
        stem: of the recording.
        forget: number of a loss that is neither filled nor annotated (sabotage).

    Returns:
        Annotated gaps, and what the device's log says.
    """
    args = device_args(stem.parent, losses, file=signal, format="CU8", pace=0, timeouts=101, short_reads=7)
    receiver = SoapyReceiver("tramthu_sim", args=args)
    writer = open_writer(receiver.open(Tuning(FREQUENCY_HZ, rate)), stem, durable=False)
    number = received = 0
    while received < sample_count:
        block: Block = receiver.read(min(50_000, sample_count - received), 0.02)
        if block.lost:
            if number != forget:
                writer.gap(block.lost, block.cause, block.lost_uncertainty)
            number += 1
        writer.write_raw(block.raw)
        received += block.lost + len(block.raw) // 2
    receiver.close()
    writer.close()
    return list(writer.gaps), lost(stem.parent / "device.jsonl")


@dataclass(frozen=True)
class Paced:
    """One device without stamps, in real time; `sure` divides what it states as uncertainty (sabotage)."""

    folder: Path
    losses: int
    seed: int
    sure: float = 1.0
    rate: float = RATE


def received_in_real_time(paced: Paced) -> Estimated:
    """Record from a device that stamps nothing, tells no overflow, and whose crystal is wrong."""
    paced.folder.mkdir()
    wanted = random_losses(paced.losses, paced.rate, apart_s=APART_S, longest_s=1.0, seed=1000 + paced.seed)
    wanted = [(first + round(1.5 * paced.rate), count) for first, count in wanted]
    crystal_ppm = float(np.random.default_rng(paced.seed).uniform(-100, 100))
    args = device_args(
        paced.folder,
        wanted,
        stamps=0,
        overflow_code=0,
        mtu=2048,
        jitter_ms=0.5,
        crystal_ppm=crystal_ppm,
    )
    receiver = SoapyReceiver("tramthu_sim", args=args)
    tuning = Tuning(FREQUENCY_HZ, paced.rate)
    opened = receiver.open(tuning)
    visible: list[tuple[int, int]] = [(0, opened.smallest_visible_loss)]
    info = record(
        receiver,
        open_writer(opened, paced.folder / "recorded", durable=False),
        duration_s=sum(wanted[-1]) / paced.rate + 6.0,
        tuning=tuning,
        reserve_bytes=0,
        progress=lambda state: visible.append((state.sample_count, receiver.smallest_visible_loss)),
    )
    receiver.close()
    gaps = [
        Gap(gap.sample_index, gap.sample_count, gap.cause, math.floor(gap.uncertainty / paced.sure))
        for gap in info.gaps
    ]
    return Estimated.of(lost(paced.folder / "device.jsonl"), gaps, visible, round(0.7 * paced.rate))
