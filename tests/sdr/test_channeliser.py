"""One channel read out of a wide recording, finished or growing: the reader's interface, gaps, ends, time."""

from __future__ import annotations

import hashlib
import math
import threading
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sdr.channel_filter import half_length
from sdr.channeliser import Channel, ChannelReader, channel_gaps
from sdr.errors import RecordingError
from sdr.recording import Gap, RecordingWriter, open_recording

START = datetime(2026, 3, 24, 3, 14, 15, 926535, tzinfo=UTC)
RATE, CENTER = 2.4e6, 137.5e6
CHANNEL = Channel(137.9e6, 250e3)
RATIO = Fraction(5, 48)


def noise(count: int, seed: int = 1) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).normal(size=2 * count)).astype(np.float32).view(np.complex64)


def writer_at(stem: Path, **more: object) -> RecordingWriter:
    values = {"format": "cs16", "sample_rate": RATE, "center_frequency_hz": CENTER, "start": START} | more
    return RecordingWriter(stem, durable=False, **values)  # type: ignore[arg-type]


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    with writer_at(tmp_path / "wide") as writer:
        writer.write(noise(200_000))
        writer.gap(1000, "overflow")
        writer.write(noise(150_000, 2))
    return tmp_path / "wide"


def opened(path: Path, channel: Channel = CHANNEL, **more: bool) -> ChannelReader:
    return ChannelReader(open_recording(path, **more), channel)


def everything(reader: ChannelReader, count: int) -> np.ndarray:
    return np.concatenate([*reader.blocks(count)])


def test_it_tells_of_the_channel_what_the_recording_tells_of_itself(wide: Path) -> None:
    with opened(wide) as reader:
        info = reader.info
        assert (info.sample_rate, info.center_frequency_hz, info.start) == (250e3, 137.9e6, START)
        assert info.sample_count == math.ceil(351_000 * RATIO)
        assert (info.format, info.end, reader.waiting) == ("cs16", "finished", None)
        assert len(everything(reader, 10_000)) == info.sample_count == reader.position
        assert len(reader.read(10)) == 0


def test_a_gap_reaches_as_far_as_the_filter(wide: Path) -> None:
    """Outside the gaps told of, not a bit depends on what lay there; inside, the first and last sample do."""
    with opened(wide) as reader:
        out = everything(reader, 4096)
        (gap,) = reader.info.gaps
    with writer_at(wide.with_name("full")) as writer:
        for count, seed in ((200_000, 1), (1000, 3), (150_000, 2)):
            writer.write(noise(count, seed))
    with opened(wide.with_name("full")) as reader:
        full = everything(reader, 4096)
    differs = np.flatnonzero(np.abs(out - full) > 1e-6)
    assert gap.cause == "overflow"
    assert gap.sample_index <= differs[0]
    assert differs[-1] < gap.sample_index + gap.sample_count
    assert gap.sample_count == pytest.approx((1000 + 2 * half_length(RATIO)) * RATIO, abs=2)
    middle = gap.sample_index + gap.sample_count // 2
    assert not out[middle - 15 : middle + 15].any() or np.abs(out[middle - 15 : middle + 15]).max() < 1e-5


def test_gaps_that_the_filter_joins_are_one() -> None:
    near = [Gap(5000, 10, "overflow"), Gap(5100, 10, "stall", 96), Gap(50_000, 1, "overflow")]
    joined = channel_gaps(near, RATIO)
    assert [gap.cause for gap in joined] == ["overflow, stall", "overflow"]
    assert joined[0].uncertainty == 10
    reach = half_length(RATIO)
    assert joined[0].sample_index == math.ceil((5000 - reach) * RATIO)
    assert joined[0].sample_index + joined[0].sample_count == math.floor((5109 + reach) * RATIO) + 1


def test_gaps_at_both_ends_stay_within_the_channel() -> None:
    gaps = channel_gaps([Gap(0, 100, "late"), Gap(9900, 100, "lost")], RATIO, 10_000)
    assert gaps[0].sample_index == 0
    assert gaps[1].sample_index + gaps[1].sample_count == math.ceil(10_000 * RATIO)


@pytest.mark.parametrize("count", [1, 777, 65_536, 10**6])
def test_any_way_of_reading_gives_the_same_bits(wide: Path, count: int) -> None:
    with opened(wide) as reader, opened(wide) as other:
        whole = everything(reader, 10_000)
        first = other.read(3)
        rest = other.read(2000) if count == 1 else everything(other, count)
    assert np.array_equal(np.concatenate([first, rest]), whole[: 3 + len(rest)])


def test_a_growing_recording_gives_the_same_bits(wide: Path, tmp_path: Path) -> None:
    writer = writer_at(tmp_path / "growing", commit_interval_s=0.0)
    reader = opened(tmp_path / "growing", follow=True)
    assert reader.waiting == 0
    assert reader.info.sample_count is None

    def record() -> None:
        for part in np.array_split(noise(200_000), 17):
            writer.write(part)
        writer.gap(1000, "overflow")
        for part in np.array_split(noise(150_000, 2), 23):
            writer.write(part)
        writer.close()

    thread = threading.Thread(target=record)
    thread.start()
    live = everything(reader, 1000)
    thread.join()
    with opened(wide) as finished:
        assert np.array_equal(live, everything(finished, 65_536))
        assert reader.info.gaps == finished.info.gaps
    reader.close()


def test_what_a_growing_recording_holds_is_read_without_waiting_for_more(tmp_path: Path) -> None:
    writer = writer_at(tmp_path / "growing")
    with opened(tmp_path / "growing", follow=True) as reader:
        writer.write(noise(400_000))
        writer.commit()
        settled = int((400_000 - reader.delay_s * RATE) * RATIO)
        assert len(reader.read(settled)) == settled  # else it waits for ever
        assert reader.waiting is not None
        assert reader.waiting <= reader.delay_s * 250e3 + 1
        writer.close()


def test_the_hash_is_that_of_the_wide_file(wide: Path) -> None:
    data = wide.with_name("wide.sigmf-data").read_bytes()
    with opened(wide) as reader:
        reader.hash_while_reading()
        everything(reader, 65_536)
        assert reader.sha256() == hashlib.sha256(data).hexdigest()


def test_samples_that_are_none_count_once(tmp_path: Path) -> None:
    samples = noise(100_000)
    samples[50_000] = np.nan
    with writer_at(tmp_path / "bad", format="cf32") as writer:
        writer.write(samples)
    with opened(tmp_path / "bad") as reader:
        assert np.isfinite(everything(reader, 65_536)).all()
        assert reader.unusable == 1
        assert any("not finite" in note for note in reader.notes)


def test_a_recording_without_a_frequency_has_no_channels(tmp_path: Path) -> None:
    with writer_at(tmp_path / "nowhere", center_frequency_hz=None) as writer:
        writer.write(noise(1000))
    with pytest.raises(RecordingError, match="does not state its centre frequency"):
        opened(tmp_path / "nowhere")


def test_from_the_middle_of_a_recording_on(wide: Path) -> None:
    """It begins where the reader stands: time, count and gaps are counted from there."""
    with open_recording(wide) as reader:
        reader.read(48_000)
        channel = ChannelReader(reader, CHANNEL)
        out = everything(channel, 4096)
        assert channel.info.start == START + timedelta(seconds=48_000 / RATE)
        assert channel.info.sample_count == len(out) == math.ceil(303_000 * RATIO)
        (gap,) = channel.info.gaps
    with opened(wide) as reader:
        whole = everything(reader, 4096)
        assert reader.info.gaps[0].sample_index == gap.sample_index + 5000
    turn = np.exp(2j * np.pi * ((400e3 * 48_000 / RATE) % 1))  # the mixer begins anew
    reach = math.ceil(half_length(RATIO) * RATIO)
    assert np.abs(out * turn.conjugate() - whole[5000:])[reach:].max() < 2e-5


def test_an_impulse_lies_where_it_was(tmp_path: Path) -> None:
    """Sample m of the channel is at the instant of wide sample m / ratio: no delay, whatever the filter."""
    samples = np.zeros(400_000, np.complex64)
    places = [48 * 2001, 48 * 4003, 48 * 7919]
    samples[places] = 0.9
    with writer_at(tmp_path / "impulses", format="cf32") as writer:
        writer.write(samples)
    with opened(tmp_path / "impulses", Channel(CENTER, 250e3)) as reader:
        out = np.abs(everything(reader, 65_536))
    assert sorted(np.argsort(out)[-3:]) == [place * 5 // 48 for place in places]
    for place in places:
        around = out[place * 5 // 48 - 20 : place * 5 // 48 + 21]
        assert np.allclose(around, around[::-1], atol=1e-6)
