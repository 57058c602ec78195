from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from decoders.coding import _fec
from decoders.coding.differential import NrzMDecoder, nrz_m_encode
from decoders.coding.siso import UNKNOWN, siso, siso_plain
from decoders.coding.viterbi import viterbi
from tests.decoders.convolutional import received, soft_bits

INSTRUCTION_SETS = [name for name in ("generic", "v3", "v4") if name <= _fec.instruction_set()]


def noisy(bits: np.ndarray, ebn0_db: float, rng: np.random.Generator) -> np.ndarray:
    return soft_bits(received(bits, ebn0_db, "1/2", rng))


@pytest.mark.parametrize("nrz_m", [False, True])
@pytest.mark.parametrize("share_known", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("size", [0, 1, 2, 260, 2050])
def test_siso_kernel_equals_plain_form(nrz_m: bool, share_known: float, size: int) -> None:
    rng = np.random.default_rng(10)
    soft = rng.integers(-128, 128, 2 * size).astype(np.int8)
    known = np.where(rng.random(size) < share_known, rng.integers(0, 2, size), UNKNOWN).astype(np.uint8)
    got, wanted = (decode(soft, known, nrz_m=nrz_m) for decode in (siso, siso_plain))
    for instruction_set in INSTRUCTION_SETS:
        assert np.array_equal(_fec.siso(soft, known, nrz_m, instruction_set), wanted)
    assert np.array_equal(got, wanted)
    assert np.array_equal(got[known < UNKNOWN] > 0, known[known < UNKNOWN] == 1)


@pytest.mark.parametrize("nrz_m", [False, True])
def test_siso_decides_as_viterbi_does_and_known_bits_help(nrz_m: bool) -> None:
    rng = np.random.default_rng(11)
    bits = rng.integers(0, 2, 20_000).astype(np.uint8)
    soft = noisy(nrz_m_encode(bits) if nrz_m else bits, 0.5, rng)
    soft = np.clip(soft, -10, 10)  # so small that `viterbi` counts them as they are
    nothing = np.full(bits.size, UNKNOWN, np.uint8)
    llr = siso(soft, nothing, nrz_m=nrz_m)
    path, _ = viterbi(soft[None, :], head=0, length=bits.size, tail=0)
    decided = NrzMDecoder().process(path[0]) if nrz_m else path[0]
    sure = llr != 0  # equal paths are decided by rule
    sure[0] = False  # the level before the first is not known
    assert np.array_equal((llr > 0)[sure], decided[sure])
    known = np.where(np.arange(bits.size) // 8 % 4 < 2, bits, UNKNOWN).astype(np.uint8)
    free = known == UNKNOWN
    before = np.mean((llr > 0)[free] != bits[free])
    after = np.mean((siso(soft, known, nrz_m=nrz_m) > 0)[free] != bits[free])
    assert after < 0.5 * before


def test_siso_reliability_tells_right_from_wrong() -> None:
    rng = np.random.default_rng(12)
    bits = rng.integers(0, 2, 40_000).astype(np.uint8)
    llr = siso(noisy(bits, 1.5, rng), np.full(bits.size, UNKNOWN, np.uint8), nrz_m=False)
    order = np.argsort(np.abs(llr))
    rates = [np.mean((llr[part] > 0) != bits[part]) for part in np.array_split(order, 4)]
    assert all(a >= b for a, b in pairwise(rates))
    assert rates[0] > 20 * max(rates[2], 1e-5)
