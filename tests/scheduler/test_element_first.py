"""The first set of a satellite: held against what is known, and outvoted when it stood alone and was bad."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scheduler.element_first import known_orbits
from scheduler.elements import Elements, load_elements
from scheduler.fetch import ElementStore, FetchReport
from scheduler.satellites import all_satellites
from tests.scheduler.successors import successor

METEOR = Elements.from_tle(
    "METEOR-M2 4",
    "1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9995",
    "2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710",
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BAD = {
    "inclination": {"inclination_deg": METEOR.inclination_deg + 0.5},
    "node": {"raan_deg": METEOR.raan_deg + 40},
    "anomaly": {"mean_anomaly_deg": METEOR.mean_anomaly_deg - 180},
    "mean motion": {"mean_motion_rev_per_day": METEOR.mean_motion_rev_per_day + 0.1},
    "drag": {"bstar": METEOR.bstar * 3000},
    "a day ahead": {"epoch": METEOR.epoch + DAY},
}


class Station:
    """A store and the file that it is given day by day."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._file = folder / "store", folder / "offered.json"
        self.store = ElementStore(self.folder)

    def offer(self, *sets: Elements, at: datetime | None = None) -> FetchReport:
        self._file.write_text(json.dumps([e.to_omm() for e in sets]))
        return self.store.refresh([self._file], {e.norad_id for e in sets}, at or sets[-1].epoch + 6 * HOUR)

    def held(self) -> list[Elements]:
        return self.store.elements()


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def changed(sets: Sequence[Elements], **changes: float) -> list[Elements]:
    return [replace(e, **changes) for e in sets]  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_first_set_is_outvoted_by_two_that_agree(station: Station, bad: str) -> None:
    first = replace(METEOR, **BAD[bad])  # type: ignore[arg-type]
    good = [successor(METEOR, days) for days in range(1, 7)]
    if bad == "drag":  # of one that nothing is known of
        first, *good = (replace(e, norad_id=99) for e in (first, *good))
    station.offer(first, at=METEOR.epoch + 6 * HOUR)
    for elements in good:
        station.offer(elements)
        if elements.epoch > METEOR.epoch + 3.5 * DAY:
            assert station.held() == [elements]
    assert ElementStore(station.folder).elements() == [good[-1]]
    assert first not in ElementStore(station.folder).history(first.norad_id)
    assert any("given up" in r.reason for r in station.store.quarantine(first.norad_id))


@pytest.mark.parametrize("bstar", [0.0, -1e-2])
def test_a_first_set_without_drag_is_outvoted_where_drag_counts(station: Station, bstar: float) -> None:
    drawn = replace(METEOR, norad_id=99, bstar=1e-2)
    station.offer(replace(drawn, bstar=bstar))
    for days in (1, 2, 3):
        assert not station.offer(successor(drawn, days)).sources[0].said
    assert station.held() == [successor(drawn, 3)]


def test_two_in_one_day_do_not_outvote_and_neither_do_two_that_disagree(station: Station) -> None:
    station.offer(METEOR)
    wrong = [replace(successor(METEOR, days), mean_anomaly_deg=200.0) for days in (1.0, 1.3)]
    station.offer(*wrong)
    station.offer(replace(successor(METEOR, 2.5), raan_deg=20.0))
    assert station.held() == [METEOR]


def test_a_set_that_another_has_followed_is_not_outvoted(station: Station) -> None:
    station.offer(METEOR, successor(METEOR, 0.5))
    for days in range(1, 8):
        station.offer(replace(successor(METEOR, days), raan_deg=20.0 + days))
    assert station.held() == [successor(METEOR, 0.5)]


def test_old_sets_from_an_archive_outvote_nothing(station: Station) -> None:
    station.offer(METEOR)
    archive = changed([successor(METEOR, days) for days in (-400, -399, -398)], raan_deg=20.0)
    station.offer(*archive, at=METEOR.epoch + DAY)
    assert station.held() == [METEOR]


def test_a_first_set_of_another_orbit_than_known_waits_for_a_second(station: Station) -> None:
    low = replace(METEOR, inclination_deg=51.6, mean_motion_rev_per_day=15.5)
    assert "is known to have 98.7" in str(station.offer(low).refused[0])
    assert station.held() == []
    station.offer(successor(METEOR, 0.2))
    assert station.held() == [successor(METEOR, 0.2)]


def test_a_first_set_with_a_drag_that_cannot_be_waits_too(station: Station) -> None:
    """As of a file that ends within `.62507E-4`."""
    assert "far beyond any drag" in str(station.offer(replace(METEOR, bstar=0.62507)).refused[0])


def test_sets_that_agree_are_believed_against_the_data_file(station: Station) -> None:
    """Nobody is locked out when a satellite has been moved and our file is old."""
    low = replace(METEOR, inclination_deg=97.0)
    station.offer(low)
    station.offer(successor(low, 1))
    assert station.held() == [successor(low, 1)]


def test_two_of_another_orbit_than_known_do_not_outvote_one_of_the_known(station: Station) -> None:
    station.offer(METEOR)
    low = replace(METEOR, inclination_deg=51.6, mean_motion_rev_per_day=15.5)
    for days in (1, 2, 3):
        station.offer(successor(low, days))
    assert station.held() == [METEOR]


def test_real_sets_fit_the_orbits_of_the_data_files(shared_data: Path) -> None:
    known = known_orbits()
    assert known.keys() == {one.norad_id for one in all_satellites()}
    folder = shared_data / "elements"
    found = [e for path in folder.glob("tle-2020*.txt") for e in load_elements(path)]
    found += [e for path in folder.glob("*.tle") for e in load_elements(path)]
    found += load_elements(next((Path(__file__).parents[2] / "scheduler/data/elements").glob("*.txt")))
    fitting = [known[e.norad_id].misfit(e) for e in found if e.norad_id in known]
    assert len(fitting) > 12
    assert not any(fitting)
