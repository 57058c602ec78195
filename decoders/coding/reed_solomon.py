"""Reed-Solomon of CCSDS 131.0-B-5 section 4: errors and erasures, both bases, any interleave.

(255, 223) and (255, 239), with 32 and 16 bytes of parity, correct 16 and 8 errors. Field x^8 + x^7 + x^2 + x
+ 1, generator with the roots alpha^(11 j), j = 128 - E … 127 + E, E half the parity. Byte p of a codeword is
the coefficient of x^(254 - p). Dual basis: annex F; symbols are mapped to the conventional basis and back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from decoders.coding import _fec

LENGTH, PARITY = 255, 32
PARITIES = (16, 32)
ROOT_STEP = 11
FAILED = -1

Bytes = npt.NDArray[np.uint8]


def _field_tables() -> tuple[list[int], list[int]]:
    exp, log, x = [0] * 512, [0] * 256, 1
    for i in range(LENGTH):
        exp[i] = exp[i + LENGTH] = x
        log[x] = i
        x <<= 1
        if x & 0x100:
            x ^= 0x187
    return exp, log


EXP, LOG = _field_tables()


def _to_dual() -> Bytes:
    """Conventional to dual basis: bit 7 - j of the wire symbol is Tr(u beta^j), beta = alpha^117."""
    table = np.zeros(256, dtype=np.uint8)
    for u in range(256):
        for j in range(8):
            product = power = times(u, EXP[117 * j % LENGTH])
            for _ in range(7):
                power = times(power, power)
                product ^= power
            table[u] |= product << (7 - j)  # the trace is 0 or 1
    return table


def times(a: int, b: int) -> int:
    """Product in the field."""
    return EXP[LOG[a] + LOG[b]] if a and b else 0


def over(a: int, b: int) -> int:
    """Quotient in the field; b must not be zero."""
    return EXP[LOG[a] + LENGTH - LOG[b]] if a else 0


TO_DUAL = _to_dual()
FROM_DUAL = np.argsort(TO_DUAL).astype(np.uint8)


def first_root(parity: int) -> int:
    """Lowest root of the generator, as a power of alpha^11."""
    return 128 - parity // 2


def decode_word(word: Bytes, erasures: Sequence[int] | Bytes = (), parity: int = PARITY) -> tuple[Bytes, int]:
    """Correct one codeword in the conventional basis.

    Args:
        word: uint8, shape (255,).
        erasures: distinct positions of bytes that are not to be trusted; with more than the parity has bytes
            nothing can be decoded, whatever the word.
        parity: bytes of parity, 16 or 32; up to e errors and f erasures mend where 2 e + f <= parity.

    Returns:
        The codeword and how many of its bytes were changed; the word as it was and `FAILED`.

    Raises:
        ValueError: a word of another length, another parity, or erasures that are not distinct positions.
    """
    return _fec.rs_decode(np.ascontiguousarray(word), np.asarray(erasures, dtype=np.uint8), parity)


def decode_words(words: Bytes, parity: int = PARITY) -> tuple[Bytes, tuple[int, ...]]:
    """Correct codewords, shape (n, 255), without erasures; otherwise as `decode_word`."""
    fixed, corrected = _fec.rs_decode_words(np.ascontiguousarray(words), parity)
    return fixed, tuple(corrected.tolist())


def split_block(block: Bytes, *, interleave: int, basis: str) -> Bytes:
    """The codewords of a block in the conventional basis, shape (interleave, 255).

    Codeword i holds the bytes i, i + interleave, … of the block.

    Raises:
        ValueError: the block is not interleave x 255 bytes long.
    """
    if block.size != interleave * LENGTH:
        raise ValueError(
            f"a block of {interleave} codewords has {interleave * LENGTH} bytes, not {block.size}"
        )
    words = np.ascontiguousarray(block.reshape(LENGTH, interleave).T)
    return FROM_DUAL[words] if basis == "dual" else words


def join_block(words: Bytes, *, basis: str) -> Bytes:
    """Inverse of `split_block`."""
    wire = TO_DUAL[words] if basis == "dual" else words
    return np.ascontiguousarray(wire.T).reshape(-1)


def chance_of_random_decode(errors: int, erasures: int, parity: int = PARITY) -> float:
    """How likely a word of random bytes decodes with that many erasures and at most that many errors.

    The words within reach of a codeword, over all words: sum over e of C(255 - s, e) 255^e / 256^(P - s), for
    s erasures and P bytes of parity.
    """
    reach = sum(math.comb(LENGTH - erasures, e) * 255**e for e in range(errors + 1))
    return float(reach / 256 ** (parity - erasures))


def decode_word_plain(word: Bytes, erasures: Sequence[int] = (), parity: int = PARITY) -> tuple[Bytes, int]:
    """The specification of `decode_word`: Berlekamp-Massey started from the erasures, Forney's formula."""
    syndromes = _syndromes(word, parity)
    if len(erasures) > parity:
        return word.copy(), FAILED
    if not any(syndromes):
        return word.copy(), 0
    locator = _berlekamp_massey(syndromes, _erasure_locator(erasures, parity), len(erasures))
    while locator[-1] == 0:
        locator.pop()
    degree = len(locator) - 1
    if 2 * degree > parity + len(erasures):
        return word.copy(), FAILED
    fixed, roots, changed = word.copy(), 0, 0
    evaluator = _product(syndromes, locator)[:parity]
    for position in range(LENGTH):
        log_inverse = -ROOT_STEP * (LENGTH - 1 - position) % LENGTH
        if _evaluate(locator, log_inverse):
            continue
        derivative = _evaluate(_odd_part(locator), log_inverse)
        if not derivative:
            return word.copy(), FAILED
        numerator = times(
            _evaluate(evaluator, log_inverse), EXP[log_inverse * (first_root(parity) - 1) % LENGTH]
        )
        value = over(numerator, derivative)
        roots, changed = roots + 1, changed + (value != 0)
        fixed[position] ^= value
    if roots != degree or any(_syndromes(fixed, parity)):
        return word.copy(), FAILED
    return fixed, changed


def _syndromes(word: Bytes, parity: int) -> list[int]:
    values = []
    for j in range(parity):
        log_root, value = (first_root(parity) + j) * ROOT_STEP % LENGTH, 0
        for byte in word.tolist():
            value = times(value, EXP[log_root]) ^ byte
        values.append(value)
    return values


def _erasure_locator(erasures: Sequence[int], parity: int) -> list[int]:
    locator = [1]
    for position in erasures:
        locator = _product(locator, [1, EXP[ROOT_STEP * (LENGTH - 1 - position) % LENGTH]])
    return locator + [0] * (parity + 1 - len(locator))


def _berlekamp_massey(syndromes: list[int], locator: list[int], erasure_count: int) -> list[int]:
    previous, degree = locator, erasure_count
    for r in range(erasure_count + 1, len(syndromes) + 1):
        discrepancy = 0
        for i in range(r):
            discrepancy ^= times(locator[i], syndromes[r - 1 - i])
        previous = [0, *previous[:-1]]
        if not discrepancy:
            continue
        following = [a ^ times(discrepancy, b) for a, b in zip(locator, previous, strict=True)]
        if 2 * degree <= r + erasure_count - 1:
            degree = r + erasure_count - degree
            previous = [over(a, discrepancy) for a in locator]
        locator = following
    return list(locator)


def _product(a: list[int], b: list[int]) -> list[int]:
    """Product of two polynomials, lowest power first."""
    result = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] ^= times(x, y)
    return result


def _evaluate(polynomial: list[int], log_x: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = times(value, EXP[log_x]) ^ coefficient
    return value


def _odd_part(polynomial: list[int]) -> list[int]:
    """Formal derivative: in a field of characteristic two only the odd powers leave a term."""
    return [c if i % 2 == 1 else 0 for i, c in enumerate(polynomial)][1:]
