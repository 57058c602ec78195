from __future__ import annotations

import numpy as np
import pytest

from decoders.coding.deinterleaver import BRANCHES, SPAN_ROWS
from decoders.coding.row_gaps import MOST_MISSING, RowGaps, missing_rows
from decoders.downlink import load_downlink
from decoders.framing.frames import FrameDecoder
from tests.decoders.lrpt_stream import coded_bits, received, sent_cadus

(MODE,) = (mode for mode in load_downlink("meteor_lrpt").modes if mode.interleaver != "none")


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Rows of the stream at 2 dB, the interleaver full."""
    bits = coded_bits("80k", sent_cadus(40))
    soft = received(bits, 2.0, np.random.default_rng(1))
    whole = soft[: soft.size // 80 * 80].reshape(-1, 80)[:, 8:]
    return np.ascontiguousarray(whole).reshape(-1, BRANCHES)


@pytest.mark.parametrize("missing", [0, 2, 3, 500, 1000, MOST_MISSING, -2, -40])
def test_the_number_of_missing_rows_is_told_near_the_threshold(rows: np.ndarray, missing: int) -> None:
    past, place = rows[:SPAN_ROWS], SPAN_ROWS + missing
    assert missing_rows(past, rows[place : place + 1536]) == missing


def test_noise_proves_nothing(rows: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    for _ in range(30):
        noise = rng.integers(-60, 61, (1536, BRANCHES)).astype(np.int8)
        assert missing_rows(rows[:SPAN_ROWS], noise) == 0
        assert missing_rows(np.zeros((SPAN_ROWS, BRANCHES), np.int8), rows[:1536]) == 0


@pytest.mark.parametrize("cut", [100, 5000, 10**6])
def test_rows_are_put_in_where_the_stream_jumped(rows: np.ndarray, cut: int) -> None:
    count, jump, lost = 80_000, 75_000, 777
    index = np.arange(float(count))
    given = np.concatenate([rows[:jump], rows[jump + lost :]])[: count - lost]
    gaps, out = RowGaps(), []
    for k in range(0, len(given), cut):
        jumps = [jump - k] if k <= jump < k + cut else []
        out.append(gaps.process(given[k : k + cut], index[k : k + cut][: len(given[k : k + cut])], jumps))
    out.append(gaps.flush())
    got = np.concatenate([piece[0] for piece in out])
    wanted = rows[:count].copy()
    wanted[jump : jump + lost] = 0
    assert np.array_equal(got, wanted)
    assert sum(piece[1].size for piece in out) == count
    assert gaps.inserted == lost


@pytest.mark.parametrize("lost_bits", [90, 5_001, 40_003])
def test_an_unmarked_loss_costs_nothing_where_the_code_bears_it(lost_bits: int) -> None:
    cadus = sent_cadus(60)
    soft = received(coded_bits("80k", cadus), 4.5, np.random.default_rng(3))
    place = soft.size // 2
    given = np.concatenate([soft[:place], soft[place + lost_bits :]])
    for block in (50_000, 1_234_567):
        decoder = FrameDecoder(MODE)
        frames = [f for k in range(0, given.size, block) for f in decoder.process(given[k : k + block])]
        frames += decoder.flush()
        assert set(cadus) <= {frame.cadu for frame in frames if frame.good}
