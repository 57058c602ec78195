from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from decoders.coding.deinterleaver import BRANCHES, DELAY_ROWS, SPAN_ROWS, Deinterleaver
from decoders.coding.marker_sync import PERIOD, Alignment, MarkerSync
from sim.coding import Interleaver, SyncInserter

ROW_BITS = 36


def random_bits(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, count).astype(np.uint8)


def prbs15(count: int) -> np.ndarray:
    """x^15 + x^14 + 1 from all ones, newest bit out."""
    state, out = 0x7FFF, np.zeros(count, np.uint8)
    for k in range(count):
        new = (state >> 14 ^ state >> 13) & 1
        state = (state << 1 | new) & 0x7FFF
        out[k] = new
    return out


def soft(bits: np.ndarray) -> np.ndarray:
    return np.where(bits > 0, 50, -50).astype(np.int8)


@pytest.fixture(scope="module")
def stream() -> tuple[np.ndarray, np.ndarray]:
    """Coded bits, and what is sent of them: whole rows, the interleaver's memory full from the first."""
    coder = Interleaver()
    coder.process(random_bits(SPAN_ROWS * ROW_BITS, 2))
    bits = random_bits(4096 * ROW_BITS, 3)
    tail = random_bits((SPAN_ROWS + 2 - SPAN_ROWS % 2) * ROW_BITS, 4)
    return bits, SyncInserter().process(np.concatenate([coder.process(bits), coder.process(tail)]))


def test_the_vector_comes_back(shared_vectors: Path) -> None:
    """The full case of the vector: the stream with its markers is named by its hash."""
    vector = json.loads((shared_vectors / "lrpt_interleaver.json").read_text())["full_case"]
    bits = prbs15(vector["input_bits"])
    sent = SyncInserter().process(Interleaver().process(bits))
    assert hashlib.sha256(np.packbits(sent)).hexdigest() == vector["with_markers_sha256_packed"]
    rows = sent.reshape(-1, PERIOD)[:, 8:].reshape(-1)
    deinterleaver = Deinterleaver()
    got = deinterleaver.process(soft(rows))[SPAN_ROWS * ROW_BITS :]
    assert got.size > 50_000
    assert np.array_equal(got > 0, bits[: got.size] > 0)


@pytest.mark.parametrize("rows", [1, 5, 1023, 5000])
def test_blocks_equal_whole(rows: int) -> None:
    given = np.random.default_rng(5).integers(-127, 128, 3000 * ROW_BITS).astype(np.int8)
    whole, parts = Deinterleaver(), Deinterleaver()
    wanted = np.concatenate([whole.process(given), whole.flush()])
    step = rows * ROW_BITS
    got = [parts.process(given[k : k + step]) for k in range(0, given.size, step)]
    assert np.array_equal(np.concatenate([*got, parts.flush()]), wanted)
    # Nothing is lost and nothing invented: what went in comes out once, the rest are erasures.
    assert wanted.size == given.size + SPAN_ROWS * ROW_BITS
    assert np.array_equal(np.sort(wanted[wanted != 0]), np.sort(given[given != 0]))


def test_every_soft_bit_goes_to_its_row() -> None:
    deinterleaver = Deinterleaver()
    given = np.zeros((2000, BRANCHES), np.int8)
    given[100, 7] = 99
    out = np.concatenate([deinterleaver.process(given.reshape(-1)), deinterleaver.flush()]).reshape(
        -1, BRANCHES
    )
    row = SPAN_ROWS + 100 - 7 * DELAY_ROWS
    assert np.argwhere(out).tolist() == [[row, 7]]
    assert deinterleaver.row_of(np.array(row * BRANCHES)) == 100 - 7 * DELAY_ROWS


def test_a_broken_row_is_refused() -> None:
    with pytest.raises(ValueError, match="whole rows"):
        Deinterleaver().process(np.zeros(35, np.int8))


def rows_of(given: np.ndarray, block: int = 50_000) -> tuple[np.ndarray, MarkerSync]:
    sync = MarkerSync()
    rows = [sync.process(given[k : k + block]) for k in range(0, given.size, block)] + [sync.flush()]
    return np.concatenate([r.soft for r in rows]), sync


def recovered(given: np.ndarray, bits: np.ndarray, first: int) -> float:
    """Share of the coded bits that come out right."""
    soft_rows, _ = rows_of(given)
    deinterleaver = Deinterleaver()
    out = np.concatenate([deinterleaver.process(soft_rows), deinterleaver.flush()])
    got = out[first : first + bits.size]
    return float(np.mean((got > 0) == (bits > 0)))


def hurt(sent: np.ndarray, what: str, at: int) -> np.ndarray:
    given = soft(sent)
    if what == "lost":
        return np.delete(given, at)
    if what == "doubled":
        return np.insert(given, at, given[at])
    if what == "37 lost":
        return np.delete(given, slice(at, at + 37))
    pairs = given[at:].reshape(-1, 2).copy()
    if what == "mirrored":
        pairs[:, 1] *= -1
    elif what == "turned":  # by 90 degrees
        pairs = np.stack([-pairs[:, 1], pairs[:, 0]], axis=1)
    else:
        assert what == "nothing"
    return np.concatenate([given[:at], pairs.reshape(-1)])


@pytest.mark.parametrize("what", ["nothing", "lost", "doubled", "37 lost", "mirrored", "turned"])
def test_slips_and_turns_cost_no_more_than_a_few_groups(stream, what: str) -> None:
    bits, sent = stream
    given = hurt(sent, what, 400_000)
    # The synchroniser puts one incomplete group of erasures before the first: two rows.
    assert recovered(given, bits, (SPAN_ROWS + 2) * ROW_BITS) > 0.9999


@pytest.mark.parametrize("cut", [1, 39, 79])
def test_a_recording_may_begin_anywhere(stream, cut: int) -> None:
    bits, sent = stream
    # The rest of the first group is used too: it fills the second of two rows.
    assert recovered(soft(sent[PERIOD - cut :]), bits[2 * ROW_BITS :], (SPAN_ROWS + 2) * ROW_BITS) > 0.9999


@pytest.mark.parametrize("block", [1, 997, 5120, 10**6])
def test_marker_blocks_equal_whole(stream, block: int) -> None:
    _, sent = stream
    rng = np.random.default_rng(6)
    count = 20_000 if block == 1 else 120_000
    given = np.clip(soft(sent[333 : 333 + count]) + rng.normal(scale=40, size=count), -127, 127).astype(
        np.int8
    )
    got, wanted = rows_of(given, block)[0], rows_of(given, 4096)[0]
    assert got.size % ROW_BITS == 0
    assert np.array_equal(got, wanted)


def test_noise_has_no_markers() -> None:
    rng = np.random.default_rng(7)
    for given in (rng.integers(-128, 128, 1_000_000), rng.choice([-64, 64], 1_000_000), np.zeros(100_000)):
        out, sync = rows_of(given.astype(np.int8))
        assert not sync.locked
        assert sync.strength < 8
        assert out.size == 0


def test_markers_are_found_at_the_threshold_of_the_code(stream) -> None:
    """1 dB Eb/N0: strength 24 by the module's account, and of the two close alignments the right one."""
    _, sent = stream
    rng = np.random.default_rng(8)
    for _ in range(6):
        clean = 2.0 * sent[1000:150_000] - 1
        noisy = np.rint(40 * (clean + rng.normal(scale=10 ** (-1 / 20), size=clean.size)))
        _, sync = rows_of(np.clip(noisy, -127, 127).astype(np.int8))
        assert sync.locked
        assert 20 < sync.strength < 32
        assert sync._alignment is not None
        assert sync._alignment.swap is None
        assert sync.slips == 0


def test_the_alignment_that_fits_seven_of_eight_marker_bits_is_left_again(stream) -> None:
    _, sent = stream
    noisy = soft(sent[:200_000]) + np.random.default_rng(9).normal(scale=35, size=200_000)
    given = np.clip(noisy, -127, 127).astype(np.int8)
    given[1::2] *= -1  # with this sign the rival one bit later, with pairs swapped, fits
    sync = MarkerSync()
    sync.process(given[:20_000])
    right = sync._alignment
    sync._alignment, sync._next = Alignment(1, -1, -1), sync._next + 1
    sync.process(given[20_000:])
    assert right == Alignment(None, 1, -1)
    assert sync._alignment == right
    assert sync.slips == 1
