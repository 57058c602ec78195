"""Strip numbers from counter and clock, on made-up packet sequences whose truth is known by construction."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.instruments.msu_mr_strips import MAX_STRIPS, StripKey, number_strips

STRIP_S = 8 / 6.498
START_S = 1_771_094_266.262


def strip(number: int, apids=(64, 65, 66), *, base=8000, start_s=START_S, period=None) -> list[StripKey]:
    """All packets of one strip as the satellite would send them."""
    period = period or 14 * len(apids) + 1
    first = base + period * number
    stamp_s = start_s + number * STRIP_S
    keys = [
        StripKey(apid, (first + 14 * rank) % 16384, stamp_s)
        for rank, apid in enumerate(apids)
        for _ in range(14)
    ]
    return [*keys, StripKey(70, (first + period - 1) % 16384, stamp_s)]


def relative(numbers, first_index=0):
    origin = numbers[first_index]
    return [None if number is None else number - origin for number in numbers]


def check(strips: dict[int, list[StripKey]] | list[tuple[int, list[StripKey]]], allow_lost=0):
    pairs = list(strips.items()) if isinstance(strips, dict) else strips
    keys = [key for _, part in pairs for key in part]
    truth = [number for number, part in pairs for _ in part]
    found = number_strips(keys).numbers
    offsets = {number - true for number, true in zip(found, truth, strict=True) if number is not None}
    assert len(offsets) == 1, offsets
    assert found.count(None) <= allow_lost
    return found


@pytest.mark.parametrize("apids", [(64,), (64, 68), (64, 65, 67), (66, 67, 68, 69), (64, 65, 66, 67, 68, 69)])
def test_any_set_of_channels_with_counter_wraps(apids):
    strips = {number: strip(number, apids) for number in range(800)}
    keys = [key for part in strips.values() for key in part]
    assert number_strips(keys).periods == (14 * len(apids) + 1,)
    check(strips)


@pytest.mark.parametrize("gap", [1, 100, 381, 382, 600, 950])
def test_gap_longer_than_the_counter_wrap(gap):
    check({number: strip(number) for number in [*range(5), *range(5 + gap, 12 + gap)]})


def test_gap_of_the_clock_bridged_by_the_counter_alone():
    """The clock steps by 0.4 s inside a gap: the counter still says how many strips are lost."""
    early = {number: strip(number) for number in range(20)}
    late = {number: strip(number, start_s=START_S + 0.4) for number in range(60, 90)}
    check(early | late)


def test_clock_says_1970_for_some_strips():
    strips = {number: strip(number, start_s=0.0 if 10 <= number < 14 else START_S) for number in range(40)}
    check(strips)


def test_clock_restarts_for_good():
    strips = {
        number: strip(number, start_s=START_S if number < 20 else 978_307_200.3) for number in range(60)
    }
    check(strips)


def test_clock_absent():
    strips = {
        n: [StripKey(k.apid, k.phase, None if n % 7 == 3 else k.stamp_s) for k in strip(n)] for n in range(60)
    }
    check(strips)


def test_counter_restarts():
    check({number: strip(number, base=8000 if number < 20 else 77) for number in range(60)})


def test_channel_set_changes():
    early = {number: strip(number, (64, 65, 66)) for number in range(30)}
    late = {number: strip(number, (64, 65, 68), base=8000) for number in range(30, 60)}
    check(early | late)
    fewer = {number: strip(number, (64, 68), base=8000 + 43 * 30 - 29 * 30) for number in range(30, 60)}
    check(early | fewer, allow_lost=2)  # service packets beside the change, one of a kind
    keys = [key for part in (early | fewer).values() for key in part]
    assert number_strips(keys).periods == (29, 43)


@pytest.mark.parametrize("kept", [1, 2, 5])
def test_few_packets_of_each_strip(kept):
    generator = random.Random(kept)
    check({n: sorted(generator.sample(strip(n), kept), key=strip(n).index) for n in range(0, 200, 3)})


def test_begins_with_a_wrong_packet():
    wrong = StripKey(64, 12345, START_S - 9999.3)
    strips = [(0, [wrong]), *((n, strip(n)) for n in range(20))]
    keys = [key for _, part in strips for key in part]
    found = number_strips(keys).numbers
    assert found[0] is None
    assert relative(found, 1)[1:] == [n for n in range(20) for _ in range(43)]


@pytest.mark.parametrize("field", ["phase", "apid", "stamp"])
def test_one_field_broken_by_noise(field):
    """A packet with a broken counter, block number or source is refused; a broken stamp does not matter."""
    generator = random.Random(field)
    keys, truth, broken = [], [], set()
    for n in range(100):
        for key in strip(n):
            spoiled = {
                "phase": replace(key, phase=generator.randrange(16384)),
                "apid": replace(key, apid=generator.choice([64, 65, 66, 67, 68, 69])),
                "stamp": replace(key, stamp_s=generator.uniform(0, 2e9)),
            }[field]
            hit = generator.random() < 0.03 and spoiled != key
            broken |= {len(keys)} if hit else set()
            keys.append(spoiled if hit else key)
            truth.append(n)
    found = number_strips(keys).numbers
    offset = next(number - true for number, true in zip(found, truth, strict=True) if number is not None)
    assert all(number in (None, true + offset) for number, true in zip(found, truth, strict=True))
    refused = {index for index, number in enumerate(found) if number is None}
    assert len(refused - broken) <= 0.002 * len(keys)
    if field != "stamp":
        assert broken == refused & broken


def test_packets_out_of_nowhere_are_refused():
    generator = random.Random(5)

    def noise() -> StripKey:
        return StripKey(generator.randrange(64, 71), generator.randrange(16384), generator.uniform(0, 4e9))

    keys, truth = [], []
    for n in range(100):
        for key in strip(n):
            keys += [noise(), key] if generator.random() < 0.1 else [key]
            truth += [None] * (len(keys) - len(truth) - 1) + [n]
    found = number_strips(keys).numbers
    offset = next(
        number - n for number, n in zip(found, truth, strict=True) if n is not None and number is not None
    )
    accepted = sum(n is None and number is not None for number, n in zip(found, truth, strict=True))
    assert accepted <= 1
    assert all(number == n + offset for number, n in zip(found, truth, strict=True) if n is not None)


def test_repeated_and_late_packets():
    order = [*range(10), *range(5, 20), 3]
    check([(n, strip(n)) for n in order])


def test_nothing():
    assert number_strips([]).numbers == ()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(64, 70),
            st.integers(0, 16383),
            st.one_of(st.none(), st.floats(0, 6e9), st.sampled_from([START_S, START_S + STRIP_S])),
        ),
        max_size=60,
    )
)
def test_any_sequence_ends_with_bounded_numbers(rows):
    found = number_strips([StripKey(*row) for row in rows])
    assert len(found.numbers) == len(rows)
    assert all(number is None or abs(number) <= MAX_STRIPS for number in found.numbers)
