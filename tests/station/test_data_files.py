"""Data files of different folders that are joined by name."""

from __future__ import annotations

from decoders.downlink import downlink_names, load_downlink
from scheduler.satellites import all_satellites
from station.commands.simulate import COMMITTED, MODES
from station.demo import DOWNLINK_OF_MODE


def test_every_downlink_of_every_satellite_has_a_definition() -> None:
    used = {use.name for satellite in all_satellites() for use in satellite.downlinks}
    assert used
    assert used <= set(downlink_names())


def test_every_mode_of_the_demonstration_has_a_downlink_that_holds_it() -> None:
    assert set(DOWNLINK_OF_MODE) == set(MODES)
    for mode, name in DOWNLINK_OF_MODE.items():
        symbol_rates = {m.symbol_rate for m in load_downlink(name).modes}
        assert (80_000.0 if mode == "80k" else 72_000.0) in symbol_rates


def test_the_elements_of_the_demonstration_are_there() -> None:
    assert sorted(path.name for path in COMMITTED.glob("*.txt"))
