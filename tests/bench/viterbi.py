"""Table `viterbi`: the kernel alone against an unquantised maximum-likelihood decoder, on the same noise.

The distance in dB is the horizontal one: the kernel's bit error rate, read off the maximum-likelihood
decoder's own curve through the neighbouring levels. Both see the same noise, so that chance cancels out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tests.bench.options import Options
from tests.bench.tables import Cell, Curve, Plot, Table
from tests.theory import curves, maximum_likelihood

ROW_BITS = 2048
RUN_OUT_BITS = 128
RATES = ("1/2", "2/3", "3/4", "5/6", "7/8")
ERRORS = (1e-3, 1e-4, 1e-5)
WRONG_BITS = 800  # aimed at
MOST_BITS = {False: 6_000_000, True: 1_500_000}  # by quick
BATCH_ROWS = 64

TITLE = (
    "Bit error rate behind the kernel on int8 soft bits, and of float maximum likelihood on the same noise, "
    "at the union bound's Eb/N0 of 1e-3, 1e-4 and 1e-5. `loss`: dB by which the kernel is worse, with its "
    "standard error. Judged is the mean of a rate, weighted by these."
)


def run(options: Options) -> Table:
    """Every rate at every error rate that is asked for."""
    given = [
        (rate, error)
        for rate in (RATES[:1] if options.quick else RATES)
        for error in (ERRORS[:1] if options.quick else ERRORS)
    ]
    rows = options.map(lambda pair: _row(*pair, options), given)
    worst = max(
        _mean_loss([row for row in rows if row["rate"] == rate])
        for rate in dict.fromkeys(str(row["rate"]) for row in rows)
    )
    lines = []
    for rate in dict.fromkeys(rate for rate, _ in given):
        mine = [row for row in rows if row["rate"] == rate]
        x = [float(row["Eb/N0"] or 0) for row in mine]
        lines.append(Curve(f"{rate}, kernel", x, [float(row["BER"] or 0) for row in mine]))
        places = [min(x) + (max(x) - min(x)) * k / 30 for k in range(31)]
        bound = [curves.union_bound(rate, place) for place in places]
        lines.append(Curve(f"{rate}, union bound", places, bound, theory=True))
    plot = Plot("viterbi", "Viterbi alone", "Eb/N0 [dB]", "bit error rate", tuple(lines))
    return Table("viterbi", TITLE, rows, {"viterbi loss": worst}, (plot,))


def _row(rate: str, error: float, options: Options) -> dict[str, Cell]:
    ebn0_db = curves.ebn0_of(error, rate)
    rng = np.random.default_rng([options.seed, RATES.index(rate), round(-math.log10(error))])
    bits = wrong = wrong_likeliest = squares = 0
    while wrong_likeliest < WRONG_BITS and bits < MOST_BITS[options.quick]:
        sent = rng.integers(0, 2, (BATCH_ROWS, ROW_BITS + RUN_OUT_BITS), dtype=np.uint8)
        received, deviation = _received(sent, rate, ebn0_db, rng)
        likeliest = maximum_likelihood.decode(received)[:, :ROW_BITS]
        decoded = _kernel(received, deviation, options.sabotage)
        bits += BATCH_ROWS * ROW_BITS
        mine, best = ((one != sent[:, :ROW_BITS]).sum(axis=1) for one in (decoded, likeliest))
        wrong, wrong_likeliest = wrong + int(mine.sum()), wrong_likeliest + int(best.sum())
        squares += int(((mine.astype(int) - best) ** 2).sum())
    # Along the curve the logarithm of the error rate falls as that of the bound does.
    slope = math.log(curves.union_bound(rate, ebn0_db - 0.1) / curves.union_bound(rate, ebn0_db)) / 0.1
    loss = math.log(max(wrong, 1) / max(wrong_likeliest, 1)) / slope
    return {
        "rate": rate,
        "Eb/N0": round(ebn0_db, 3),
        "bits": bits,
        "BER": wrong / bits,
        "maximum likelihood": wrong_likeliest / bits,
        "union bound": error,
        "loss": round(loss, 4),
        "±": round(math.sqrt(max(squares, 1)) / max(wrong_likeliest, 1) / slope, 4),
    }


def _mean_loss(rows: list[dict[str, Cell]]) -> float:
    weights = [1 / float(row["±"] or 1) ** 2 for row in rows]
    return sum(w * float(row["loss"] or 0) for w, row in zip(weights, rows, strict=True)) / sum(weights)


def _received(
    sent: NDArray[np.uint8], rate: str, ebn0_db: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], float]:
    """Symbols ±1 in noise, 0 where punctured, and the noise's deviation."""
    top, bottom = (int(part) for part in rate.split("/"))
    deviation = math.sqrt(0.5 / (top / bottom * 10 ** (ebn0_db / 10)))
    symbols = 2 * maximum_likelihood.encode(sent).astype(np.float32) - 1
    noise = np.float32(deviation) * rng.standard_normal(symbols.shape, np.float32)
    return np.where(maximum_likelihood.kept(rate, sent.shape[1]), symbols + noise, np.float32(0)), deviation


def _kernel(received: NDArray[np.float32], deviation: float, sabotage: str | None) -> NDArray[np.uint8]:
    from decoders.coding.viterbi import MARGIN_BITS, viterbi
    from decoders.demodulation.softbits import SOFT_PER_LLR

    scaled = np.rint(received * np.float32(SOFT_PER_LLR * 2 / deviation**2))
    soft = np.clip(scaled, -127, 127).astype(np.int8)
    if sabotage == "tap":
        soft[:, 1::2] = np.roll(soft[:, 1::2], 1, axis=1)
    # Before the first bit stood zeros, which send zeros: the run-up.
    head = np.full((soft.shape[0], 2 * MARGIN_BITS), -100, np.int8)
    tail = received.shape[1] // 2 - ROW_BITS
    return viterbi(np.concatenate([head, soft], axis=1), head=MARGIN_BITS, length=ROW_BITS, tail=tail)[0]
