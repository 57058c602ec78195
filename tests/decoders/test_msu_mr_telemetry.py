"""Service packets against SatDump's telemetry of a real pass, and against physics."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from decoders.framing.packets import Packet, PacketAssembler
from decoders.instruments.msu_mr_packets import utc_seconds
from decoders.instruments.msu_mr_telemetry import ServiceRecord, service_record, ten_bit_words

EARTH_RATE_RAD_S = 7.292115e-5  # WGS 84
GM_M3_S2 = 3.986004418e14  # WGS 84

# SatDump's names for the bytes of an analogue record that it leaves as they are.
RAW_BYTES = {
    "Baseplate Temperature": 0,
    "Detector Temperature Channel 3": 1,
    "High voltage control on FP VK2": 2,
    "High voltage control on FP VK1": 3,
    "IR Lenses temperatures": 4,
    "Lamp Current Channel 3": 5,
    "Lamp Current Channel 2": 6,
    "Lamp Current Channel 1": 7,
    "Detector Temperature Channel 6": 14,
    "Detector Temperature Channel 5": 15,
}


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "lrpt/meteor-m2-3_2026-02-14"


@pytest.fixture(scope="module")
def records(folder: Path) -> list[ServiceRecord]:
    cadus = (folder / "meteor_m2-x_lrpt.cadu").read_bytes()
    packets = PacketAssembler().process(cadus[i + 4 : i + 896] for i in range(0, len(cadus), 1024))
    return [record for record in map(service_record, packets) if record is not None]


def test_same_as_satdump(folder: Path, records: list[ServiceRecord]):
    theirs = json.loads((folder / "telemetry.json").read_text())
    # SatDump handles the last frame twice (it asks for the end of the file too early): one row more.
    assert len(theirs) == len(records) + 1
    assert theirs[-1] == theirs[-2]
    for ours, row in zip(records, theirs, strict=False):
        assert ours.serial == row["msu_mr_id"] == 3
        assert ours.backup_set is (row["msu_mr_set"] == "backup")
        assert bool(ours.is_analog) is ("analog_tlm" in row)
        if "analog_tlm" not in row:
            assert ours.cold_bodies_k is None
            continue
        analog = row["analog_tlm"]
        assert {name: ours.telemetry[place] for name, place in RAW_BYTES.items()} == {
            name: analog[name] for name in RAW_BYTES
        }
        assert list(ours.cold_bodies_k) == [analog[f"Cold Body Temperature {n} (258K)"] for n in (1, 2, 3)]
        assert list(ours.hot_bodies_k) == [analog[f"Hot Body Temperature {n} (313K)"] for n in (1, 2, 3)]
    assert sum("analog_tlm" in row for row in theirs) == 18


def test_calibration_words_are_steady(records: list[ServiceRecord]):
    """Views of black bodies and lamps change slowly; a shift by a bit would not."""
    words = np.array([record.words for record in records])
    assert words.shape == (len(records), 6, 2)
    assert words.max() < 1024
    assert np.ptp(words, axis=0).max() <= 40
    assert (words[:, 3:, 1] > words[:, 3:, 0]).all()  # the hot view is above the cold one


def test_navigation_is_an_orbit(records: list[ServiceRecord]):
    """Speed, plane and smoothness of the satellite's own positions, and its clock against the packet's."""
    fixes = [record.navigation for record in records]
    assert None not in fixes
    time_s = np.array([fix.time_s for fix in fixes])
    late_s = np.array([utc_seconds(record.time) for record in records]) - time_s
    assert late_s.min() >= 1.0
    assert late_s.max() <= 2.0
    x = time_s - time_s.mean()
    position_m = np.array([fix.position_m for fix in fixes])
    polynomials = [np.polynomial.Polynomial.fit(x, axis, 7) for axis in position_m.T]
    smooth = np.array([polynomial(x) for polynomial in polynomials]).T
    assert np.abs(position_m - smooth).max() < 5.0
    turning = np.cross([0, 0, EARTH_RATE_RAD_S], smooth)
    velocity = np.array([polynomial.deriv()(x) for polynomial in polynomials]).T + turning
    radius_m, speed_m_s = np.linalg.norm(smooth, axis=1), np.linalg.norm(velocity, axis=1)
    assert np.abs(speed_m_s / np.sqrt(GM_M3_S2 / radius_m) - 1).max() < 2e-3  # nearly circular
    normal = np.cross(smooth, velocity)
    inclination_deg = np.degrees(np.arccos(normal[:, 2] / np.linalg.norm(normal, axis=1)))
    assert np.abs(inclination_deg - 98.6).max() < 0.2
    assert datetime.fromtimestamp(time_s[0], UTC).date().isoformat() == "2026-02-14"


def test_attitude_is_the_orbits(records: list[ServiceRecord]):
    """The satellite keeps x along track, y along the orbit's normal and z up, and its quaternion says so."""
    fixes = [record.navigation for record in records]
    time_s, position_m = np.array([fix.time_s for fix in fixes]), np.array([fix.position_m for fix in fixes])
    begin = time_s[0]
    # Greenwich mean sidereal angle, IAU 1982, UT1 taken as UTC.
    angle = np.radians(280.46061837 + 360.98564736629 * (time_s / 86400 + 2440587.5 - 2451545.0))
    inertial = Rotation.from_euler("z", angle[:, None]).apply(position_m)
    orbit = [np.polynomial.Polynomial.fit(time_s - begin, axis, 7) for axis in inertial.T]
    at = np.array([fix.attitude_time_s for fix in fixes]) - begin
    place = np.array([axis(at) for axis in orbit]).T
    speed = np.array([axis.deriv()(at) for axis in orbit]).T
    up = place / np.linalg.norm(place, axis=1)[:, None]
    normal = np.cross(place, speed)
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    axes = Rotation.from_matrix(np.stack([np.cross(normal, up), normal, up], axis=2))
    said = Rotation.from_quat([(*fix.attitude[1:], fix.attitude[0]) for fix in fixes])
    off_deg = np.degrees((axes.inv() * said).as_rotvec())
    assert np.abs(off_deg).max() < 0.1
    assert off_deg.std(axis=0).max() < 0.01


def test_meteor_m2_has_no_navigation(shared_data: Path):
    octets = (shared_data / "lrpt/georef-meteor-m2_2022-12-20/2022_12_20_20_25_30.vcdu").read_bytes()
    packets = PacketAssembler().process(octets[i : i + 892] for i in range(0, len(octets), 892))
    records = [record for record in map(service_record, packets) if record is not None]
    assert len(records) == 8
    assert {record.serial for record in records} == {0}
    assert {record.navigation for record in records} == {None}


def test_ten_bit_words():
    expected = [0x3FF, 0, 0x155, 1]
    bits = "".join(f"{word:010b}" for word in expected)
    assert ten_bit_words(int(bits, 2).to_bytes(5, "big")).tolist() == expected


def test_cold_bodies_of_the_second_satellite_read_low():
    data = bytearray(58)
    data[20], data[21], data[22 + 8 : 22 + 14] = 0x20, 0x0F, bytes([251, 1, 0, 10, 20, 30])
    record = service_record(Packet(70, 0, 3, bytes(data)))
    assert record.cold_bodies_k == (313.15, 312.65, 315.65)
    assert record.hot_bodies_k == (258.15, 263.15, 268.15)
    assert record.backup_set is False


@pytest.mark.parametrize("length", [0, 8, 57])
def test_cut_packets_are_none(length: int):
    assert service_record(Packet(70, 0, 3, bytes(length))) is None


@settings(max_examples=200, deadline=None)
@given(st.integers(60, 75), st.binary(max_size=140), st.booleans())
def test_anything_is_taken(apid: int, data: bytes, plausible_time: bool):
    record = service_record(Packet(apid, 0, 3, bytes(8) + data if plausible_time else data))
    if record is not None:
        assert apid == 70
        assert len(record.telemetry) == 21
        assert record.navigation is None or 6.8e6 <= np.linalg.norm(record.navigation.position_m) <= 7.6e6
