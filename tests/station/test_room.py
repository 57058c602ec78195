"""What becomes of a recording for which the disk has no room: a lower rate, then frames without samples."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from scheduler.elements import load_elements
from sdr.index import IndexReader
from station.catalogue import Booking, Catalogue
from station.config import RtlTcpReceiver, parse_config
from station.observation import Crew, record_and_decode
from station.room import least_rate, shortage, standable_rates
from tests.station.conftest import ELEMENTS, entered, station_table
from tests.waiting import wait_for

RADIO = RtlTcpReceiver(type="rtl_tcp", sample_rate=1.024e6, lower_rates=(150e3, 960e3, 250e3, 2.4e6))


def test_a_lower_rate_must_hold_every_mode_of_the_downlink() -> None:
    assert standable_rates(RADIO, "meteor_lrpt") == (960e3, 250e3)
    assert standable_rates(RtlTcpReceiver(type="rtl_tcp"), "meteor_lrpt") == ()
    # Tuned to the middle of several downlinks, at a lower rate it would lose the outer ones.
    assert standable_rates(RADIO.model_copy(update={"wide": True}), "meteor_lrpt") == ()
    # 80 kBd with roll-off 0.6 and 12.4 kHz for the carrier, in 0.8 of the rate
    assert 80e3 * 1.6 / 0.8 < least_rate("meteor_lrpt") < 225e3
    assert least_rate("metop_ahrpt") > 2.3333e6 * 1.5 / 0.8


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (11e9, ""),
        (10e9, ""),
        (9.5e9, "recorded at 960000 instead of 1.024e+06 Hz"),
        (3e9, "recorded at 250000 instead of 1.024e+06 Hz"),
        (1e9, "frames are decoded and kept, samples are not"),
        (-5e9, "short of room: 0.0 GB are free for 10.0 GB; frames are decoded"),
    ],
)
def test_what_is_done_is_said_in_this_order(
    tmp_path: Path, booking: Booking, monkeypatch: pytest.MonkeyPatch, free: float, said: str
) -> None:
    taken_s = 10e9 / (2 * 1.024e6)
    given = replace(booking, end=booking.start + timedelta(seconds=taken_s))
    monkeypatch.setattr("station.room.free_bytes", lambda _: free + 2e9)
    told = shortage(given, RADIO, tmp_path, 2.0)
    assert (said in told) if said else not told
    assert shortage(given, RADIO, tmp_path, 2.0, most_s=0.09 * taken_s) == "" or free < 0


def test_without_room_samples_stay_in_memory_and_are_decoded(tmp_path: Path, booking: Booking) -> None:
    file, catalogue, now = tmp_path / "noise.cu8", Catalogue(tmp_path / "data"), datetime.now(UTC)
    np.random.default_rng(1).integers(0, 256, 2 * 250_000 * 90, dtype=np.uint8).tofile(file)
    given = {"type": "playback", "file": str(file), "format": "cu8", "sample_rate": 250e3, "realtime": True}
    table = station_table(tmp_path / "data", **given) | {"schedule": {"keep_free_gb": 1e6}}
    elements = load_elements(ELEMENTS)[1].to_omm()
    end = now + timedelta(seconds=90)
    made = entered(catalogue, replace(booking, start=now, end=end, elements=elements))
    crew = Crew(parse_config(table), catalogue)
    recording = threading.Thread(target=record_and_decode, args=(made, crew))
    recording.start()
    try:
        wait_for(lambda: _decoded_s(made.folder) > 1.0, "what is in memory only is not decoded", 80)
    finally:
        crew.stop.set()
        recording.join()
    data = made.folder / "recording.sigmf-data"
    assert not data.exists() or data.stat().st_size == 0
    record = catalogue.observation(made.name).job("record")
    assert (record.state, record.reason[:18]) == ("done", "recorded in part: ")
    assert IndexReader(made.folder / "recording.sigmf-index").ring is not None


def _decoded_s(folder: Path) -> float:
    """Of noise: as far as the live decoder has read."""
    try:
        return float(json.loads((folder / "decoded/live.json").read_text())["seconds"])
    except (OSError, ValueError):
        return 0.0
