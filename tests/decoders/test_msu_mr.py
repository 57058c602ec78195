"""The imager's pictures against other decoders on real passes, and on made-up packets with every trouble."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from decoders.framing.packets import Packet, PacketAssembler
from decoders.instruments.msu_mr import DAMAGED, GOOD, MISSING, MsuMrAssembler, MsuMrImage
from decoders.instruments.msu_mr_codec import zigzag

STRIP_S = 8 / 6.498
GREY_14 = bytes.fromhex("28a28a28a28a28a28a28a0")  # 14 flat blocks of 128


def flat_scan(level: int) -> bytes:
    """14 flat blocks of 128 + 16 * level / 8 at quality 50: T.81 table K.3 with the category of `level`."""
    codes = ("00", "010", "011", "100", "101", "110", "1110")
    size = abs(level).bit_length()
    magnitude = f"{level if level > 0 else level + (1 << size) - 1:0{size}b}" if size else ""
    bits = codes[size] + magnitude + "1010" + "001010" * 13
    return int(bits.ljust(-(-len(bits) // 8) * 8, "1"), 2).to_bytes(-(-len(bits) // 8), "big")


def image_packet(apid: int, count: int, block: int, time: tuple[int, int], scan: bytes = GREY_14) -> Packet:
    head = time[0].to_bytes(2, "big") + time[1].to_bytes(4, "big") + b"\0\0"
    return Packet(apid, count % 16384, 0, head + bytes([block, 0, 0, 0xFF, 0xF0, 50]) + scan)


def sent(at: datetime, *, moscow: bool = False) -> tuple[int, int]:
    """Day and millisecond as the satellite sends them."""
    local = at + timedelta(hours=3) if moscow else at
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    day = 0 if moscow else (midnight - datetime(2000, 12, 31, tzinfo=UTC)).days
    return day, round((local - midnight).total_seconds() * 1000 - 0.5)


def pass_of(start: datetime, strips: int, apids=(64, 65, 67), *, moscow: bool = False) -> list[Packet]:
    packets = []
    for strip in range(strips):
        time = sent(start + timedelta(seconds=strip * STRIP_S), moscow=moscow)
        count = 500 + (14 * len(apids) + 1) * strip
        for rank, apid in enumerate(apids):
            scan = flat_scan((strip + rank) % 40 - 20)
            packets += [image_packet(apid, count + 14 * rank + n, 14 * n, time, scan) for n in range(14)]
    return packets


def picture(packets: list[Packet], **arguments) -> MsuMrImage:
    assembler = MsuMrAssembler(**arguments)
    assembler.process(packets)
    image = assembler.finish()
    assert image is not None
    return image


# Real passes


@pytest.fixture(scope="module")
def figure():
    path = Path(__file__).parents[1] / "figures/m2_3_against_satdump.py"
    spec = importlib.util.spec_from_file_location("m2_3_against_satdump", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def m2_3_folder(shared_data: Path) -> Path:
    return shared_data / "lrpt/meteor-m2-3_2026-02-14"


@pytest.fixture(scope="module")
def m2_3_packets(figure, m2_3_folder: Path) -> list[Packet]:
    cadus = (m2_3_folder / "meteor_m2-x_lrpt.cadu").read_bytes()
    return figure.packets_of(figure.clean_frames(cadus))


@pytest.fixture(scope="module")
def m2_3(figure, m2_3_packets: list[Packet]) -> MsuMrImage:
    return figure.picture(m2_3_packets)


@pytest.mark.parametrize(("channel", "shift"), [(1, 8), (2, 8), (4, 0)])
def test_same_counts_as_satdump(figure, m2_3: MsuMrImage, m2_3_folder: Path, channel: int, shift: int):
    """SatDump begins a picture with the channel's own first strip: channel 4 came one before 1 and 2."""
    theirs = np.asarray(Image.open(m2_3_folder / f"MSU-MR-{channel}.png"))
    result = figure.compare(m2_3, channel, theirs)
    assert result.shift == shift
    assert result.textured > 1_380_000
    assert result.equal_share >= 0.99
    assert result.largest_difference == 1
    assert result.only_ours == 0
    assert result.only_theirs_missing == 0  # what only it shows is noise behind a break, damaged here


def test_satdumps_transform_explains_every_difference(figure, m2_3_packets, m2_3_folder: Path):
    """A tenth of the pass with SatDump's integer transform: all samples are equal."""
    some = m2_3_packets[1500:2000]
    image = figure.with_integer_transform(some)
    theirs = np.asarray(Image.open(m2_3_folder / "MSU-MR-4.png"))
    whole = figure.picture(m2_3_packets)
    first = int(np.searchsorted(whole.line_time_s, image.line_time_s[0] - 0.01))
    result = figure._compare_at(image, 4, theirs, -first)
    assert result.both > 100_000
    assert result.equal == result.textured
    assert result.largest_difference == 0


def test_comparison_turns_red(figure, m2_3: MsuMrImage, m2_3_packets, m2_3_folder: Path, monkeypatch):
    """A strip shifted by one and a wrong zigzag entry are seen."""
    theirs = np.asarray(Image.open(m2_3_folder / "MSU-MR-4.png"))
    assert figure._compare_at(m2_3, 4, theirs, 8).equal_share < 0.6
    order = zigzag()
    order[[4, 5]] = order[[5, 4]]
    monkeypatch.setattr("decoders.instruments.msu_mr_codec.zigzag", lambda: order)
    some = m2_3_packets[1500:1800]
    spoilt = figure.with_integer_transform(some)
    first = int(np.searchsorted(m2_3.line_time_s, spoilt.line_time_s[0] - 0.01))
    assert figure._compare_at(spoilt, 4, theirs, -first).equal_share < 0.7


def test_m2_3_report(m2_3: MsuMrImage):
    report = m2_3.report
    assert m2_3.channels == (1, 2, 4)
    assert report.counts_per_strip == (43,)
    assert report.misplaced == 0
    assert report.strips == 151
    assert report.clock[0].rms_s < 5e-6  # the satellite's stamps resolve microseconds
    assert report.clock_outliers == 0
    assert m2_3.start == datetime(2026, 2, 14, 18, 37, 46, 262289, UTC)
    assert np.diff(m2_3.line_time_s) == pytest.approx(1 / 6.498, rel=1e-5)
    for channel in m2_3.channels:
        quality = m2_3.quality[channel]
        assert (m2_3.counts[channel][quality != GOOD] == 0).all()
        assert 0.7 < (quality == GOOD).mean() < 0.8  # 403 of 1615 frames are lost
        assert 0 < (quality == DAMAGED).sum() < 0.005 * quality.size


@pytest.fixture(scope="module")
def georef(shared_data: Path) -> Path:
    return shared_data / "lrpt/georef-meteor-m2_2022-12-20"


def georef_packets(folder: Path) -> list[Packet]:
    assembler, packets = PacketAssembler(), []
    for path in sorted(folder.glob("*.vcdu")):
        octets = path.read_bytes()
        packets += assembler.process(octets[i : i + 892] for i in range(0, len(octets), 892))
    return packets + assembler.flush()


def test_same_picture_as_georef(georef: Path):
    """Another decoder's picture of METEOR-M2 (red 5, green 2, blue 1): all within 1, the same blocks lost."""
    start = datetime(2022, 12, 20, 20, 25, 30, tzinfo=UTC)
    image = picture(georef_packets(georef), time="moscow-no-day", start=start)
    assert image.channels == (1, 2, 5)
    theirs = np.asarray(Image.open(georef / "2022_12_20_20_25_30.png")).astype(int)
    assert theirs.shape[:2] == image.counts[1].shape == (200, 1568)
    for plane, channel in enumerate((5, 2, 1)):
        good = (image.quality[channel] == GOOD) & (theirs[..., 3] > 0)
        difference = image.counts[channel].astype(int)[good] - theirs[..., plane][good]
        assert good.mean() > 0.75
        assert np.abs(difference).max() <= 1
        assert (difference == 0).mean() > 0.998
        assert (theirs[..., plane][image.quality[channel] != GOOD] == 0).all()
    # 84311.064 s of Moscow's 20 December is 20:25:11.064 UTC.
    assert abs(image.start - datetime(2022, 12, 20, 20, 25, 11, 64_000, UTC)) < timedelta(milliseconds=2)


# Made-up passes


@pytest.mark.parametrize("hour", [0, 3, 12, 20.99, 21, 23.99])
@pytest.mark.parametrize("early_s", [-300, 0, 300])
def test_moscow_time_finds_its_day(hour: float, early_s: int):
    """Also where a midnight of Moscow (21:00 UTC) or of Greenwich lies inside the pass or beside it."""
    begin = datetime(2022, 12, 20, tzinfo=UTC) + timedelta(hours=hour)
    packets = pass_of(begin, 60, moscow=True)
    image = picture(packets, time="moscow-no-day", start=begin + timedelta(seconds=early_s))
    expected = begin.timestamp() + np.arange(480) / 6.498
    assert np.abs(image.line_time_s - expected).max() < 2e-3
    assert image.report.date_known


def test_moscow_time_without_a_start():
    """The date is not known, and the file says so; a midnight inside does not tear the pass."""
    packets = pass_of(datetime(2022, 12, 20, 20, 59, 30, tzinfo=UTC), 60, moscow=True)
    image = picture(packets)
    assert not image.report.date_known
    assert "date is not known" in image.report.notes[0]
    assert np.diff(image.line_time_s) == pytest.approx(1 / 6.498, rel=1e-3)


def test_utc_over_midnight():
    begin = datetime(2026, 2, 14, 23, 59, 40, tzinfo=UTC)
    image = picture(pass_of(begin, 40))
    assert np.abs(image.line_time_s - begin.timestamp() - np.arange(320) / 6.498).max() < 2e-3


def test_lost_strips_have_rows():
    packets = pass_of(datetime(2026, 2, 14, 12, tzinfo=UTC), 500)
    kept = [p for n, p in enumerate(packets) if not 42 * 20 <= n < 42 * 470]  # longer than the counter's wrap
    image = picture(kept)
    assert image.counts[1].shape == (4000, 1568)
    assert image.report.strips_lost == 450
    assert (image.quality[1][160:3760] == MISSING).all()
    assert set(image.line_time_source[160:3760]) == {1}
    for strip in (0, 19, 470, 499):
        for rank, channel in enumerate((1, 2, 4)):
            expected = 128 + 2 * ((strip + rank) % 40 - 20)
            assert (image.counts[channel][strip * 8 : strip * 8 + 8] == expected).all()


def test_channel_change_inside_a_pass():
    begin = datetime(2026, 2, 14, 12, tzinfo=UTC)
    packets = pass_of(begin, 60)
    changed = [
        p if n < 42 * 30 or p.apid != 67 else Packet(68, p.count, p.flags, p.data)
        for n, p in enumerate(packets)
    ]
    image = picture(changed)
    assert image.channels == (1, 2, 4, 5)
    assert (image.quality[4][:240] == GOOD).all()
    assert (image.quality[4][240:] == MISSING).all()
    assert (image.quality[5][:240] == MISSING).all()
    assert (image.quality[5][240:] == GOOD).all()


def test_of_repeated_packets_the_better_stays():
    packets = pass_of(datetime(2026, 2, 14, 12, tzinfo=UTC), 10)
    broken = [Packet(p.apid, p.count, p.flags, p.data[:20]) for p in packets]
    for order in (packets + broken, broken + packets):
        image = picture(order)
        assert image.report.repeated == len(packets)
        assert image.report.damaged == 0
        assert all((quality == GOOD).all() for quality in image.quality.values())


def test_cut_packet_is_good_then_damaged():
    packets = pass_of(datetime(2026, 2, 14, 12, tzinfo=UTC), 10)
    cut = packets[5]
    packets[5] = Packet(cut.apid, cut.count, cut.flags, cut.data[: 14 + 4], missing_bytes=7)
    image = picture(packets)
    good = 4 * 8 + 5 * 112  # 13 or fewer bits, then 6 bits for each block: 4 blocks in 32 bits
    row = image.quality[1][0]
    assert (row[:good] == GOOD).all()
    assert (row[good : 6 * 112] == DAMAGED).all()
    assert (row[6 * 112 :] == GOOD).all()
    assert (image.counts[1][:8, good : 6 * 112] == 0).all()


def test_code_that_ends_too_early_is_damaged():
    """14 blocks that end long before their packet does: none of them can be told to be good."""
    packets = pass_of(datetime(2026, 2, 14, 12, tzinfo=UTC), 10)
    longer = packets[5]
    packets[5] = Packet(longer.apid, longer.count, longer.flags, longer.data + bytes(4))
    image = picture(packets)
    assert image.report.damaged == 1
    assert (image.quality[1][:8, 5 * 112 : 6 * 112] == DAMAGED).all()
    assert (image.counts[1][:8, 5 * 112 : 6 * 112] == 0).all()


def test_clock_set_late_in_the_pass():
    """Most of the pass has the clock of 2001; the start of the recording tells which to believe."""
    begin = datetime(2026, 2, 14, 12, tzinfo=UTC)
    packets = pass_of(begin, 60)
    wrong = pass_of(datetime(2001, 1, 1, tzinfo=UTC), 60)[: 42 * 40]
    image = picture(wrong + packets[42 * 40 :], start=begin - timedelta(minutes=2))
    assert np.abs(image.line_time_s - begin.timestamp() - np.arange(480) / 6.498).max() < 3e-3
    assert image.report.notes == ()
    all_wrong = picture(wrong, start=begin)
    assert "from the start of the recording" in all_wrong.report.notes[0]


@pytest.mark.parametrize("place", [9, 10, 11, 12])
def test_wrong_fixed_field_is_refused(place: int):
    packets = pass_of(datetime(2026, 2, 14, 12, tzinfo=UTC), 10)
    data = bytearray(packets[7].data)
    data[place] ^= 0x10
    packets[7] = Packet(packets[7].apid, packets[7].count, 0, bytes(data))
    image = picture(packets)
    assert image.report.implausible == 1
    assert (image.quality[1][:8, 7 * 112 : 8 * 112] == MISSING).all()


@pytest.mark.parametrize(("place", "value"), [(8, 7), (8, 196), (13, 0), (13, 101)])
def test_impossible_block_or_quality_is_refused(place: int, value: int):
    packets = pass_of(datetime(2026, 2, 14, 12, tzinfo=UTC), 10)
    data = bytearray(packets[7].data)
    data[place] = value
    packets[7] = Packet(packets[7].apid, packets[7].count, 0, bytes(data))
    assert picture(packets).report.implausible == 1


def test_bit_errors_in_packets(m2_3_packets, m2_3: MsuMrImage):
    """A tenth of a real pass's packets with broken bits anywhere: no channel is invented, no line moves."""
    generator = np.random.default_rng(4)
    packets = []
    for packet in m2_3_packets:
        octets = bytearray(packet.data)
        apid, count = packet.apid, packet.count
        if generator.random() < 0.1:
            for _ in range(generator.integers(1, 7)):
                place = generator.integers(-4, len(octets))
                if place < -2:
                    apid ^= 1 << int(generator.integers(3))
                elif place < 0:
                    count ^= 1 << int(generator.integers(14))
                else:
                    octets[place] ^= 1 << int(generator.integers(8))
        packets.append(Packet(apid, count, packet.flags, bytes(octets), missing_bytes=packet.missing_bytes))
    image = picture(packets)
    assert image.channels == (1, 2, 4)
    assert np.abs(image.line_time_s - m2_3.line_time_s).max() < 1e-3
    for channel in image.channels:
        both = (image.quality[channel] == GOOD) & (m2_3.quality[channel] == GOOD)
        assert both.sum() > 0.88 * (m2_3.quality[channel] == GOOD).sum()
        # Broken bits that still read as code cannot be told; packets in a wrong place would be far more.
        assert (image.counts[channel] != m2_3.counts[channel])[both].mean() < 0.03


def test_blocks_equal_whole():
    packets = pass_of(datetime(2026, 2, 14, 12, tzinfo=UTC), 30)
    at_once, in_parts = picture(packets), MsuMrAssembler()
    for begin in range(0, len(packets), 97):
        in_parts.process(packets[begin : begin + 97])
    other = in_parts.finish()
    assert all(np.array_equal(at_once.counts[c], other.counts[c]) for c in at_once.channels)
    assert np.array_equal(at_once.line_time_s, other.line_time_s)
    assert at_once.report == other.report


def test_nothing_usable():
    assert MsuMrAssembler().finish() is None
    assembler = MsuMrAssembler()
    assembler.process([Packet(64, 0, 0, bytes(30)), Packet(70, 0, 0, bytes(60)), Packet(9, 0, 0, b"")])
    assert assembler.finish() is None


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'utc', 'moscow-no-day' or 'auto'"):
        MsuMrAssembler("gps")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="time zone"):
        MsuMrAssembler("utc", datetime(2026, 2, 14))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(62, 71),
            st.integers(0, 16383),
            st.binary(max_size=60),
            st.booleans(),
            st.integers(0, 13),
        ),
        max_size=30,
    )
)
def test_anything_is_taken(rows: list[tuple[int, int, bytes, bool, int]]):
    """Whatever the packets hold, counts are 0 where they are not good and every line has a finite time."""
    packets = []
    for apid, count, data, dressed, block in rows:
        head = data[:8].ljust(8, b"\0") + bytes([14 * block, 0, 0, 0xFF, 0xF0, 50]) if dressed else b""
        packets.append(Packet(apid, count, 0, head + data))
    assembler = MsuMrAssembler()
    assembler.process(packets)
    image = assembler.finish()
    if image is not None:
        assert np.isfinite(image.line_time_s).all()
        for channel in image.channels:
            assert (image.counts[channel][image.quality[channel] != GOOD] == 0).all()
            assert image.counts[channel].shape == (image.report.strips * 8, 1568)
