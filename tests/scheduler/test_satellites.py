"""Every satellite file loads; a slip in one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.errors import SatelliteError
from scheduler.satellites import FOLDER, all_satellites, load_satellite, satellite

GOOD = (FOLDER / "meteor_m2_4.toml").read_text(encoding="utf-8")


def test_all_files_load_and_names_are_unique() -> None:
    satellites = all_satellites()
    assert len(satellites) == len(list(FOLDER.glob("*.toml"))) >= 4
    assert len({s.norad_id for s in satellites}) == len(satellites)
    names = [n.casefold() for s in satellites for n in {s.name, *s.aliases}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["METEOR-M2 4", "meteor m2-4", "59051", "Meteor-M-N2-4", "METEOR-M 2-4"])
def test_found_by_any_of_its_names(name: str) -> None:
    assert satellite(name).norad_id == 59051
    assert satellite(name).downlink().frequency_hz == 137.9e6


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
        ('name = "METEOR-M2 4"', "name = ", "Invalid value"),
    ],
)
def test_a_slip_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "slip.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SatelliteError, match=says) as error:
        load_satellite(path)
    assert "slip.toml" in str(error.value)
