"""A wide recording split into channels: same samples, exact times, gaps, gone on with after a death."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from sdr.channel_record import record_channels
from sdr.channeliser import Channel, ChannelReader
from sdr.errors import RecordingError
from sdr.formats import from_samples
from sdr.index import IndexReader
from sdr.recording import RecordingWriter, open_recording

START = datetime(2026, 3, 24, 3, 14, 15, 926535, tzinfo=UTC)
RATE, CENTER = 2.4e6, 137.5e6
TWO = [Channel(137.1e6, 250e3), Channel(137.9e6, 200e3)]


def noise(count: int, seed: int = 1) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).normal(size=2 * count)).astype(np.float32).view(np.complex64)


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    stem = tmp_path / "wide"
    with RecordingWriter(
        stem, format="cu8", sample_rate=RATE, center_frequency_hz=CENTER, start=START, durable=False
    ) as writer:
        writer.write(noise(500_000))
        writer.gap(2000, "overflow")
        writer.write(noise(300_000, 2))
        writer.gap(1000, "device gone")
    return stem


def split(wide: Path, stems: list[Path], channels: list[Channel], **more: object) -> tuple[int, ...]:
    with open_recording(wide) as reader:
        return record_channels(reader, channels, stems, durable=False, **more)  # type: ignore[arg-type]


def read(stem: Path) -> np.ndarray:
    with open_recording(stem) as reader:
        return np.concatenate([*reader.blocks(50_000)])


def test_each_channel_is_what_its_reader_gives(wide: Path, tmp_path: Path) -> None:
    stems = [tmp_path / "one", tmp_path / "two"]
    counts = split(wide, stems, TWO)
    for stem, channel, count in zip(stems, TWO, counts, strict=True):
        with ChannelReader(open_recording(wide), channel) as reader:
            out = np.concatenate([*reader.blocks(65_536)])
            info = reader.info
        with open_recording(stem) as reader:
            made = reader.info
        assert (made.start, made.sample_rate, made.center_frequency_hz, made.sample_count, made.gaps) == (
            START, info.sample_rate, channel.center_frequency_hz, count, info.gaps,
        )  # fmt: skip
        assert made.format == "cs16"
        assert made.end == "finished"
        for gap in info.gaps:
            out[gap.sample_index : gap.sample_index + gap.sample_count] = 0
        # Rounding to sixteen bits, and to float32 on the grid of two channels instead of one.
        assert np.abs(read(stem) - out).max() < 4e-5


def test_a_part_begins_and_ends_on_time(wide: Path, tmp_path: Path) -> None:
    start, end = START + timedelta(seconds=0.1234567), START + timedelta(seconds=0.2)
    (count,) = split(wide, [tmp_path / "part"], TWO[:1], start=start, end=end)
    with open_recording(tmp_path / "part") as reader:
        info = reader.info
    assert info.start is not None
    assert timedelta(0) <= info.start - start < timedelta(microseconds=5)
    assert ((info.start - START) / timedelta(microseconds=1) * RATE / 1e6).is_integer()
    assert info.start + timedelta(seconds=count / 250e3) - end < timedelta(microseconds=5)


def test_after_a_death_it_goes_on_without_a_gap(wide: Path, tmp_path: Path) -> None:
    (count,) = split(wide, [tmp_path / "whole"], TWO[:1])
    whole = read(tmp_path / "whole")
    raw = from_samples(whole, "cs16")
    with open_recording(tmp_path / "whole") as reader:
        info = reader.info
    begun = RecordingWriter(
        tmp_path / "torn", format="cs16", sample_rate=250e3, center_frequency_hz=137.1e6, start=START,
        durable=False,
    )  # fmt: skip
    begun.write_raw(raw[: 4 * 20_000])
    begun.commit()
    begun.write_raw(raw[: 4 * 777])  # never committed
    threading.Thread(target=_die, args=(begun,)).start()
    assert split(wide, [tmp_path / "torn"], TWO[:1]) == (count,)
    assert np.array_equal(read(tmp_path / "torn"), whole)
    with open_recording(tmp_path / "torn") as reader:
        assert reader.info.gaps == info.gaps


def _die(writer: RecordingWriter) -> None:
    import os

    os.close(writer._data)
    os.close(writer._index)  # the lock goes with it


def test_it_ends_as_the_wide_recording_ended(tmp_path: Path) -> None:
    """Unless it was to end before."""
    with RecordingWriter(
        tmp_path / "wide",
        format="cs16",
        sample_rate=RATE,
        center_frequency_hz=CENTER,
        start=START,
        durable=False,
    ) as writer:
        writer.write(noise(100_000))
        writer.close("the device was pulled out")
    until = START + timedelta(seconds=0.02)
    for name, end, said in (("late", None, "the device was pulled out"), ("early", until, "finished")):
        split(tmp_path / "wide", [tmp_path / name], TWO[:1], end=end)
        with open_recording(tmp_path / name) as reader:
            assert reader.info.end == said


def test_another_channel_of_that_name_is_refused(wide: Path, tmp_path: Path) -> None:
    begun = RecordingWriter(
        tmp_path / "torn", format="cs16", sample_rate=200e3, center_frequency_hz=137.9e6, start=START,
        durable=False,
    )  # fmt: skip
    begun.write_raw(from_samples(noise(1000), "cs16"))
    begun.commit()
    _die(begun)
    with pytest.raises(RecordingError, match="holds another channel"):
        split(wide, [tmp_path / "torn"], TWO[:1])
    assert IndexReader(tmp_path / "torn.sigmf-index").end is None  # whose it is may still go on with it
    split(wide, [tmp_path / "whole"], TWO[:1])
    with pytest.raises(RecordingError, match=r"finished|ended"):
        split(wide, [tmp_path / "whole"], TWO[:1])


def test_what_lies_outside_the_recording_is_refused(wide: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="nothing of it lies between"):
        split(wide, [tmp_path / "early"], TWO[:1], end=START - timedelta(seconds=1))


def test_it_follows_and_stops(tmp_path: Path) -> None:
    writer = RecordingWriter(
        tmp_path / "growing", format="cs16", sample_rate=RATE, center_frequency_hz=CENTER, start=START,
        durable=False, commit_interval_s=0.0,
    )  # fmt: skip
    stop, told = threading.Event(), threading.Event()
    counts: list[int] = []

    def follow() -> None:
        with open_recording(tmp_path / "growing", follow=True) as reader:
            counts.extend(
                record_channels(
                    reader, TWO[:1], [tmp_path / "channel"], stop=stop, durable=False,
                    progress=lambda _: told.set(),
                )
            )  # fmt: skip

    thread = threading.Thread(target=follow)
    thread.start()
    while not told.is_set():
        writer.write(noise(10_000))
    stop.set()
    while thread.is_alive():
        writer.write(noise(10_000))
    writer.close()
    assert len(read(tmp_path / "channel")) == counts[0] > 0
