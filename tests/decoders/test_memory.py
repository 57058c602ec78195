"""What the demodulator holds does not depend on how much went through it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import numpy as np
from decoders.demodulation.demodulator import Demodulator
from decoders.memory import keep_freed_memory
from tests.decoders.lrpt_modulator import Setting, received

keep_freed_memory()
modulation, symbol_rate, sample_rate, portions = sys.argv[1], *map(float, sys.argv[2:])
s = Setting(modulation, symbol_rate, sample_rate, 0.5)
rng = np.random.default_rng(1)
samples = received(rng.integers(0, 2, 2 * int(300_000 * symbol_rate / sample_rate)), 6.0, s, rng)
demodulator = Demodulator(
    sample_rate=sample_rate, modulation=modulation, symbol_rate=symbol_rate, rolloff=0.5
)

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

before = most = resident()
for _ in range(int(portions)):
    demodulator.process(samples)
    most = max(most, resident())
demodulator.flush()
print(max(most, resident()) - before)
"""


@pytest.mark.parametrize(
    ("modulation", "symbol_rate", "sample_rate"), [("oqpsk", 72e3, 1e6), ("qpsk", 7e6 / 3, 6e6)]
)
def test_memory_stays_within_bounds(modulation: str, symbol_rate: float, sample_rate: float) -> None:
    """80 MB of samples: no more than 60 MB are ever held, and none of it grows."""
    used = []
    for portions in (8, 32):
        settings = [modulation, *map(str, (symbol_rate, sample_rate, portions))]
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, *settings], check=True, capture_output=True, text=True
        )
        used.append(float(ran.stdout))
    assert max(used) < 60
    assert used[1] < used[0] + 20
