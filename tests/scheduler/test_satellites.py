"""Every satellite file loads; a slip in one is named."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from scheduler.errors import SatelliteError
from scheduler.frames import Site, elevation
from scheduler.geostationary import elements_of
from scheduler.satellites import FOLDER, all_satellites, load_satellite, satellite

# With its first downlink only.
GOOD = "[[downlinks]]".join(
    (FOLDER / "meteor_m2_4.toml").read_text(encoding="utf-8").split("[[downlinks]]")[:2]
)


def test_all_files_load_and_names_are_unique() -> None:
    satellites = all_satellites()
    assert len(satellites) == len(list(FOLDER.glob("*.toml"))) >= 14
    assert len({s.norad_id for s in satellites}) == len(satellites)
    names = [n.casefold() for s in satellites for n in {s.name, *s.aliases}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["METEOR-M2 4", "meteor m2-4", "59051", "Meteor-M-N2-4", "METEOR-M 2-4"])
def test_found_by_any_of_its_names(name: str) -> None:
    assert satellite(name).norad_id == 59051
    assert satellite(name).downlink().frequency_hz == 137.9e6


def test_every_downlink_has_what_a_link_budget_needs() -> None:
    for one in all_satellites():
        for use in one.downlinks:
            assert use.eirp_dbw is not None, (one.name, use.name)
            assert use.eirp_range_dbw, (one.name, use.name)
            assert use.bandwidth_hz, (one.name, use.name)
            assert use.required_cn0_dbhz, (one.name, use.name)


@pytest.mark.parametrize(
    ("name", "bit_rate", "ebn0_db"),
    [
        ("METEOR-M2 4", 80_000, 1.6),  # README, "How well it decodes"
        ("METOP-C", 3.5e6, 2.8),
        ("SUOMI NPP", 15e6, 1.7),
        ("NOAA 21", 25e6, 1.7),
        ("GK-2A", 64_000, 1.7),
        ("NOAA 19", 665_400, 9.6 + 0.7 + 0.15),
    ],
)
def test_the_required_cn0_is_that_of_the_bit_rate(name: str, bit_rate: float, ebn0_db: float) -> None:
    required = satellite(name).downlink().required_cn0_dbhz
    assert required == pytest.approx(ebn0_db + 10 * math.log10(bit_rate), abs=0.06)


@pytest.mark.parametrize(
    ("latitude", "longitude", "azimuth", "height"),
    [(22.40, 103.45, 130, 52), (21.85, 106.76, 134, 55)],  # users.md of the survey: GK-2A from both stations
)
def test_a_satellite_that_stands_still_needs_no_elements(
    latitude: float, longitude: float, azimuth: float, height: float
) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    elements = elements_of(satellite("GK-2A"), at)
    times = at.timestamp() + np.linspace(-7, 7, 200) * 86_400
    seen = elevation(Site("here", latitude, longitude, 500), elements, times)
    assert np.abs(seen[0] - azimuth).max() < 1
    assert np.abs(seen[1] - height).max() < 0.6
    assert np.ptp(seen[0]) < 0.3
    with pytest.raises(SatelliteError, match="stand still"):
        elements_of(satellite("METOP-B"), at)


def test_an_unknown_one_names_the_nearest() -> None:
    with pytest.raises(SatelliteError, match="the nearest is 'METEOR-M2 4'"):
        satellite("METEOR-M2 4b")
    with pytest.raises(SatelliteError, match="it has: meteor_lrpt"):
        satellite(59051).downlink("hrpt")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "polarisation =",
            "polarization =",
            "downlinks\\[0\\]: unknown key 'polarization'; did you mean 'polarisation'",
        ),
        ("norad_id = 59051", 'norad_id = "59051"', "norad_id is '59051'; int is expected"),
        ('status = "active"', 'status = "on"', "allowed are: active, weak, off, unknown"),
        ("frequency_hz = 137_900_000", "frequency_hz = 137.9", "possible"),
        ('name = "METEOR-M2 4"', "", "name missing"),
        ("[[downlinks]]", "[downlinks]", "must be tables"),
        ("eirp_range_dbw = [5.0, 8.0]", "eirp_range_dbw = [7.0, 8.0]", "eirp_range_dbw"),
        ('name = "METEOR-M2 4"', "name = ", "Invalid value"),
    ],
)
def test_a_slip_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "slip.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SatelliteError, match=says) as error:
        load_satellite(path)
    assert "slip.toml" in str(error.value)
