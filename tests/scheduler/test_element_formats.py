"""OMM in its four spellings against two independent readers, and files that are refused or partly read."""

from __future__ import annotations

import gzip
import io
import json
import time
import tracemalloc
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sgp4 import omm as reference
from sgp4.api import Satrec
from skyfield.api import EarthSatellite, load

from scheduler import tle
from scheduler.elements import Elements, load_elements, read_elements
from scheduler.errors import ElementsError
from tests.scheduler.element_writers import METADATA, WRITERS, as_csv, as_json, as_kvn, as_xml

METEOR = Elements.from_tle(
    "METEOR-M2 4",
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
# celestrak.org/NORAD/elements/gp.php?CATNR=55123&FORMAT=XML on 2023-04-25.
MARIO_XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<ndm xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="https://sanaregistry.org/r/ndmxml_unqualified/ndmxml-2.0.0-master-2.0.xsd">
<omm id="CCSDS_OMM_VERS" version="2.0">
<header><CREATION_DATE/><ORIGINATOR/></header><body><segment><metadata><OBJECT_NAME>MARIO</OBJECT_NAME><OBJECT_ID>1998-067UQ</OBJECT_ID><CENTER_NAME>EARTH</CENTER_NAME><REF_FRAME>TEME</REF_FRAME><TIME_SYSTEM>UTC</TIME_SYSTEM><MEAN_ELEMENT_THEORY>SGP4</MEAN_ELEMENT_THEORY></metadata><data><meanElements><EPOCH>2023-04-25T10:45:30.642912</EPOCH><MEAN_MOTION>15.99081912</MEAN_MOTION><ECCENTRICITY>.0014649</ECCENTRICITY><INCLINATION>51.6242</INCLINATION><RA_OF_ASC_NODE>216.2930</RA_OF_ASC_NODE><ARG_OF_PERICENTER>331.8976</ARG_OF_PERICENTER><MEAN_ANOMALY>28.1241</MEAN_ANOMALY></meanElements><tleParameters><EPHEMERIS_TYPE>0</EPHEMERIS_TYPE><CLASSIFICATION_TYPE>U</CLASSIFICATION_TYPE><NORAD_CAT_ID>55123</NORAD_CAT_ID><ELEMENT_SET_NO>999</ELEMENT_SET_NO><REV_AT_EPOCH>1839</REV_AT_EPOCH><BSTAR>.1568E-2</BSTAR><MEAN_MOTION_DOT>.787702E-2</MEAN_MOTION_DOT><MEAN_MOTION_DDOT>.29408E-3</MEAN_MOTION_DDOT></tleParameters></data></segment></body></omm>
</ndm>
"""
# The example of CCSDS 502.0-B, figure 4-1 (OMM without covariance).
GOES_KVN = b"""CCSDS_OMM_VERS = 3.0
CREATION_DATE = 2020-065T16:00:00
ORIGINATOR = NOAA
MESSAGE_ID = OMM 202013719185
OBJECT_NAME = GOES 9
OBJECT_ID = 1995-025A
CENTER_NAME = EARTH
REF_FRAME = TEME
TIME_SYSTEM = UTC
MEAN_ELEMENT_THEORY = SGP/SGP4
EPOCH = 2020-064T10:34:41.4264
MEAN_MOTION = 1.00273272 [rev/day]
ECCENTRICITY = 0.0005013
INCLINATION = 3.0539 [deg]
RA_OF_ASC_NODE = 81.7939 [deg]
ARG_OF_PERICENTER = 249.2363 [deg]
MEAN_ANOMALY = 150.1602 [deg]
GM = 398600.8 [km**3/s**2]
EPHEMERIS_TYPE = 0
CLASSIFICATION_TYPE = U
NORAD_CAT_ID = 23581
ELEMENT_SET_NO = 0925
REV_AT_EPOCH = 4316
BSTAR = 0.0001 [1/ER]
MEAN_MOTION_DOT = -0.00000113 [rev/day**2]
MEAN_MOTION_DDOT = 0.0 [rev/day**3]
"""


@pytest.fixture(scope="module")
def real(shared_data: Path) -> list[Elements]:
    return load_elements(shared_data / "elements/tle-2020-09-27.txt")


def independently(kind: str, content: bytes) -> list[dict[str, str]]:
    """The library's own reader."""
    if kind == "json":
        return json.loads(content)
    text = io.StringIO(content.decode(), newline="")
    return list(reference.parse_csv(text) if kind == "csv" else reference.parse_xml(text))


def position(record: Satrec) -> np.ndarray:
    minutes = np.array([-700.0, 0.0, 700.0])
    days = (record.jdsatepochF * 1440 + minutes) / 1440
    return np.asarray(record.sgp4_array(np.full(3, record.jdsatepoch), days)[1])


@pytest.mark.parametrize("kind", WRITERS)
def test_all_sets_of_2020_are_the_same_in_every_format(kind: str, real: list[Elements]) -> None:
    reading = read_elements(WRITERS[kind](real))
    assert list(reading.sets) == real
    assert not reading.faults


@pytest.mark.parametrize("kind", ["json", "csv", "xml"])
def test_what_is_read_moves_as_two_other_readers_have_it(kind: str, real: list[Elements]) -> None:
    content = WRITERS[kind](real[::40])
    timescale = load.timescale(builtin=True)
    fields = independently(kind, content)
    for ours, theirs in zip(read_elements(content).sets, fields, strict=True):
        record = Satrec()
        reference.initialize(record, theirs)
        # 1 us of epoch at 11 km/s; the library keeps the fraction of the day in a double of the whole date.
        assert np.allclose(position(ours.satrec()), position(record), atol=1e-4, equal_nan=True)
        model = EarthSatellite.from_omm(timescale, dict(theirs)).model
        assert np.allclose(position(ours.satrec()), position(model), atol=1e-4, equal_nan=True)
        assert EarthSatellite.from_omm(timescale, dict(theirs)).epoch.utc_datetime() == pytest.approx(
            ours.epoch, abs=timedelta(milliseconds=1)
        )


def test_celestraks_own_xml_is_read() -> None:
    [mario] = read_elements(MARIO_XML).sets
    assert (mario.name, mario.norad_id, mario.object_id) == ("MARIO", 55123, "1998-067UQ")
    assert mario.epoch == datetime(2023, 4, 25, 10, 45, 30, 642912, tzinfo=UTC)
    assert (mario.bstar, mario.mean_motion_dot, mario.revolution) == (0.001568, 0.00787702, 1839)
    record = Satrec()
    reference.initialize(record, next(reference.parse_xml(io.StringIO(MARIO_XML.decode()))))
    assert np.allclose(position(mario.satrec()), position(record), atol=1e-5)


def test_the_standards_own_kvn_is_read() -> None:
    [goes] = read_elements(GOES_KVN).sets
    assert (goes.name, goes.norad_id, goes.element_set) == ("GOES 9", 23581, 925)
    assert goes.epoch == datetime(2020, 3, 4, 10, 34, 41, 426400, tzinfo=UTC)  # day 64 of a leap year
    assert (goes.inclination_deg, goes.mean_motion_dot) == (3.0539, -1.13e-6)


def test_numbers_above_99999_and_microseconds_survive_every_format() -> None:
    big = replace(METEOR, norad_id=799_500_123, epoch=METEOR.epoch.replace(microsecond=123_457))
    for writer in WRITERS.values():
        assert read_elements(writer([big])).sets == (big,)


@pytest.mark.parametrize("kind", WRITERS)
def test_content_not_name_tells_the_kind_and_gzip_is_opened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong_name.tle"
    for wrap in (bytes, gzip.compress):
        path.write_bytes(wrap(WRITERS[kind]([METEOR])))
        assert load_elements(path) == [METEOR]


def test_prefixed_xml_and_shouted_csv_columns_are_read() -> None:
    assert read_elements(as_xml([METEOR], "x:")).sets == (METEOR,)
    head, _, rest = as_csv([METEOR]).partition(b"\r\n")
    assert read_elements(b"\xef\xbb\xbf" + head.lower() + b"\n" + rest).sets == (METEOR,)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"MEAN_ELEMENT_THEORY": "SGP4-XP"}, "SGP4-XP"),
        ({"MEAN_ELEMENT_THEORY": "DSST"}, "only SGP4 is propagated"),
        ({"EPHEMERIS_TYPE": 4}, "SGP4-XP"),
        ({"EPHEMERIS_TYPE": 3}, "another theory"),
        ({"BTERM": 0.02}, "SGP4-XP"),
        ({"REF_FRAME": "EME2000"}, "only TEME"),
        ({"TIME_SYSTEM": "TAI"}, "only UTC"),
        ({"CENTER_NAME": "MARS BARYCENTER"}, "only EARTH"),
        ({"EPOCH": "2023-366T00:00:00"}, "day 366"),
        ({"NORAD_CAT_ID": 1.5}, "whole"),
        ({"NORAD_CAT_ID": "12_3"}, "no number"),
        ({"BSTAR": True}, "no number"),
    ],
)
def test_another_theory_frame_or_time_is_refused_in_words(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ElementsError, match=says):
        Elements.from_omm(METADATA | METEOR.to_omm() | change)


def test_a_two_line_set_for_sgp4_xp_is_refused() -> None:
    line1, line2 = METEOR.to_tle()
    line1 = line1[:62] + "4" + line1[63:68]
    with pytest.raises(ElementsError, match="SGP4-XP"):
        Elements.from_tle("", tle.with_checksum(line1), line2)


@pytest.mark.parametrize("kind", ["csv", "kvn"])
def test_cut_anywhere_only_whole_sets_come_out(kind: str) -> None:
    content = WRITERS[kind]([METEOR, replace(METEOR, norad_id=2)])
    seen = set()
    for length in range(len(content)):
        try:
            sets = read_elements(content[:length]).sets
        except ElementsError:
            continue
        seen.add(len(sets))
        assert sets[0] == METEOR or len(sets) == 1  # the last one may have lost digits: the store sees that
    assert 1 in seen


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_json_and_xml_cut_anywhere_are_named(kind: str) -> None:
    content = WRITERS[kind]([METEOR])
    for length in range(0, len(content) - 6, 7):
        with pytest.raises(ElementsError):
            read_elements(content[:length])


def test_one_bad_set_does_not_take_the_others_with_it() -> None:
    bad = METEOR.to_omm() | {"ECCENTRICITY": 7}
    reading = read_elements(json.dumps([bad, METEOR.to_omm()]).encode())
    assert reading.sets == (METEOR,)
    assert "eccentricity" in reading.faults[0]
    lines = "\n".join([*METEOR.to_tle(), "rubbish", "more", METEOR.to_tle()[0], *METEOR.to_tle()])
    reading = read_elements(lines.encode())
    assert len(reading.sets) == 2
    assert len(reading.faults) == 2


BOMB = b"""<?xml version="1.0"?><!DOCTYPE ndm [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>
<ndm><omm><OBJECT_NAME>&b;</OBJECT_NAME></omm></ndm>"""
FILE = b"""<?xml version="1.0"?><!DOCTYPE ndm [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<ndm><omm><X>&a;</X></omm></ndm>"""


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (BOMB, "DTD"),
        (FILE, "DTD"),
        (b"<ndm>" + b"<x>" * 1000, "nested deeper"),
        (b"<ndm></ndm>", "no OMM"),
        (b"<ndm><omm><MEAN_MOTION>&undefined;</MEAN_MOTION></omm></ndm>", "ill-formed XML"),
        (b"[" * 100_000, "ill-formed JSON"),
        (gzip.compress(b"0" * (17 << 20), mtime=0), "swells"),
        (gzip.compress(b"", mtime=0) * 100, "more than 64 parts"),
        (
            b"<ndm><omm>" + b"".join(b"<K%d>1</K%d>" % (n, n) for n in range(300)) + b"</omm></ndm>",
            "more than",
        ),
        (gzip.compress(as_json([METEOR]))[:-9], "cut short"),
        (b"OBJECT_NAME,EPOCH,NORAD_CAT_ID,MEAN_MOTION\r\n", "no element set"),
        (b"CCSDS_OMM_VERS = 2.0\n", "no NORAD_CAT_ID"),
        (b"CCSDS_OEM_VERS = 2.0\n", "no two-line set"),
    ],
)
def test_hostile_and_hollow_files_are_refused_at_once(content: bytes, says: str) -> None:
    with pytest.raises(ElementsError, match=says) as error:
        read_elements(content)
    assert "\n" not in str(error.value)


def test_a_key_that_comes_twice_makes_a_message_a_fault() -> None:
    sets = [METEOR, replace(METEOR, norad_id=2, inclination_deg=51.6)]
    json_text, xml_text = as_json(sets).decode(), as_xml(sets).decode()
    for twice in (
        json_text.replace('"INCLINATION": 51.6', '"INCLINATION": 98.6, "INCLINATION": 51.6'),
        xml_text.replace("<INCLINATION>51.6", "<INCLINATION>98.6</INCLINATION><INCLINATION>51.6"),
    ):
        reading = read_elements(twice.encode())
        assert reading.sets == (METEOR,)
        assert "INCLINATION comes twice" in reading.faults[0]
    head, row = as_csv([METEOR]).decode().split("\r\n")[:2]
    with pytest.raises(ElementsError, match="INCLINATION comes twice"):
        read_elements(f"{head},INCLINATION\n{row},51.6\n".encode())


def test_two_kvn_messages_run_into_one_are_no_set() -> None:
    whole = as_kvn([METEOR, replace(METEOR, norad_id=2, inclination_deg=51.6)]).decode()
    first, second = whole.split("\n\n")
    lost = "\n".join(line for line in second.split("\n") if not line.startswith(("CCSDS", "INCLINATION")))
    with pytest.raises(ElementsError, match="comes twice"):
        read_elements(f"{first}\n{lost}".encode())


def test_csv_may_begin_with_the_version_column_and_end_its_lines_with_cr() -> None:
    head, row = as_csv([METEOR]).decode().split("\r\n")[:2]
    content = f"CCSDS_OMM_VERS,{head}\r2.0,{row}\r"
    assert read_elements(content.encode()).sets == (METEOR,)
    assert read_elements(f"# of today\n{head}\n{row}\n".encode()).sets == (METEOR,)


def test_a_satellite_may_be_called_comment() -> None:
    assert read_elements("\n".join(("COMMENT 1", *METEOR.to_tle())).encode()).sets[0].name == "COMMENT 1"


def test_gzip_files_one_behind_the_other_are_all_read() -> None:
    content = gzip.compress(as_kvn([METEOR])) + gzip.compress(b"\n" + as_kvn([replace(METEOR, norad_id=2)]))
    assert len(read_elements(content).sets) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"[" + b"{}," * 1_000_000,
        b"<ndm>" + b"<omm/>" * 500_000,
        b"x\n" * 1_500_000,
        b"CCSDS_OMM_VERS=2\n" + b"x\n" * 1_500_000,
        gzip.compress(b"x\n" * 1_500_000),
    ],
    ids=["json", "xml", "lines", "kvn", "gzip"],
)
def test_a_text_of_nothing_costs_neither_memory_nor_time(content: bytes) -> None:
    begun = time.process_time()
    tracemalloc.start()
    with pytest.raises(ElementsError):
        read_elements(content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 * 3_000_000  # the text itself and little else; it was a hundred times that
    assert time.process_time() - begun < 5


def test_of_many_faults_the_first_are_told_and_the_rest_counted() -> None:
    lines = "\n".join([*(["rubbish"] * 500), *METEOR.to_tle(), *(["rubbish"] * 5000), *METEOR.to_tle()])
    reading = read_elements(lines.encode())
    assert len(reading.sets) == 1
    assert "what follows is not read" in reading.faults[-2]
    assert "1479 more" in reading.faults[-1]
    assert len(reading.faults) == 22


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"EPOCH": "2026-W28-2"}, "no epoch"),
        ({"NORAD_CAT_ID": 0}, "norad_id"),
        ({"MEAN_MOTION": "\u0661\u0664.2"}, "no number"),
    ],
)
def test_odd_spellings_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ElementsError, match=says):
        Elements.from_omm(METEOR.to_omm() | change)


def test_names_are_one_printable_line() -> None:
    assert (
        Elements.from_omm(METEOR.to_omm() | {"OBJECT_NAME": "A\0\r\nB" + "x" * 500}).name == "AB" + "x" * 78
    )


def test_day_366_of_a_common_year_is_refused_in_a_two_line_set() -> None:
    line1, line2 = METEOR.to_tle()
    for year, allowed in (("24", True), ("26", False)):
        changed = tle.with_checksum(f"{line1[:18]}{year}366.50000000{line1[32:68]}")
        with nullcontext() if allowed else pytest.raises(ElementsError, match="day 366"):
            assert Elements.from_tle("", changed, line2).epoch.year == 2024
