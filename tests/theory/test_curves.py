"""The curves of theory against figures worked out elsewhere, and the yardstick decoder against them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.theory import curves, maximum_likelihood


def test_spectra_are_those_published(shared_vectors: Path) -> None:
    published = json.loads((shared_vectors / "conv_spectra.json").read_text())
    assert set(published) == set(curves.SPECTRA)
    for rate, table in published.items():
        assert curves.SPECTRA[rate] == {term["d"]: term["c_d_sum_over_phases"] for term in table["terms"]}
        assert maximum_likelihood.PATTERNS[rate] == (table["c1"], table["c2"])


# Eb/N0 in dB of the union bound at bit error rates 1e-3 … 1e-7, computed elsewhere from the same spectra.
BOUNDS = {
    "1/2": (2.84, 3.51, 4.17, 4.79, 5.36),
    "2/3": (3.25, 3.95, 4.60, 5.21, 5.78),
    "3/4": (3.73, 4.44, 5.13, 5.78, 6.37),
    "5/6": (4.25, 4.96, 5.66, 6.33, 6.93),
    "7/8": (4.64, 5.34, 6.02, 6.68, 7.32),
}


@pytest.mark.parametrize("rate", BOUNDS)
def test_union_bound(rate: str) -> None:
    for exponent, expected in zip(range(3, 8), BOUNDS[rate], strict=True):
        assert curves.ebn0_of(10.0**-exponent, rate) == pytest.approx(expected, abs=0.011)


@pytest.mark.parametrize(("error", "ebn0_db"), [(1e-5, 9.59), (1e-6, 10.53)])
def test_uncoded(error: float, ebn0_db: float) -> None:
    assert curves.antipodal_error(ebn0_db) == pytest.approx(error, rel=0.02)
    loss = curves.residual_carrier_loss_db()
    assert loss == pytest.approx(0.72, abs=0.005)
    assert curves.split_phase_error(ebn0_db + loss) == pytest.approx(error, rel=0.02)


def test_reed_solomon_model_agrees_with_the_monte_carlo_of_frames() -> None:
    """Bytes out of a Viterbi decoder err in bursts; interleaved by four they are nearly independent."""
    byte_error = {row[0]: row[2] for row in curves.RATE_HALF}[1.5]
    assert curves.frame_failure(byte_error, 4) == pytest.approx(0.071, rel=0.4)
    assert curves.codeword_failure(0.0) == 0
    assert curves.codeword_failure(1.0) == pytest.approx(1.0)
    assert curves.codeword_failure(0.01, correctable=0) == pytest.approx(1 - 0.99**255)


def test_one_pass_theory_of_the_waterfall() -> None:
    assert curves.frame_loss("1/2", 1.63) == pytest.approx(0.01, rel=0.1)
    assert curves.frame_loss("1/2", 1.27) == pytest.approx(0.5, rel=0.1)
    assert curves.frame_loss("3/4", 2.6) == pytest.approx(0.11)
    assert curves.frame_loss("3/4", 2.0) is None
    five, four = (curves.frame_loss("1/2", 2.0, interleave=n) for n in (5, 4))
    assert five == pytest.approx(1.25 * four, rel=0.01)


@pytest.mark.parametrize("rate", ["1/2", "3/4", "7/8"])
def test_yardstick_decodes_within_the_bound(rate: str) -> None:
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2, (120, 2000), dtype=np.uint8)
    sent = 2.0 * maximum_likelihood.encode(bits) - 1
    kept = maximum_likelihood.kept(rate, 2000)
    ebn0_db = curves.ebn0_of(1e-3, rate)
    top, bottom = (int(part) for part in rate.split("/"))
    deviation = np.sqrt(0.5 / (top / bottom * 10 ** (ebn0_db / 10)))
    received = np.where(kept, sent + deviation * rng.standard_normal(sent.shape), 0)
    errors = (maximum_likelihood.decode(received.astype(np.float32)) != bits)[:, :-64].mean()
    assert 0.3e-3 < errors < 1e-3


def test_yardstick_is_the_monte_carlo_of_rate_one_half() -> None:
    rng = np.random.default_rng(6)
    bits = rng.integers(0, 2, (150, 2000), dtype=np.uint8)
    sent = 2.0 * maximum_likelihood.encode(bits) - 1
    received = sent + np.sqrt(0.5 / (0.5 * 10**0.15)) * rng.standard_normal(sent.shape)
    errors = (maximum_likelihood.decode(received.astype(np.float32)) != bits)[:, :-64].mean()
    assert errors == pytest.approx(1.62e-2, rel=0.08)
