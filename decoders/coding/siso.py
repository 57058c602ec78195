"""Reliability of every decoded bit, with bits that are already known: the second try at a damaged frame.

Max-log a-posteriori decoding (Robertson, Villebrun, Hoeher 1995) on the trellis of `viterbi.py`. Bits that
Reed-Solomon has proven in one codeword are laid down as known; they steer the paths of the bits between them,
which belong to the codewords that failed (Paaske 1990 calls this 'forced state decoding').
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec
from decoders.coding.viterbi import STATES, Bits, Int32s, SoftBits, _signs

UNKNOWN = 2
IMPOSSIBLE = -(1 << 28)
NORMALISE_EVERY = 1024  # bits


def siso(soft: SoftBits, known: Bits, *, nrz_m: bool) -> Int32s:
    """Log-likelihood ratio of each information bit, in units of the soft bits, positive = 1.

    Args:
        soft: int8, positive = 1, 0 = erasure, shape (2 n,).
        known: 0 or 1 where the bit is known, `UNKNOWN` elsewhere, shape (n,).
        nrz_m: whether the information bits, and `known`, are the changes of the encoder's input.
    """
    return _fec.siso(np.ascontiguousarray(soft), np.ascontiguousarray(known), nrz_m)


def siso_plain(soft: SoftBits, known: Bits, *, nrz_m: bool) -> Int32s:
    """The specification of `siso`."""
    states = np.arange(STATES)
    previous = np.stack([states << 1 & 63, states << 1 & 63 | 1])
    signs = _signs(states >> 5 << 6 | previous)
    information = (states >> 5 ^ states >> 4) & 1 if nrz_m else states >> 5
    branch = soft.astype(np.int64).reshape(-1, 2) @ signs.reshape(-1, 2).T
    branches = branch.reshape(-1, 2, STATES)
    forbidden = (known[:, None] < UNKNOWN) & (information[None, :] != known[:, None])
    alphas = _forward(branches, forbidden, previous)
    beta = np.zeros(STATES, dtype=np.int64)
    llr = np.zeros(known.size, dtype=np.int64)
    for t in range(known.size - 1, -1, -1):
        both = alphas[t + 1] + beta
        llr[t] = both[information == 1].max() - both[information == 0].max()
        beta[forbidden[t]] = IMPOSSIBLE
        before = np.full(STATES, 4 * IMPOSSIBLE, dtype=np.int64)
        np.maximum.at(before, previous, beta + branches[t])
        beta = _normalised(before) if t % NORMALISE_EVERY == 0 else before
    return llr.astype(np.int32)


def _forward(
    branches: npt.NDArray[np.int64], forbidden: npt.NDArray[np.bool_], previous: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    alphas = np.zeros((branches.shape[0] + 1, STATES), dtype=np.int64)
    for t, branch in enumerate(branches):
        metrics = (alphas[t][previous] + branch).max(axis=0)
        metrics[forbidden[t]] = IMPOSSIBLE
        alphas[t + 1] = _normalised(metrics) if (t + 1) % NORMALISE_EVERY == 0 else metrics
    return alphas


def _normalised(metrics: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    lifted: npt.NDArray[np.int64] = np.maximum(metrics - metrics.max(), IMPOSSIBLE)
    return lifted
