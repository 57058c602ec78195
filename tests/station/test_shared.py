"""Two downlinks out of one recording: planned together, recorded once, each decoded as if it were alone."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from scheduler.elements import Elements, load_elements
from sdr.errors import DeviceError
from sdr.formats import from_samples
from sdr.recording import RecordingInfo, RecordingWriter, open_recording
from sim.link_test import LinkTest, link_test
from sim.soapy import device_args, environment, events
from station.catalogue import Booking, Catalogue, Observation
from station.config import StationConfig, parse_config
from station.errors import StationError
from station.record import Assignment, record_assignment
from station.replay import recording_source
from station.resume import resume
from station.schedule import enter_schedule, plan_station, standing_in
from station.self_testing import SelfTests
from station.shared import channel_options, host_of, recorded_until, tuned_hz
from tests.station.conftest import ELEMENTS, START, station_file, station_table
from tests.station.desk import begin_daemon, cut, kill_workers, simulated_radio
from tests.waiting import wait_for

SETS = load_elements(ELEMENTS)
CENTER = 137.5e6
RATE = 1.2e6


def desk(tmp_path: Path, *, wide: bool) -> StationConfig:
    """A station that wants both METEORs, on frequencies that one radio hears at once."""
    table = station_table(tmp_path)
    table["receiver"] = {"type": "rtl_tcp", "sample_rate": 2.4e6, "wide": wide}
    table["satellite"] = [
        {"name": "METEOR-M2 3", "downlink": "meteor_lrpt", "frequency_hz": 137.1e6},
        {"name": "METEOR-M2 4", "downlink": "meteor_lrpt", "frequency_hz": 137.9e6},
    ]
    return parse_config(table, tmp_path)


def together() -> list[Elements]:
    """Both METEORs on one orbit, one four minutes behind the other."""
    omm = SETS[1].to_omm()
    behind = omm["MEAN_ANOMALY"] - omm["MEAN_MOTION"] * 360 * 4 / 1440
    twin = {"OBJECT_NAME": "METEOR-M2 3", "NORAD_CAT_ID": 57166, "MEAN_ANOMALY": behind % 360}
    return [SETS[1], Elements.from_omm(omm | twin)]


def test_passes_at_one_time_are_booked_on_one_tuning(tmp_path: Path) -> None:
    wide_config = desk(tmp_path, wide=True)
    schedule = plan_station(wide_config, together(), START, [])
    assert {b.center_hz for b in schedule.bookings} == {CENTER}
    pairs = [
        (a, b)
        for a in schedule.bookings
        for b in schedule.bookings
        if a.start < b.start < a.end and a.satellite != b.satellite
    ]
    assert len(pairs) >= 3
    catalogue = Catalogue(tmp_path / "data")
    assert enter_schedule(catalogue, schedule, START) == []
    again = plan_station(wide_config, together(), START, catalogue.observations())
    assert again.withdrawn == ()
    assert again.bookings == ()
    catalogue.close()


def test_a_receiver_that_is_not_wide_takes_one_of_them(tmp_path: Path) -> None:
    schedule = plan_station(desk(tmp_path, wide=False), together(), START, [])
    assert {b.center_hz for b in schedule.bookings} == {None}
    assert all(a.end <= b.start for a, b in pairwise(sorted(schedule.bookings, key=lambda b: b.start)))


def test_only_a_radio_can_be_wide(tmp_path: Path) -> None:
    table = station_table(tmp_path)
    table["receiver"] = {"type": "simulator", "wide": True}
    with pytest.raises(StationError, match="only a radio can be wide"):
        parse_config(table, tmp_path)


def booked(catalogue: Catalogue, name: str, start: datetime, end: datetime, **other: object) -> Observation:
    words = {
        "name": name, "key": name, "satellite": "METEOR-M2 4", "norad_id": 59051,
        "downlink": "meteor_lrpt", "frequency_hz": 137.9e6, "center_hz": CENTER,
        "receiver": "radio", "antenna": "antenna",
        "site": {"name": "Lai Châu", "latitude_deg": 22.4, "longitude_deg": 103.45, "altitude_m": 900.0},
        "elements": SETS[1].to_omm(), "aos": start, "tca": start + (end - start) / 2, "los": end,
        "start": start, "end": end, "max_elevation_deg": 60.0,
    }  # fmt: skip
    made = catalogue.book(Booking(**(words | other)))  # type: ignore[arg-type]
    assert made is not None
    return made


def minutes(first: float, last: float) -> tuple[datetime, datetime]:
    return START + timedelta(minutes=first), START + timedelta(minutes=last)


def test_the_first_records_until_the_last_is_over(catalogue: Catalogue) -> None:
    first = booked(catalogue, "first", *minutes(0, 12))
    booked(catalogue, "second", *minutes(6, 18), frequency_hz=137.1e6)
    booked(catalogue, "third", *minutes(17, 25))
    booked(catalogue, "elsewhere", *minutes(10, 40), antenna="dish")
    booked(catalogue, "otherwise_tuned", *minutes(10, 40), center_hz=137.6e6)
    booked(catalogue, "later", *minutes(26, 40))
    booked(catalogue, "piece", *minutes(25, 30), key="59051@20240717T002500Z/filler")
    assert recorded_until(first, catalogue.unfinished(), setup_s=5.0) == minutes(0, 25)[1]
    assert recorded_until(first, [], setup_s=5.0) == first.end


def test_who_begins_while_it_is_recorded_takes_a_share(catalogue: Catalogue) -> None:
    second = booked(catalogue, "second", *minutes(6, 18))
    booked(catalogue, "first", *minutes(0, 12))
    assert host_of(second, catalogue.unfinished()) is None  # it has not begun
    first = catalogue.begin("first", "record")
    found = host_of(second, catalogue.unfinished())
    assert found is not None
    assert found.name == "first"
    assert host_of(replace(second, center_hz=137.6e6), catalogue.unfinished()) is None
    for start, end, shared in ((5, 30, False), (5, 19, True), (11.9, 12.2, False), (13, 20, False)):
        times = dict(zip(("start", "end"), minutes(start, end), strict=True))
        assert (host_of(replace(second, **times), catalogue.unfinished()) is not None) == shared
    first.folder.mkdir(parents=True)
    taken = {"wide": "/elsewhere/recording", "end": first.end.isoformat()}
    (first.folder / "observation.json").write_text(json.dumps(taken))
    assert host_of(second, catalogue.unfinished()) is None  # who takes a share has none to give


def test_the_decoder_is_told_its_channel_only_of_a_wide_recording() -> None:
    table = {"frequency_hz": 137.1e6, "center_hz": CENTER, "wide": None}
    assert channel_options(table) == ("--channel", "137100000")
    assert channel_options(table | {"wide": "/host/recording"}) == ()
    assert channel_options(table | {"center_hz": None}) == ()
    assert channel_options({"frequency_hz": 137.1e6}) == ()


def test_what_was_booked_without_a_centre_is_tuned_to_its_downlink(catalogue: Catalogue) -> None:
    assert tuned_hz(booked(catalogue, "plain", *minutes(0, 12), center_hz=None)) == 137.9e6


def test_the_receiver_is_taken_until_the_recording_ends(tmp_path: Path, catalogue: Catalogue) -> None:
    """Who shares it may be withdrawn, but the receiver records on, as it was told when it began."""
    config = desk(tmp_path, wide=True)
    first = booked(catalogue, "first", *minutes(0, 12), receiver="receiver")
    first.folder.mkdir(parents=True)
    end = minutes(0, 18)[1]
    (first.folder / "observation.json").write_text(json.dumps({"wide": None, "end": end.isoformat()}))
    (planned,), _ = standing_in(config, [first], [], START)
    assert (planned.center_hz, planned.end) == (CENTER, int(end.timestamp()))


def test_a_shared_recording_goes_on_after_the_pass_of_its_own(catalogue: Catalogue) -> None:
    """The station comes back when the one that records is over, and another still shares it."""
    first = booked(catalogue, "first", *minutes(0, 10))
    first.folder.mkdir(parents=True)
    (first.folder / "observation.json").write_text(json.dumps({"end": minutes(0, 18)[1].isoformat()}))
    catalogue.begin("first", "record")
    (left,) = resume(catalogue, minutes(0, 12)[1], goes_on=lambda _: True)
    assert left.job("record").state == "running"
    assert not resume(catalogue, minutes(0, 19)[1], goes_on=lambda _: True)


def test_a_self_test_waits_for_the_end_of_a_shared_recording(tmp_path: Path, catalogue: Catalogue) -> None:
    first = booked(catalogue, "first", *minutes(0, 10), receiver="receiver")
    after = booked(catalogue, "after", *minutes(20, 30), receiver="receiver")
    first.folder.mkdir(parents=True)
    end = minutes(0, 18)[1]
    (first.folder / "observation.json").write_text(json.dumps({"end": end.isoformat()}))
    config = desk(tmp_path, wide=True)
    tests = SelfTests(config)
    assert tests._free_from(config.receivers[0], after, [first, after]) > end


def test_a_share_cut_off_by_a_power_cut_is_taken_to_its_end_later(catalogue: Catalogue) -> None:
    """Its pass is long over when the station comes back: what the wide recording holds is not lost."""
    start, end = minutes(0, 1 / 60)
    host = booked(catalogue, "host", start, end)
    share = booked(catalogue, "share", start, end, frequency_hz=137.1e6)
    for one in (host, share):
        one.folder.mkdir(parents=True)
        catalogue.begin(one.name, "record")
    samples = np.random.default_rng(1).normal(size=(int(RATE), 2)).astype(np.float32).view(np.complex64)[:, 0]
    with RecordingWriter(
        host.recording,
        format="cs16",
        sample_rate=RATE,
        center_frequency_hz=CENTER,
        start=start,
        durable=False,
    ) as writer:
        writer.write(0.1 * samples)
    wanted = Assignment.from_mapping(
        {
            **{name: getattr(share, name) for name in ("satellite", "downlink", "frequency_hz", "center_hz")},
            "site": share.site, "elements": share.elements, "wide": str(host.recording),
            "receiver": {"type": "rtl_tcp"}, "start": start.isoformat(), "end": end.isoformat(),
        }
    )  # fmt: skip
    (share.folder / "observation.json").write_text(json.dumps({"wide": str(host.recording)}))
    (share.folder / "recording.sigmf-index").write_bytes(b'{"tramthu_')  # died in its first line
    left = resume(catalogue, minutes(60, 0)[0], goes_on=lambda _: True)
    assert [one.name for one in left] == ["host", "share"]
    told: list[float] = []
    count = record_assignment(wanted, share.recording, threading.Event(), told.append)
    with open_recording(share.recording) as reader:
        assert (reader.info.end, reader.info.sample_count) == ("finished", count)
        assert reader.info.start == start
    assert told[-1] == pytest.approx(1.0, abs=1e-3)


def test_a_share_of_a_recording_that_never_began_fails_in_words(tmp_path: Path, catalogue: Catalogue) -> None:
    share = booked(catalogue, "share", *minutes(0, 1))
    table = {
        **{name: getattr(share, name) for name in ("satellite", "downlink", "frequency_hz", "center_hz")},
        "site": share.site, "elements": share.elements, "wide": str(tmp_path / "none"),
        "receiver": {"type": "rtl_tcp"}, "start": share.start.isoformat(), "end": share.end.isoformat(),
    }  # fmt: skip
    with pytest.raises(DeviceError, match="did not begin"):
        record_assignment(Assignment.from_mapping(table), tmp_path / "x", threading.Event(), lambda _: None)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, Catalogue]]:
    """A folder for a daemon, which is stopped in the end, with all that it began."""
    catalogue = Catalogue(tmp_path / "data")
    yield tmp_path, catalogue
    catalogue.close()
    kill_workers(tmp_path)


def _sky(folder: Path, made: list[LinkTest]) -> Path:
    """What the radio hears: both transmitters, the second 20 dB above the first."""
    weak, strong = (one.samples for one in made)
    count = min(len(weak), len(strong))
    total = weak[:count] + 10 * strong[:count]
    total *= np.float32(0.9 / max(np.abs(total.real).max(), np.abs(total.imag).max()))
    path = folder / "sky.cs16"
    path.write_bytes(from_samples(total, "cs16"))
    return path


def _sent(made: LinkTest, epoch: float, info: RecordingInfo, end: datetime) -> list[bytes]:
    """Frames wholly on the air while it was recorded, but for a second at either edge, and none in a gap."""
    assert info.start is not None
    low, high = ((at.timestamp() - epoch) * RATE for at in (info.start, end))
    ratio = RATE / info.sample_rate
    gaps = [
        (low + ratio * g.sample_index, low + ratio * (g.sample_index + g.sample_count)) for g in info.gaps
    ]
    return [
        f.data
        for f in made.frames
        if f.first_sample > low + RATE
        and f.last_sample < high - RATE
        and not any(f.first_sample < behind and f.last_sample > first for first, behind in gaps)
    ]


def _frames(observation: Observation) -> set[bytes]:
    return set(cut((observation.folder / "decoded/frames.cadu").read_bytes()))


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["first", "second"])
def test_two_observations_on_one_radio_are_recorded_once_and_decoded_both(
    running: tuple[Path, Catalogue], killed: str
) -> None:
    """Through SoapySDR and the daemon; the process that records or the one that takes a share is killed."""
    folder, catalogue = running
    common = {"frames": 300, "tuned_hz": CENTER, "sample_rate": RATE}
    made = [
        link_test("72k", seed=5, ebn0_db=9.0, frequency_hz=137.1e6, doppler_hz=1500, **common),
        link_test("72k", seed=6, frequency_hz=137.9e6, doppler_hz=-900, **common),
    ]
    sky, epoch = _sky(folder, made), time.time() + 20
    args = device_args(folder, file=sky, format="CS16", rate=RATE, epoch=epoch)
    station_file(folder, receiver=simulated_radio(args, RATE, name="radio", wide=True))
    begin = datetime.fromtimestamp(epoch + 2, UTC)
    booked(catalogue, "first", begin, begin + timedelta(seconds=10), frequency_hz=137.9e6)
    second = booked(
        catalogue, "second", begin + timedelta(seconds=4), begin + timedelta(seconds=18), frequency_hz=137.1e6
    )
    daemon = begin_daemon(folder, environment())
    share = second.folder / "recording.sigmf-data"
    try:
        wait_for(lambda: share.exists() and share.stat().st_size > 1_000_000, "no share is taken")
        kill_workers(catalogue.observation(killed).folder, b"station.record")
        wait_for(
            lambda: all(catalogue.observation(n).state in ("done", "failed") for n in ("first", "second")),
            "they are not over",
        )
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
    _judge(folder, catalogue, epoch, made, killed)


def _judge(
    folder: Path,
    catalogue: Catalogue,
    epoch: float,
    made: list[LinkTest],
    killed: str,
) -> None:
    said = (folder / "daemon.log").read_text()
    second = catalogue.observation("second")
    for name, one in (("first", made[1]), ("second", made[0])):
        observation, end = catalogue.observation(name), second.end
        assert observation.job("record").state == "done", said
        assert observation.job("decode").state == "done", said
        recording = observation.folder / "recording"
        with open_recording(recording) as reader:
            info = reader.info
        assert info.start is not None
        assert info.sample_count is not None
        sent = _sent(one, epoch, info, end)
        assert len(sent) > 60
        missed = sum(frame not in _frames(observation) for frame in sent)
        assert missed == 0, (name, missed, len(sent), info.gaps, said)
        seconds = info.sample_count / info.sample_rate
        until = (info.start + timedelta(seconds=seconds) - end).total_seconds()
        assert abs(until) < 0.5
        assert (info.sample_rate == RATE) == (name == "first")
        assert info.center_frequency_hz == (CENTER if name == "first" else 137.1e6)
        # A replay knows what of it is meant.
        options = recording_source(recording, ()).decode_options
        assert ("--channel" in options) == (name == "first")
    with (
        open_recording(catalogue.observation("first").folder / "recording") as host,
        open_recording(second.folder / "recording") as share,
    ):
        # A share has the gaps of what it is taken from, and none of its own.
        assert len(share.info.gaps) == len(host.info.gaps) >= (killed == "first")
        assert host.info.start is not None
        assert share.info.start is not None
        due = max(second.start, host.info.start)  # on a slow machine the radio was opened late
        assert timedelta(0) <= share.info.start - due < timedelta(milliseconds=1)
    assert f"{killed}: the recorder died" in said
    # The radio was opened by the self test and by one recorder, or by another one in its place.
    opened = [event for event in events(folder / "device.jsonl") if event["event"] == "activate"]
    assert len(opened) <= 2 + (killed == "first"), opened
