"""Elements: real sets, Vallado's set, the OMM and TLE round trip, and what must be refused."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sgp4.api import Satrec

from scheduler import tle
from scheduler.elements import Elements, load_elements, read_elements, select
from scheduler.errors import ElementsError

LINES = (
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
METEOR = Elements.from_tle("METEOR-M2 4", *LINES)
COMMITTED = Path(__file__).resolve().parents[2] / "scheduler/data/elements"


def _pairs(text: str) -> list[tuple[str, str]]:
    lines = text.splitlines()
    return [(a[:69], b[:69]) for a, b in pairwise(lines) if a.startswith("1 ") and b.startswith("2 ")]


def test_fields_are_those_of_the_published_set() -> None:
    assert (METEOR.norad_id, METEOR.object_id, METEOR.revolution) == (59051, "2024-039A", 1971)
    assert datetime(2024, 7, 16, 21, 26, 40, 477056, tzinfo=UTC) == METEOR.epoch
    assert (METEOR.eccentricity, METEOR.mean_motion_rev_per_day) == (0.0007944, 14.22239163)
    assert math.isclose(METEOR.bstar, 0.62507e-4)


def test_every_set_of_2020_is_read_and_given_back(shared_data: Path) -> None:
    path = shared_data / "elements/tle-2020-09-27.txt"
    elements = load_elements(path)
    assert len(elements) == 3041
    for ours, lines in zip(elements, _pairs(path.read_text()), strict=True):
        assert Elements.from_omm(ours.to_omm()) == ours
        # The sign of a zero exponent is free in the format, and counts in the checksum.
        again = [line.replace("00000+0", "00000-0")[:68] for line in ours.to_tle()]
        assert again == [line.replace("00000+0", "00000-0")[:68] for line in lines]


def test_vallados_set_moves_as_the_reference_reader_moves_it(shared_data: Path) -> None:
    pairs = _pairs((shared_data / "elements/SGP4-VER.TLE").read_text())
    minutes = np.linspace(-1440, 1440, 25) / 1440
    refused = []
    for lines in pairs:
        reference = Satrec.twoline2rv(*lines)
        try:
            ours = Elements.from_tle("", *lines).satrec()
        except ElementsError:
            refused.append(reference.satnum)
            continue
        when = np.full(25, reference.jdsatepoch), reference.jdsatepochF + minutes
        error, position, _ = ours.sgp4_array(*when)
        reference_error, reference_position, _ = reference.sgp4_array(*when)
        assert (error == reference_error).all()
        assert np.allclose(
            position, reference_position, atol=2e-3, equal_nan=True
        )  # 0.2 us of epoch at 8 km/s
    assert len(pairs) == 33
    assert set(refused) <= {
        33333,
        33334,
        33335,
        33336,
    }  # Vallado altered these by hand; their checksums are wrong
    assert len(refused) >= 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "00000"),
        (99999, "99999"),
        (100000, "A0000"),
        (148493, "E8493"),
        (182931, "J2931"),
        (234018, "P4018"),
        (301928, "W1928"),
        (339999, "Z9999"),
    ],
)
def test_alpha5_is_that_of_space_track(number: int, text: str) -> None:
    """The examples of Space-Track's page on alpha-5."""
    assert tle.to_alpha5(number) == text
    assert tle.from_alpha5(text) == number


def test_a_number_beyond_alpha5_needs_omm() -> None:
    elements = Elements.from_omm(METEOR.to_omm() | {"NORAD_CAT_ID": "799500123"})
    assert elements.norad_id == 799500123
    with pytest.raises(ElementsError, match="use OMM"):
        elements.to_tle()


def test_omm_of_numbers_or_text_in_a_list_or_alone(tmp_path: Path) -> None:
    omm = METEOR.to_omm()
    as_text = {key: str(value) for key, value in omm.items()}
    for content in ([omm, as_text], omm):
        path = tmp_path / "elements.json"
        path.write_text(json.dumps(content))
        assert all(found == METEOR for found in load_elements(path))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"   \n\n", "empty"),
        (b"<!DOCTYPE html><html><body>403 Forbidden</body></html>", "web page"),
        (b"<?xml version='1.0'?><ndm><omm id='x'></omm></ndm>", "has no NORAD_CAT_ID"),
        (b"Invalid query: no such group\n", "belongs to no two-line set"),
        (b"\xff\xfe\x00\x01garbage\x80", "not text"),
        (b"[", "ill-formed JSON"),
        (b"[]", "no OMM objects"),
        (b"[1, 2]", "no OMM objects"),
        (b'{"OBJECT_NAME": "X"}', "requires it"),
        ((LINES[0] + "\n").encode(), "cut"),
        ("\n".join([*LINES, "GRUS-1A"]).encode(), "ends with 'GRUS-1A'; was the download cut"),
        ((LINES[0][:60] + "\n" + LINES[1]).encode(), "has 69"),
        (
            (LINES[0] + "\n" + LINES[1].replace("98.5991", "98.5992")).encode(),
            "checksum '0' where its digits give 1",
        ),
        ((LINES[0] + "\n" + LINES[0]).encode(), "does not begin as line 2"),
    ],
)
def test_a_useless_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "elements.txt"
    path.write_bytes(content)
    with pytest.raises(ElementsError, match=says) as error:
        load_elements(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_status == 2


@pytest.mark.parametrize(
    "change",
    [
        {"ECCENTRICITY": "nan"},
        {"ECCENTRICITY": 1.5},
        {"MEAN_MOTION": 0},
        {"INCLINATION": 181},
        {"EPOCH": "yesterday"},
        {"BSTAR": [1]},
        {"MEAN_ELEMENT_THEORY": "DSST"},
        {"NORAD_CAT_ID": -1},
        {"NORAD_CAT_ID": "1e400"},
    ],
)
def test_impossible_values_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ElementsError):
        Elements.from_omm(METEOR.to_omm() | change)


def test_age_counts_from_the_epoch() -> None:
    assert METEOR.age_days(METEOR.epoch + timedelta(days=3653)) == 3653
    assert METEOR.age_days(METEOR.epoch - timedelta(hours=12)) == -0.5


def test_select_by_name_number_and_time() -> None:
    older = Elements.from_omm(METEOR.to_omm() | {"EPOCH": "2024-07-01T00:00:00"})
    sets = [older, METEOR]
    assert select(sets, "meteor-m2-4") is METEOR
    assert select(sets, 59051, datetime(2024, 7, 2, tzinfo=UTC)) is older
    with pytest.raises(ElementsError, match="the nearest is 'METEOR-M2 4'"):
        select(sets, "METEOR-M2 3")


def test_the_committed_elements_are_the_published_ones() -> None:
    committed = [e for path in sorted(COMMITTED.glob("*.txt")) for e in load_elements(path)]
    assert METEOR in committed
    assert [e.name for e in committed] == ["METEOR-M2", "METEOR-M2 3", "METEOR-M2 4"]


@given(st.binary(max_size=400))
@example(b"1 59051U")
@example(b"[" * 400)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(ElementsError):
        read_elements(content)


@given(st.integers(0, 68), st.integers(0, 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_one_altered_column_never_passes_unseen(column: int, line: int, character: str) -> None:
    """A changed digit breaks the checksum; what the checksum cannot see must still parse or be refused."""
    lines = list(LINES)
    lines[line] = lines[line][:column] + character + lines[line][column + 1 :]
    try:
        parsed = Elements.from_tle("METEOR-M2 4", *lines)
    except ElementsError:
        return
    # The checksum counts letters, blanks and points as nothing, so those alone may pass.
    changed = {character, LINES[line][column]}
    assert parsed == METEOR or not changed & set("123456789") or len(changed) == 1


@pytest.mark.parametrize("column", [7, 14, 16])
def test_control_characters_are_no_part_of_a_two_line_set(column: int) -> None:
    """The checksum does not see them where a letter or a blank stood."""
    line1 = LINES[0][:column] + "\x01" + LINES[0][column + 1 :]
    with pytest.raises(ElementsError, match="control characters"):
        Elements.from_tle("METEOR-M2 4", line1, LINES[1])


@given(
    st.floats(0.1, 17), st.floats(0, 0.99), st.floats(0, 180), st.floats(-0.01, 0.01), st.integers(1, 339_999)
)
@example(1.0, 0.0, 0.0, 1e-12, 1)
def test_two_line_sets_round_trip_within_their_columns(
    n: float, e: float, i: float, bstar: float, number: int
) -> None:
    omm = METEOR.to_omm() | {
        "MEAN_MOTION": n,
        "ECCENTRICITY": e,
        "INCLINATION": i,
        "BSTAR": bstar,
        "NORAD_CAT_ID": number,
    }
    made = Elements.from_omm(omm)
    again = Elements.from_tle(made.name, *made.to_tle())
    assert again.norad_id == number
    assert math.isclose(again.mean_motion_rev_per_day, n, abs_tol=1e-8)
    assert math.isclose(again.eccentricity, e, abs_tol=1e-7)
    assert math.isclose(again.inclination_deg, i, abs_tol=1e-4)
    assert math.isclose(again.bstar, bstar, rel_tol=1e-4, abs_tol=1e-14)
