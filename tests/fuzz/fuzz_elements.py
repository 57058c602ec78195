"""Files of orbital elements: what is read survives being written and read again, and can be propagated."""

from __future__ import annotations

import json
import re

from harness import ROOT, file_named, fuzz, instrumented
from mutators import json_lines, mixed

with instrumented():
    from scheduler import tle
    from scheduler.elements import Elements, load_elements
    from scheduler.errors import ElementsError

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
    assert Elements.from_tle(elements.name, *lines).norad_id == elements.norad_id


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
    return [*texts, *(json.dumps(document).encode() for document in (omm, omm[0], large, foreign))]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(), longest=200_000, mutate=mixed(json_lines))
