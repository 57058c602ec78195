"""How many levels the Viterbi kernel needs, and how far they should reach: loss in dB against floating point.

For every code rate, noise near a bit error rate of 1e-3 and above it; the same noise for all. `levels` on
either side of zero; `reach`: the size that gets the last one, in mean sizes of the row's soft bits, each
weighed by itself. Chosen: 15 levels, all that metrics of eight bits bear with a subtraction every eighth step
(viterbi.cpp), and a reach of 5/4: 0.02 dB at all of the points, where 1 loses 0.04 dB at rate 1/2 and 3/2
loses 0.04 dB at rate 7/8. 31 levels would lose 0.01 dB.

    python tests/design/viterbi_levels.py [million bits]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.decoders.convolutional import maximum_likelihood, received, soft_bits

# Rate, Eb/N0, and the slope there, in nepers of the bit error rate per dB.
POINTS = [("1/2", 1.5, 2.1), ("1/2", 2.7, 2.9), ("3/4", 3.2, 2.7), ("7/8", 4.2, 2.9)]
CHOICES = [(7, 1.0), (7, 1.25), (11, 1.25), (15, 1.0), (15, 1.25), (15, 1.5), (15, 2.0), (31, 1.5)]


def quantised(soft: np.ndarray, levels: int, reach: float) -> np.ndarray:
    """Levels of a whole stream, scaled by its own mean size."""
    size = np.abs(soft.astype(np.float64))
    scale = min(1.0, levels / (reach * np.square(size).sum() / size.sum()))
    return np.sign(soft) * np.minimum(levels, np.floor(size * scale + 0.5))


def main() -> None:
    """Print a table."""
    count = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 4_000_000
    print("rate  Eb/N0   choice          bit errors  loss/dB")
    for rate, ebn0_db, slope in POINTS:
        errors: dict[str, int] = {}
        rng = np.random.default_rng(1)
        for _ in range(count // 500_000):
            bits = rng.integers(0, 2, 500_000).astype(np.uint8)
            ratios = received(bits, ebn0_db, rate, rng)
            soft = soft_bits(ratios)
            tried = {"float": ratios, "int8": soft.astype(float)}
            tried |= {f"{n} to {reach}": quantised(soft, n, reach) for n, reach in CHOICES}
            for name, values in tried.items():
                wrong = np.count_nonzero(maximum_likelihood(values, margin=112) != bits)
                errors[name] = errors.get(name, 0) + wrong
        for name, wrong in errors.items():
            loss = np.log(wrong / errors["float"]) / slope
            print(f"{rate:5} {ebn0_db:5.1f}   {name:14} {wrong:10d}  {loss:8.3f}")


if __name__ == "__main__":
    main()
