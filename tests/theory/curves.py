"""What theory says of every link: error rates of symbols, of the inner code and of frames, against Eb/N0.

Eb is the energy of a bit out of the inner decoder; of HRPT, which has none, all of the energy of a bit, the
residual carrier's share included. Nothing here is taken from the decoder or the simulator.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

# Sum over all paths of distance d and all puncture phases of the bits in error; CCSDS 131.0-B-5 codes.
# Computed by a search of the trellis and equal to the published tables (Conan 1984; Haccoun, Bégin 1989).
SPECTRA: dict[str, dict[int, int]] = {
    "1/2": {10: 36, 12: 211, 14: 1404, 16: 11633, 18: 77433, 20: 502690},
    "2/3": {6: 3, 7: 70, 8: 285, 9: 1276, 10: 6160, 11: 27128, 12: 117019},
    "3/4": {5: 42, 6: 201, 7: 1492, 8: 10469, 9: 62935, 10: 379546},
    "5/6": {4: 92, 5: 528, 6: 8694, 7: 79453, 8: 791795},
    "7/8": {3: 9, 4: 500, 5: 7437, 6: 105707, 7: 1402089},
}

# Monte Carlo of an unquantised maximum-likelihood decoder of rate 1/2, in blocks of 8198 bits: Eb/N0 in dB,
# bit error rate, rate of wrong bytes, and bit error rate behind NRZ-M.
RATE_HALF = (
    (1.0, 3.9e-2, 9.2e-2, 4.05e-2),
    (1.5, 1.62e-2, 3.9e-2, 1.71e-2),
    (2.0, 4.9e-3, 1.26e-2, 5.3e-3),
    (2.5, 1.37e-3, 3.8e-3, 1.53e-3),
    (3.0, 2.9e-4, 8.7e-4, 3.5e-4),
    (3.5, 7.0e-5, 2.3e-4, 7.9e-5),
    (4.0, 1.44e-5, 5.3e-5, 1.65e-5),
    (4.5, 2.7e-6, 7.6e-6, 2.9e-6),
)

# The same decoder, then RS(255,223), four codewords a frame, one pass: frames lost, plain and with NRZ-M.
RATE_HALF_FRAMES = (
    (1.25, 0.557, 0.609),
    (1.40, 0.201, 0.239),
    (1.50, 0.071, 0.086),
    (1.60, 0.0145, 0.0199),
    (1.70, 3.4e-3, 4.4e-3),
    (1.80, 2.6e-4, 4e-4),
)

# MetOp's rate 3/4, four codewords of RS(255,223) a frame, one pass.
RATE_THREE_QUARTERS_FRAMES = ((2.6, 0.11), (2.7, 0.036), (2.75, 0.02), (2.8, 0.004))


def q(x: float) -> float:
    """Probability that a standard normal variable exceeds x."""
    return 0.5 * math.erfc(x / math.sqrt(2))


def antipodal_error(ebn0_db: float) -> float:
    """Bit error rate of uncoded BPSK, QPSK or OQPSK (Proakis, 5th ed., eq. 4.3-13)."""
    return q(math.sqrt(2 * 10 ** (ebn0_db / 10)))


def residual_carrier_loss_db(deviation_deg: float = 67.0) -> float:
    """What a carrier that stays costs the data: of phase modulation by ±d the share sin² d is data."""
    return -20 * math.log10(math.sin(math.radians(deviation_deg)))


def split_phase_error(ebn0_db: float, deviation_deg: float = 67.0) -> float:
    """Bit error rate of split phase on a residual carrier; Eb is all of the energy of a bit."""
    return antipodal_error(ebn0_db - residual_carrier_loss_db(deviation_deg))


def union_bound(rate: str, ebn0_db: float) -> float:
    """Upper bound of the bit error rate behind an ideal Viterbi decoder; loose above 1e-3.

    P_b <= (1 / period) sum_d c_d Q(sqrt(2 d R Eb/N0)) (Viterbi 1971), period = information bits of the
    puncture pattern.
    """
    top, bottom = (int(part) for part in rate.split("/"))
    energy = 2 * top / bottom * 10 ** (ebn0_db / 10)
    return sum(c * q(math.sqrt(d * energy)) for d, c in SPECTRA[rate].items()) / top


def ebn0_of(error: float, rate: str) -> float:
    """Eb/N0 in dB at which the union bound gives this bit error rate."""
    low, high = 0.0, 15.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if union_bound(rate, middle) > error else (low, middle)
    return low


def interpolated(points: Sequence[tuple[float, ...]], at: float, column: int = 1) -> float | None:
    """Error rate between points of a curve, straight in its logarithm; None outside."""
    places = [point[0] for point in points]
    if not places[0] <= at <= places[-1]:
        return None
    k = max(bisect_left(places, at), 1)
    share = (at - places[k - 1]) / (places[k] - places[k - 1])
    low, high = math.log(points[k - 1][column]), math.log(points[k][column])
    return math.exp(low + share * (high - low))


def viterbi_bit_error(rate: str, ebn0_db: float, *, nrz_m: bool = False) -> float:
    """Bit error rate of ideal soft Viterbi decoding: the Monte Carlo where there is one, else the bound."""
    found = interpolated(RATE_HALF, ebn0_db, 3 if nrz_m else 1) if rate == "1/2" else None
    return min(0.5, union_bound(rate, ebn0_db)) if found is None else found


def codeword_failure(byte_error: float, correctable: int = 16, length: int = 255) -> float:
    """Probability of more than `correctable` wrong bytes in a codeword, bytes wrong independently."""
    return math.fsum(
        math.comb(length, k) * byte_error**k * (1 - byte_error) ** (length - k)
        for k in range(correctable + 1, length + 1)
    )


def frame_failure(byte_error: float, interleave: int, correctable: int = 16) -> float:
    """Probability that any of the codewords of a frame fails; interleaving makes bytes nearly independent."""
    return -math.expm1(interleave * math.log1p(-codeword_failure(byte_error, correctable)))


def frame_loss(rate: str, ebn0_db: float, *, interleave: int = 4, nrz_m: bool = False) -> float | None:
    """Frames lost by one pass of ideal soft Viterbi and RS(255,223); None where no curve is known."""
    if rate == "3/4":
        return interpolated(RATE_THREE_QUARTERS_FRAMES, ebn0_db)
    measured = interpolated(RATE_HALF_FRAMES, ebn0_db, 2 if nrz_m else 1)
    if measured is not None and interleave == 4:
        return measured
    byte_error = interpolated(RATE_HALF, ebn0_db, 2)
    return None if byte_error is None else frame_failure(byte_error, interleave)
