"""Every way in which a file of elements has come out wrong: of the whole file, and of single sets.

Each maker takes the good sets of the day and gives the bytes that are offered. Digits are altered in the
printed set, and checksums are made right again, so that nothing but the orbit tells.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from scheduler import tle
from scheduler.elements import Elements
from scheduler.errors import ElementsError
from tests.scheduler.element_writers import WRITERS

HTML = b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head><body>Sorry</body></html>"
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Day:
    """What a maker may use: the day's good sets, older ones, and other satellites' sets of that day."""

    good: tuple[Elements, ...]
    before: tuple[tuple[Elements, ...], ...]
    strangers: tuple[Elements, ...]


Alter = Callable[[Elements, Day, random.Random], Elements]


def write(sets: Sequence[Elements], rng: random.Random) -> bytes:
    """In one of the formats."""
    kind = rng.choice((*WRITERS, "tle"))
    if kind == "tle":
        try:
            return _as_lines(sets)
        except ElementsError:  # no room in the columns for the year 2126
            kind = "json"
    return WRITERS[kind](list(sets))


def _as_lines(sets: Sequence[Elements]) -> bytes:
    return "\n".join("\n".join((e.name, *e.to_tle())) for e in sets).encode() + b"\n"


def of_sets(alter: Alter) -> Callable[[Day, random.Random], bytes]:
    """A file in which one set, or every set, is altered."""

    def make(day: Day, rng: random.Random) -> bytes:
        one = rng.choice((None, *range(len(day.good))))
        sets = [alter(e, day, rng) if one in (None, k) else e for k, e in enumerate(day.good)]
        return write(sets, rng)

    return make


def digits_changed(line: int, first: int, last: int, *, swap: bool) -> Alter:
    """One digit of columns first-last (from 1) of a two-line set changed, or two neighbours swapped."""

    def alter(elements: Elements, day: Day, rng: random.Random) -> Elements:
        lines = list(elements.to_tle())
        text = lines[line - 1]
        places = [k for k in range(first - 1, last) if text[k].isdigit()]
        at = rng.choice(places)
        if swap:
            near = [k for k in places if abs(k - at) == 1 and text[k] != text[at]]
            if not near:
                return elements
            other = rng.choice(near)
            cut = list(text)
            cut[at], cut[other] = cut[other], cut[at]
        else:
            cut = list(text)
            cut[at] = rng.choice([d for d in "0123456789" if d != text[at]])
        lines[line - 1] = tle.with_checksum("".join(cut)[:68])
        try:
            return Elements.from_tle(elements.name, *lines)
        except ElementsError:
            return elements

    return alter


def bit_flipped(elements: Elements, day: Day, rng: random.Random) -> Elements:
    """One bit of one column, the checksum made right again."""
    lines = list(elements.to_tle())
    line = rng.randrange(2)
    at = rng.randrange(18, 68)
    text = lines[line]
    flipped = text[:at] + chr(ord(text[at]) ^ 1 << rng.randrange(7)) + text[at + 1 : 68]
    try:
        lines[line] = tle.with_checksum(flipped)
        return Elements.from_tle(elements.name, *lines)
    except ElementsError:
        return elements


def stranger(elements: Elements, day: Day, rng: random.Random) -> Elements:
    """Another satellite's orbit under the wanted number."""
    others = [e for e in (*day.good, *day.strangers) if e.norad_id != elements.norad_id]
    return replace(rng.choice(others), name=elements.name, norad_id=elements.norad_id)


def shifted(*days: float) -> Alter:
    """An epoch that is wrong by so many days."""

    def alter(elements: Elements, day: Day, rng: random.Random) -> Elements:
        return replace(elements, epoch=elements.epoch + rng.choice(days) * DAY)

    return alter


def wrapped(elements: Elements, day: Day, rng: random.Random) -> Elements:
    """A year of two digits read wrongly, or by one off."""
    year = elements.epoch.year + rng.choice((-100, 100, -1, 1, -10, 10))
    try:
        return replace(elements, epoch=elements.epoch.replace(year=year))
    except ValueError:  # the 29th of February
        return elements


def old_again(elements: Elements, day: Day, rng: random.Random) -> Elements:
    """A set of the past."""
    past = rng.choice(day.before)
    return next((e for e in past if e.norad_id == elements.norad_id), elements)


def old_as_new(elements: Elements, day: Day, rng: random.Random) -> Elements:
    """A set of the past under today's epoch."""
    return replace(old_again(elements, day, rng), epoch=elements.epoch)


def drag_times(*factors: float) -> Alter:
    """A wrong B*."""

    def alter(elements: Elements, day: Day, rng: random.Random) -> Elements:
        return replace(elements, bstar=elements.bstar * rng.choice(factors))

    return alter


def useless(*contents: bytes) -> Callable[[Day, random.Random], bytes]:
    """One of these, whatever the day."""

    def make(day: Day, rng: random.Random) -> bytes:
        return rng.choice(contents)

    return make


def cut(day: Day, rng: random.Random) -> bytes:
    whole = write(day.good, rng)
    return whole[: rng.randrange(len(whole))]


def noisy(day: Day, rng: random.Random) -> bytes:
    """Some bits of the file flipped as they are."""
    content = bytearray(write(day.good, rng))
    for _ in range(rng.choice((1, 1, 3, 30))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


KINDS: dict[str, Callable[[Day, random.Random], bytes]] = {
    "web page": useless(HTML),
    "empty file": useless(b"", b"\n", b"[]", b"<ndm></ndm>"),
    "half a download": cut,
    "half a gzip": lambda day, rng: (g := gzip.compress(write(day.good, rng)))[: rng.randrange(len(g))],
    "flipped bits of the file": noisy,
    "flipped bit, checksum right": of_sets(bit_flipped),
    "another satellite": of_sets(stranger),
    "epoch in the future": of_sets(shifted(0.5, 1.0, 2.0, 7.0, 30.0, 400.0)),
    "epoch a day or hours off": of_sets(shifted(-1.0, 1.0, 7 / 24, -7 / 24, 1 / 24)),
    "year wrapped": of_sets(wrapped),
    "old set again": of_sets(old_again),
    "old set as new": of_sets(old_as_new),
    "digit of the inclination": of_sets(digits_changed(2, 9, 16, swap=False)),
    "swapped in the inclination": of_sets(digits_changed(2, 9, 16, swap=True)),
    "digit of the node": of_sets(digits_changed(2, 18, 25, swap=False)),
    "digit of the eccentricity": of_sets(digits_changed(2, 27, 33, swap=False)),
    "digit of the perigee": of_sets(digits_changed(2, 35, 42, swap=False)),
    "swapped in the anomaly": of_sets(digits_changed(2, 44, 51, swap=True)),
    "digit of the mean motion": of_sets(digits_changed(2, 53, 63, swap=False)),
    "swapped in the mean motion": of_sets(digits_changed(2, 53, 63, swap=True)),
    "digit of the epoch": of_sets(digits_changed(1, 19, 32, swap=False)),
    "zero B*": of_sets(drag_times(0.0)),
    "B* off or turned round": of_sets(drag_times(10.0, 100.0, 0.1, -1.0)),
    "every set twice": lambda day, rng: write((*day.good, *day.good), rng),
}
