from __future__ import annotations

import json
from math import erfc, sqrt
from pathlib import Path

import numpy as np
import pytest

from decoders.coding.ambiguity import ambiguities
from decoders.coding.decoded_window import DecodedBits
from decoders.coding.differential import NrzMDecoder, nrz_m_encode
from decoders.coding.inner_decoder import GRIDS, InnerDecoder
from decoders.coding.puncture import PATTERNS, puncturing
from decoders.coding.viterbi import encode, viterbi
from tests.decoders.punctured_stream import KINDS, RATES, SENT, in_noise, mode_of, sent_symbols, turned

# Near the threshold of Reed-Solomon behind each code.
THRESHOLD_DB = {"1/2": 1.3, "2/3": 2.0, "3/4": 2.5, "5/6": 3.2, "7/8": 3.8}
MARKER = np.unpackbits(np.frombuffer(bytes.fromhex("1acffc1d"), np.uint8))


def decoded(kind: tuple[str, str, str], soft: np.ndarray, block: int = 50_000) -> list[DecodedBits]:
    decoder = InnerDecoder(mode_of(*kind))
    pieces = [one for k in range(0, soft.size, block) for one in decoder.process(soft[k : k + block])]
    return pieces + decoder.flush()


def joined(pieces: list[DecodedBits]) -> np.ndarray:
    return np.concatenate([piece.bits for piece in pieces])


def framed_bits(count: int, seed: int = 1) -> np.ndarray:
    """Random bits with a marker every 8192."""
    bits = np.random.default_rng(seed).integers(0, 2, count).astype(np.uint8)
    for start in range(500, count - 32, 8192):
        bits[start : start + 32] = MARKER
    return bits


def frames_found(got: np.ndarray, sent: np.ndarray) -> list[int]:
    """Which stretches of 8192 bits between markers came out, upright or inverted, at whatever place."""
    streams = [(got ^ np.uint8(flip)).tobytes() for flip in (0, 1)]
    starts = range(500, sent.size - 8192, 8192)
    return [
        k
        for k, start in enumerate(starts)
        if any(sent[start : start + 8192].tobytes() in one for one in streams)
    ]


@pytest.mark.parametrize("code", SENT)
def test_puncturing_keeps_what_the_standard_sends(code: str) -> None:
    bits = np.random.default_rng(1).integers(0, 2, 700).astype(np.uint8)
    period = puncturing(code)
    kept = encode(bits)[: bits.size // period.bits * period.bits * 2].reshape(-1, 2 * period.bits)
    assert np.array_equal(kept[:, period.places].reshape(-1), sent_symbols(bits, code, "serial"))


def test_rates_that_the_rails_cannot_share_are_refused() -> None:
    assert puncturing("ccsds-k7-r3/4", "metop").places == (0, 1, 4, 3)
    for code in ("ccsds-k7-r2/3", "ccsds-k7-r7/8"):
        with pytest.raises(ValueError, match="'serial' always can"):
            puncturing(code, "metop")
    with pytest.raises(ValueError, match="known are"):
        puncturing("none")
    assert set(PATTERNS) == set(GRIDS)


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_each_ambiguity_is_found_near_the_threshold(kind: tuple[str, str, str]) -> None:
    """Whatever was done to the soft bits is undone; the common sign stays open."""
    rng = np.random.default_rng(2)
    _, code, _ = kind
    bits = framed_bits(20_000)
    clean = in_noise(sent_symbols(bits, *kind[1:]), code, THRESHOLD_DB[code[-3:]], rng)
    members = [member for alike in ambiguities(*kind) for member in alike]
    assert len({(m.shift, m.places, m.signs) for m in members}) == len(members)
    for member in members:
        # Every ambiguity without its shift is undone by doing it the other way round.
        cycles = clean[: clean.size // member.cycle * member.cycle].reshape(-1, member.cycle)
        upright = next(m for alike in ambiguities(*kind) for m in alike if str(m) == "as sent")
        columns = [upright.places.index(place) for place in member.places]
        sent = (cycles[:, columns] * np.array(member.signs, np.int8)).reshape(-1)
        got = decoded(kind, np.concatenate([np.zeros(member.shift, np.int8), sent]))
        assert str(member) in {piece.state for piece in got}
        count = min(bits.size, joined(got).size)
        errors = np.mean(joined(got)[: count - 100] != bits[: count - 100])
        assert min(errors, 1 - errors) < 0.045  # a wrong one has 0.3 and more


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[0] == "qpsk"], ids="-".join)
@pytest.mark.parametrize("mirrored", [False, True])
def test_any_turn_of_the_carrier_and_a_mirrored_spectrum(kind: tuple[str, str, str], mirrored: bool) -> None:
    rng = np.random.default_rng(3)
    bits = framed_bits(40_000)
    clean = in_noise(sent_symbols(bits, *kind[1:]), kind[1], 7.0, rng)
    for turns in range(4):
        got = joined(decoded(kind, turned(clean[: clean.size // 2 * 2], turns, mirrored=mirrored)))
        assert frames_found(got, bits) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@pytest.mark.parametrize("what", ["turned", "second turned", "one lost", "three lost"])
def test_a_change_costs_at_most_one_frame(kind: tuple[str, str, str], what: str) -> None:
    rng = np.random.default_rng(4)
    bits = framed_bits(8192 * 14 + 800)
    clean = in_noise(sent_symbols(bits, *kind[1:]), kind[1], 8.0, rng)
    clean = clean[: clean.size // 2 * 2]
    for at in rng.integers(clean.size // 3, clean.size * 2 // 3, 6) // 2 * 2:
        if what == "turned" and kind[0] != "bpsk":
            soft = np.concatenate([clean[:at], turned(clean[at:], 1)])
        elif what in ("turned", "second turned"):
            signs = np.where(np.arange(clean.size) >= at, -1, 1) if kind[0] == "bpsk" else 1
            soft = (clean * signs).astype(np.int8)
        else:
            soft = np.delete(clean, slice(at, at + (1 if what == "one lost" else 3)))
        lost = set(range(14)) - set(frames_found(joined(decoded(kind, soft)), bits))
        assert len(lost) <= 1


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[5], KINDS[8]], ids="-".join)
def test_a_turn_costs_only_the_bits_around_it(kind: tuple[str, str, str]) -> None:
    """Both sides are decoded and joined where they agree best, so that a frame survives it."""
    rng = np.random.default_rng(5)
    bits = framed_bits(60_000)
    clean = in_noise(sent_symbols(bits, *kind[1:]), kind[1], 6.0, rng)
    errors = []
    for at in rng.integers(clean.size // 3, clean.size * 2 // 3, 10) // 4 * 4:
        got = joined(decoded(kind, np.concatenate([clean[:at], turned(clean[at:], 1)])))[: bits.size]
        place = int(at * bits.size / clean.size)
        wrong = got != bits[: got.size]
        before, behind = np.mean(wrong[: place - 100]), np.mean(wrong[place + 100 :])
        assert {round(float(before), 3), round(float(behind), 3)} <= {0.0, 1.0}
        errors.append(min(wrong[place - 100 : place].sum(), 100 - wrong[place - 100 : place].sum()))
    assert np.mean(errors) < 25


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2], KINDS[3], KINDS[5]], ids="-".join)
@pytest.mark.parametrize("size", [1, 3, 777, 4096, 100_001])
def test_any_cut_of_the_input_gives_the_same(kind: tuple[str, str, str], size: int) -> None:
    rng = np.random.default_rng(6)
    bits = framed_bits(8_001 if size == 1 else 200_001)
    soft = in_noise(sent_symbols(bits, *kind[1:]), kind[1], 2.0, rng)
    soft[soft.size // 2 :] = np.delete(soft, soft.size // 3)[soft.size // 2 - 1 :]
    got, wanted = decoded(kind, soft, size), decoded(kind, soft, 10**9)
    assert np.array_equal(joined(got), joined(wanted))
    assert np.array_equal(
        np.concatenate([piece.soft for piece in got]), np.concatenate([piece.soft for piece in wanted])
    )
    states = [[piece.state for piece in pieces for _ in piece.bits] for pieces in (got, wanted)]
    assert states[0] == states[1]


def disturbed(kind: tuple[str, str, str], rng: np.random.Generator) -> np.ndarray:
    """A stream near the threshold with turns, slips, noise, silence, and weak and false stretches."""
    bits = framed_bits(int(rng.integers(100_000, 300_000)), seed=int(rng.integers(1 << 30)))
    soft = in_noise(sent_symbols(bits, *kind[1:]), kind[1], float(rng.uniform(1.0, 6.0)), rng)
    for _ in range(int(rng.integers(0, 12))):
        at, length = int(rng.integers(soft.size)), int(rng.choice([1, 3, 300, 3000, 30_000]))
        there = slice(at, at + length)
        match int(rng.integers(6)):
            case 0:
                end = at + (soft.size - at) // 2 * 2
                soft[at:end] = turned(soft[at:end], 1) if kind[0] != "bpsk" else -soft[at:end]
            case 1:
                soft = np.delete(soft, there)
            case 2:
                soft[there] = rng.integers(-100, 101, soft[there].size)
            case 3:
                soft[there] = 0
            case 4:
                soft[there] = soft[there] // 8
            case 5:
                soft[there] = soft[:length][: soft[there].size]
    return soft


def run(
    decoder: InnerDecoder, soft: np.ndarray, cuts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    pieces = [one for part in np.split(soft, cuts) for one in decoder.process(part.copy())] + decoder.flush()
    states = [piece.state for piece in pieces for _ in piece.bits]
    return joined(pieces), np.concatenate([piece.soft for piece in pieces]), states


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@pytest.mark.parametrize("seed", range(6))
def test_bits_given_ahead_of_their_group_are_those_of_the_group(
    kind: tuple[str, str, str], seed: int
) -> None:
    given_the_same_ahead(kind, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_bits_given_ahead_are_the_same_in_many_streams(kind: tuple[str, str, str]) -> None:
    for seed in range(100, 160):
        given_the_same_ahead(kind, seed)


def given_the_same_ahead(kind: tuple[str, str, str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    soft = disturbed(kind, rng)
    cuts = np.sort(rng.integers(0, soft.size, int(rng.integers(1, 200))))
    wanted = run(InnerDecoder(mode_of(*kind)), soft, np.array([], int))
    got = run(InnerDecoder(mode_of(*kind), prompt=True), soft, cuts)
    assert np.array_equal(got[0], wanted[0])
    assert np.array_equal(got[1], wanted[1])
    assert got[2] == wanted[2]


def test_ahead_of_its_group_a_bit_comes_out_soon() -> None:
    """Once the ambiguity is known no more than some blocks wait, where else up to 68 do."""
    soft = in_noise(
        sent_symbols(framed_bits(400_000), *KINDS[0][1:]), KINDS[0][1], 4.0, np.random.default_rng(1)
    )
    waiting = {}
    for prompt in (False, True):
        decoder, out, most = InnerDecoder(mode_of(*KINDS[0]), prompt=prompt), 0, 0
        for at in range(0, soft.size, 2048):
            out += sum(piece.bits.size for piece in decoder.process(soft[at : at + 2048]))
            if at > 200_000:
                most = max(most, (at + 2048) // 2 - out)
        waiting[prompt] = most / 1024
    assert waiting[False] > 60
    assert waiting[True] <= 12


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
def test_noise_and_silence_prove_no_ambiguity(kind: tuple[str, str, str]) -> None:
    rng = np.random.default_rng(7)
    decoder = InnerDecoder(mode_of(*kind))
    decoder.process(np.zeros(50_000, np.int8))
    for noise in (rng.integers(-128, 128, 300_000), rng.choice([-64, 64], 300_000)):
        decoder.process(noise.astype(np.int8))
    decoder.flush()
    assert decoder.changes == 0


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[5]], ids="-".join)
def test_a_signal_behind_much_noise_is_taken_from_its_beginning(kind: tuple[str, str, str]) -> None:
    rng = np.random.default_rng(8)
    for length in rng.integers(500_000, 600_000, 5):
        bits = framed_bits(30_000)
        noise = rng.integers(-60, 61, int(length)).astype(np.int8)
        signal = in_noise(sent_symbols(bits, *kind[1:]), kind[1], 5.0, rng)
        got = joined(decoded(kind, np.concatenate([noise, signal])))
        assert frames_found(got, bits) == [0, 1, 2]


@pytest.mark.parametrize("code", SENT)
def test_margin_costs_nothing(code: str) -> None:
    """Run-up and run-out eight times as long bring less than 2 % fewer errors."""
    rng = np.random.default_rng(9)
    kind, grid = ("bpsk", code, "serial"), GRIDS[code]
    first = ambiguities(*kind)[0][0]
    block = grid.block_bits // first.bits * first.bits
    margin = 8 * -(-grid.margin_bits // first.bits) * first.bits
    bits = rng.integers(0, 2, 200 * block + 2 * margin).astype(np.uint8)
    soft = in_noise(sent_symbols(bits, code, "serial"), code, THRESHOLD_DB[code[-3:]], rng)
    width = 2 * (block + 2 * margin)
    rows = np.lib.stride_tricks.sliding_window_view(first.apply(soft), width)[:: 2 * block]
    long, _ = viterbi(rows, head=margin, length=block, tail=margin)
    inside = slice(margin, margin + long.size)
    errors = np.count_nonzero(long.reshape(-1) != bits[inside])
    assert np.count_nonzero(joined(decoded(kind, soft))[inside] != bits[inside]) < 1.02 * errors
    assert errors > 1000


@pytest.mark.parametrize("code", SENT)
def test_bit_error_rate_against_the_union_bound(code: str, shared_vectors: Path) -> None:
    """Where the bound is 3e-4 a maximum-likelihood decoder lies below it; 0.1 dB is a factor of 1.3."""
    terms = json.loads((shared_vectors / "conv_spectra.json").read_text())[code[-3:]]["terms"]
    ebn0_db = {"1/2": 3.2, "2/3": 3.6, "3/4": 4.1, "5/6": 4.6, "7/8": 5.0}[code[-3:]]
    snr = RATES[code] * 10 ** (ebn0_db / 10)
    bound = sum(term["c_d_sum_over_phases"] * 0.5 * erfc(sqrt(term["d"] * snr)) for term in terms) / int(
        code[-3]
    )
    rng = np.random.default_rng(10)
    bits = rng.integers(0, 2, 2_100_000).astype(np.uint8)
    soft = in_noise(sent_symbols(bits, code, "serial"), code, ebn0_db, rng)
    ber = np.mean(joined(decoded(("bpsk", code, "serial"), soft)) != bits)
    assert 0.3 < ber / bound < 1.3


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[4], KINDS[5]], ids="-".join)
def test_as_many_bits_come_out_as_were_sent_whatever_the_length(kind: tuple[str, str, str]) -> None:
    """At every length around the end of a group, and at random ones."""
    rng = np.random.default_rng(12)
    grid = GRIDS[kind[1]]
    group = int(64 * grid.block_bits / RATES[kind[1]])
    ends = group + int(2 * grid.margin_bits / RATES[kind[1]]) + rng.integers(-3000, 3000, 12)
    for size in [0, 1, 2, 3, 4, 5, 1000, *ends.tolist(), *rng.integers(1, 3 * group, 5).tolist()]:
        soft = rng.integers(-60, 61, size).astype(np.int8)
        pieces = decoded(kind, soft, 70_000)
        assert sum(piece.bits.size for piece in pieces) == int(size * RATES[kind[1]] + 1e-9)
        assert all(piece.soft.size == 2 * piece.bits.size for piece in pieces)


def test_nrz_m_round_trip_in_blocks() -> None:
    bits = np.random.default_rng(13).integers(0, 2, 1000).astype(np.uint8)
    decoder = NrzMDecoder()
    levels = nrz_m_encode(bits)
    got = np.concatenate([decoder.process(levels[k : k + 7]) for k in range(0, 1000, 7)])
    assert np.array_equal(got, bits)


def test_uncoded_soft_bits_pass() -> None:
    decoder = InnerDecoder(mode_of("split-phase-pm", "none", "serial"))
    soft = np.random.default_rng(11).integers(-127, 128, 1000).astype(np.int8)
    pieces = decoder.process(soft[:77]) + decoder.process(soft[77:]) + decoder.flush()
    assert np.array_equal(joined(pieces), soft > 0)
    assert np.array_equal(np.concatenate([piece.soft for piece in pieces]), soft)
