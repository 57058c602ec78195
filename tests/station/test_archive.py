"""Decoded recordings are compressed and deleted when it is time, never others, and give the same samples."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from sdr.errors import RecordingError
from sdr.recording import open_recording
from sdr.writer import RecordingWriter
from station.archive import compress, tidy
from station.catalogue import Booking, Catalogue, Observation, sha256_of
from station.config.recordings import RecordingsSection
from station.housekeeping import LOG_NAME, Housekeeping
from station.schema import STEPS
from tests.station.conftest import entered, renamed
from tests.waiting import wait_for

_GAP = (20_000, 5_000)


def _recorded(catalogue: Catalogue, booking: Booking, name: str, *, decoded: bool) -> Observation:
    made = entered(catalogue, renamed(booking, name))
    rng = np.random.default_rng(7)
    with RecordingWriter(
        made.recording,
        format="cu8",
        sample_rate=1e4,
        center_frequency_hz=137.9e6,
        start=booking.start,
        durable=False,
    ) as writer:
        noise = np.clip(rng.normal(127.5, 10, 2 * 50_000), 0, 255).astype(np.uint8)
        writer.write_raw(noise[: 2 * _GAP[0]].tobytes())
        writer.gap(_GAP[1], "overflow")
        writer.write_raw(noise[2 * _GAP[0] :].tobytes())
    catalogue.begin(name, "record")
    catalogue.finish(name, "record", {}, sorted(made.folder.glob("recording.*")))
    catalogue.begin(name, "decode")
    if decoded:
        catalogue.finish(name, "decode", {})
        catalogue.fail(name, "image", "no image in the decoded data")
    else:
        catalogue.fail(name, "decode", "nothing usable: no signal")
    return catalogue.observation(name)


def _tidy(catalogue: Catalogue, booking: Booking, days: float, **limits: float | None) -> None:
    given = {"compress_after_days": None, "delete_after_days": None} | limits
    tidy(catalogue, booking.end + timedelta(days=days), **given)


def test_of_a_recording_in_segments_all_are_deleted_and_none_is_compressed(
    catalogue: Catalogue, booking: Booking
) -> None:
    made = entered(catalogue, booking)
    segments = {"segments": {"segment_s": 60, "keep_segments": 3}}
    (made.folder / "observation.json").write_text(json.dumps(segments))
    data = [made.folder / f"recording-{number:04d}.sigmf-data" for number in (7, 8, 9)]
    for path in data:
        path.write_bytes(b"samples")
    for step in STEPS:
        catalogue.begin(made.name, step)
        catalogue.finish(made.name, step, {}, data if step == "record" else [])
    _tidy(catalogue, booking, 5, compress_after_days=3)
    assert [path.read_bytes() for path in data] == [b"samples"] * 3
    _tidy(catalogue, booking, 20, compress_after_days=3, delete_after_days=10)
    assert not any(path.exists() for path in data)
    assert catalogue.observation(made.name).files == ()


def test_a_decoded_recording_is_compressed_and_reads_as_before(
    catalogue: Catalogue, booking: Booking
) -> None:
    one = _recorded(catalogue, booking, "decoded", decoded=True)
    other = _recorded(catalogue, booking, "undecoded", decoded=False)
    data = one.folder / "recording.sigmf-data"
    before, sha256 = data.read_bytes(), sha256_of(data)
    with open_recording(one.recording) as reader:
        samples = reader.read(1 << 20)
        facts = (reader.info.start, reader.info.gaps[0].sample_index, reader.info.gaps[0].sample_count)

    _tidy(catalogue, booking, 2.9, compress_after_days=3)
    assert data.exists()
    _tidy(catalogue, booking, 3.1, compress_after_days=3)
    packed = data.with_name("recording.sigmf-data.gz")
    assert not data.exists()
    assert (other.folder / "recording.sigmf-data").exists()
    assert packed.stat().st_size < 0.72 * len(before)  # the entropy of this noise is 5.4 of 8 bits
    with open_recording(one.recording) as reader:
        reader.hash_while_reading()
        assert np.array_equal(reader.read(1 << 20), samples)
        assert (
            reader.info.start,
            reader.info.gaps[0].sample_index,
            reader.info.gaps[0].sample_count,
        ) == facts
        assert reader.sha256() == sha256  # what was decoded from it before keeps its name
    unpacked = subprocess.run(["gunzip", "-c", str(packed)], check=True, capture_output=True).stdout
    assert unpacked == before

    entered = catalogue.observation("decoded")
    assert {e.path.name: e.sha256 for e in entered.files}["recording.sigmf-data.gz"] == sha256_of(packed)
    assert data not in {e.path for e in entered.files}
    assert (entered.job("record").result or {})["sha256_uncompressed"] == sha256
    _tidy(catalogue, booking, 4, compress_after_days=3)  # nothing is left to do
    assert packed.exists()


def test_a_file_that_changed_on_the_disk_is_left_alone(catalogue: Catalogue, booking: Booking) -> None:
    one = _recorded(catalogue, booking, "decoded", decoded=True)
    data = one.folder / "recording.sigmf-data"
    rotten = bytearray(data.read_bytes())
    rotten[1000] ^= 1
    data.write_bytes(rotten)
    with pytest.raises(RecordingError, match="look at the disk"):
        compress(data, {e.path: e.sha256 for e in one.files}[data])
    _tidy(catalogue, booking, 10, compress_after_days=3)
    assert data.read_bytes() == rotten
    assert [p.name for p in one.folder.glob("*.gz*")] == []


@pytest.mark.parametrize("compressed", [False, True])
def test_only_decoded_samples_are_deleted_and_it_is_said(
    catalogue: Catalogue, booking: Booking, caplog: pytest.LogCaptureFixture, compressed: bool
) -> None:
    one = _recorded(catalogue, booking, "decoded", decoded=True)
    other = _recorded(catalogue, booking, "undecoded", decoded=False)
    if compressed:
        _tidy(catalogue, booking, 4, compress_after_days=3)
    with caplog.at_level("INFO"):
        _tidy(catalogue, booking, 31, compress_after_days=3, delete_after_days=30)
    assert not list(one.folder.glob("recording.sigmf-data*"))
    assert list(one.folder.glob("recording.sigmf-meta"))
    assert (other.folder / "recording.sigmf-data").exists()
    assert [m for m in caplog.messages if m.startswith("decoded: samples deleted")]
    entered = catalogue.observation("decoded")
    assert "samples_deleted" in (entered.job("record").result or {})
    assert not [e for e in entered.files if ".sigmf-data" in e.path.name]
    _tidy(catalogue, booking, 32, delete_after_days=30)


def test_the_daemon_tidies_up_once_an_hour_while_nothing_is_recorded(
    catalogue: Catalogue, booking: Booking
) -> None:
    one = _recorded(catalogue, booking, "decoded", decoded=True)
    keeper = Housekeeping(RecordingsSection(compress_after_days=3), catalogue.data_dir)
    now = booking.end
    keeper.look(now, busy=True)
    assert not (catalogue.data_dir / LOG_NAME).exists()
    keeper.look(now, busy=False)
    packed = one.folder / "recording.sigmf-data.gz"
    wait_for(packed.exists, "nothing is compressed", 60)
    wait_for(lambda: "samples compressed" in (catalogue.data_dir / LOG_NAME).read_text(), "not said", 60)

    def ended() -> bool:
        keeper.look(now, busy=False)
        return not keeper.busy

    wait_for(ended, "it does not end", 60)
    assert (catalogue.data_dir / LOG_NAME).read_text().count("compressed") == 1
    Housekeeping(RecordingsSection(), catalogue.data_dir).look(now, busy=False)  # off, as it is by itself


def test_a_power_cut_between_the_two_files_is_mended(catalogue: Catalogue, booking: Booking) -> None:
    one = _recorded(catalogue, booking, "decoded", decoded=True)
    data = one.folder / "recording.sigmf-data"
    packed = compress(
        data, {e.path: e.sha256 for e in one.files}[data]
    )  # and the catalogue never heard of it
    _tidy(catalogue, booking, 4, compress_after_days=3)
    entered = catalogue.observation("decoded")
    assert packed in {e.path for e in entered.files}
    assert Path(data) not in {e.path for e in entered.files}
