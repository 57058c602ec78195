"""Files of orbital elements in every format: what is read can be written, read again and propagated."""

from __future__ import annotations

import gzip
import json
import re

from harness import ROOT, file_named, fuzz, instrumented
from mutators import json_lines, mixed

with instrumented():
    from scheduler import tle
    from scheduler.elements import Elements, load_elements
    from scheduler.errors import ElementsError

from tests.scheduler.element_writers import WRITERS

PATH = file_named("elements.txt")


def one_input(data: bytes) -> None:
    for text in (data, with_right_checksums(data)):
        PATH.write_bytes(text)
        try:
            found = load_elements(PATH)
        except ElementsError:
            continue
        for elements in found:
            check(elements)


def check(elements: Elements) -> None:
    assert Elements.from_omm(json.loads(json.dumps(elements.to_omm()))) == elements
    elements.satrec().sgp4(2_460_000.5, 0.0)
    try:
        lines = elements.to_tle()
    except ElementsError:
        return  # no room for such a value in the columns
    again = Elements.from_tle(elements.name, *lines)
    assert again.norad_id == elements.norad_id
    assert abs((again.epoch - elements.epoch).total_seconds()) < 1e-3
    assert abs(again.inclination_deg - elements.inclination_deg) < 1e-4
    assert abs(again.eccentricity - elements.eccentricity) < 1e-7
    assert abs(again.mean_motion_rev_per_day - elements.mean_motion_rev_per_day) < 1e-7
    assert abs(again.bstar - elements.bstar) <= 1e-4 * abs(elements.bstar) + 1e-13


def with_right_checksums(data: bytes) -> bytes:
    """No fuzzer guesses a checksum."""

    def mended(match: re.Match[bytes]) -> bytes:
        line = match[0][:68]
        return line + b"%d" % tle.checksum(line.decode("latin-1"))

    return re.sub(rb"(?m)^[12] .{67}", mended, data)


def seeds() -> list[bytes]:
    names = ("meteor_2024-07-16.txt", "meteor-m2_2022-12-20.txt")
    texts = [(ROOT / "scheduler/data/elements" / name).read_bytes() for name in names]
    PATH.write_bytes(texts[0])
    omm = [elements.to_omm() for elements in load_elements(PATH)]
    large = omm[0] | {"NORAD_CAT_ID": 799_500_123}
    foreign = omm[0] | {"OBJECT_ID": "2024-039Ä"}
    years = [omm[0] | {"EPOCH": f"{year}-07-16T21:26:40"} for year in ("0339", "2060", "1957", "2056")]
    odd = (large, foreign, omm[0] | {"CLASSIFICATION_TYPE": "", "OBJECT_ID": "2024-039ABC"}, *years)
    for name in ("lines", *WRITERS):
        written = texts[0] if name == "lines" else WRITERS[name](load_elements(PATH))
        texts += [written, gzip.compress(written)]
    return [*texts, *(json.dumps(document).encode() for document in (omm, omm[0], *odd))]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(), longest=200_000, mutate=mixed(json_lines))
