"""Frames of every coded downlink out of soft bits, published vectors and recordings of other stations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoders.coding.ambiguity import negative
from decoders.decode import DecodeRequest, decode
from decoders.downlink import load_downlink
from decoders.errors import InputError
from decoders.framing.frame import Frame
from decoders.framing.frames import FrameDecoder
from decoders.report import DecodeReport
from sim.coding import ConvolutionalEncoder, NrzM
from tests.decoders.coded_stream import coded_bits, received, sent_cadus

SCIDS = {"metop_ahrpt": 11, "jpss_hrd": 159, "noaa21_hrd": 177, "gk2a_lrit": 195}
Decode = Callable[..., tuple[DecodeReport, bytes]]


@pytest.fixture
def run(tmp_path: Path) -> Decode:
    def decoded(path: Path, downlink: str, level: str) -> tuple[DecodeReport, bytes]:
        report = decode(DecodeRequest(input=path, downlink=downlink, out=tmp_path / "out", level=level))
        return report, next((tmp_path / "out").glob("frames.*")).read_bytes()

    return decoded


def frames_of(name: str, soft: np.ndarray, block: int = 70_001) -> list[Frame]:
    decoder = FrameDecoder(load_downlink(name).modes[0])
    frames = [f for k in range(0, soft.size, block) for f in decoder.process(soft[k : k + block])]
    return frames + decoder.flush()


def good(frames: list[Frame]) -> list[bytes]:
    return [frame.cadu for frame in frames if frame.good]


@pytest.mark.parametrize("name", SCIDS)
def test_every_frame_comes_out_first_and_last_included(name: str) -> None:
    cadus = sent_cadus(name, 12, scid=SCIDS[name], vcid=16, first_counter=(1 << 24) - 3)
    frames = frames_of(name, received(name, coded_bits(name, cadus), 4.5, np.random.default_rng(1)))
    assert good(frames) == cadus
    assert {frame.scid for frame in frames} == {SCIDS[name]}
    assert {frame.vcid for frame in frames} == {16}
    assert [frame.counter for frame in frames] == [(k - 3) % (1 << 24) for k in range(12)]
    assert np.median([frame.ebn0_db for frame in frames]) == pytest.approx(4.5, abs=0.25)
    assert all(frame.symbols_corrected > 0 and not frame.unprotected for frame in frames)


@pytest.mark.parametrize("name", SCIDS)
def test_blocks_equal_whole(name: str) -> None:
    cadus = sent_cadus(name, 8, scid=SCIDS[name])
    soft = received(name, coded_bits(name, cadus), 2.6, np.random.default_rng(2))
    soft[soft.size // 2 : soft.size // 2 + 9000] = 0
    whole = frames_of(name, soft, 10**9)
    for block in (1009, 16_384):
        assert frames_of(name, soft, block) == whole


@pytest.mark.parametrize("name", SCIDS)
def test_a_state_is_that_of_the_frame(name: str) -> None:
    """A receiver that turns in mid-stream: frames before and behind say how their own bits were turned."""
    cadus = sent_cadus(name, 20, scid=SCIDS[name])
    soft = received(name, coded_bits(name, cadus), 6.0, np.random.default_rng(3))
    half = soft.size // 2 & ~3
    if name == "gk2a_lrit":  # one rail: only its sign is open
        soft[half:] = negative(soft[half:])
    else:
        pairs = soft[half:].reshape(-1, 2)
        soft[half:] = np.stack([negative(pairs[:, 1]), pairs[:, 0]], axis=1).reshape(-1)  # by 90 degrees
    frames = frames_of(name, soft)
    assert len(good(frames)) >= 19
    assert set(good(frames)) <= set(cadus)
    states = [frame.state for frame in frames if frame.good]
    assert len(set(states[:9])) == len(set(states[-9:])) == 1
    assert states[0] != states[-1] or load_downlink(name).modes[0].differential == "nrz-m"


@pytest.mark.parametrize(
    ("downlink", "number", "nrz_m"),
    [
        ("meteor_m2_lrpt_72k", 0, False),
        ("meteor_lrpt_72k", 0, True),
        ("gk2a_lrit", 1, False),
        ("jpss_hrd", 1, True),
    ],
)
@pytest.mark.parametrize("inverted", [False, True])
def test_published_cadus_out_of_hard_bits(
    run: Decode, shared_vectors: Path, tmp_path: Path, downlink: str, number: int, nrz_m: bool, inverted: bool
) -> None:
    """vectors/cadu.json; its sums prove that the symbols are those that it was computed with."""
    vector = json.loads((shared_vectors / "cadu.json").read_text())["vectors"][number]
    sent = np.unpackbits(np.frombuffer(bytes.fromhex(vector["cadu_1024_hex"]), np.uint8))
    coded = ConvolutionalEncoder().process(NrzM().process(sent) if nrz_m else sent)
    coded[1::2] ^= inverted
    key = f"conv_sha256_{'nrzm_' * nrz_m}g2{'inv' if inverted else 'plain'}"
    assert hashlib.sha256(np.packbits(coded).tobytes()).hexdigest() == vector[key]
    noise = np.random.default_rng(1).integers(0, 2, (2, 6000)).astype(np.uint8)
    path = tmp_path / "given.hard"
    path.write_bytes(np.packbits(np.concatenate([noise[0], coded, noise[1]])).tobytes())
    report, frames = run(path, downlink, "hard")
    assert frames[4:] == bytes.fromhex(vector["codeblock_before_randomizing_1020_hex"])
    (channel,) = report.table["channels"]
    assert [channel[key] for key in ("scid", "vcid", "first")] == [
        vector[key] for key in ("scid", "vcid", "counter")
    ]


def test_suomi_npp_cadus_still_randomised(run: Decode, shared_data: Path) -> None:
    """72 frames; another decoder found them all clean, one missing before the last (in the .txt beside)."""
    report, frames = run(shared_data / "snpp/snpp_synchronized_cadus.dat", "jpss_hrd", "cadu")
    assert (report.frames.good, report.frames.corrected, report.frames.lost) == (65, 0, 1)
    (channel,) = report.table["channels"]
    assert (channel["scid"], channel["vcid"]) == (157, 16)
    assert "the frames of the input were still randomised" in report.messages
    assert len(frames) == 65 * 1024
    report, _ = run(shared_data / "snpp/snpp_7cadus_2vcids.dat", "jpss_hrd", "cadu")
    assert (report.frames.good, report.frames.lost) == (7, 0)
    assert [(one["vcid"], one["frames"]) for one in report.table["channels"]] == [(6, 4), (16, 3)]


def test_suomi_npp_cadus_once_decoded_are_read_again(run: Decode, shared_data: Path, tmp_path: Path) -> None:
    _, frames = run(shared_data / "snpp/snpp_synchronized_cadus.dat", "jpss_hrd", "cadu")
    again = tmp_path / "again.cadu"
    again.write_bytes(frames)
    report, same = run(again, "jpss_hrd", "cadu")
    assert same == frames
    assert not any("randomised" in message for message in report.messages)


def test_frames_of_another_spacecraft_are_told(run: Decode, shared_data: Path) -> None:
    report, _ = run(shared_data / "snpp/snpp_synchronized_cadus.dat", "metop_ahrpt", "cadu")
    assert any("spacecraft 157 (Suomi-NPP); metop_ahrpt is sent by 11" in text for text in report.messages)
    report, _ = run(shared_data / "snpp/snpp_synchronized_cadus.dat", "jpss_hrd", "cadu")
    assert not any("spacecraft" in text for text in report.messages)


def test_coded_frames_are_no_frames_of_meteor_hrpt(run: Decode, shared_data: Path) -> None:
    """Marker and length are the same; whether still randomised or not, their parity tells."""
    for name in ("snpp/snpp_synchronized_cadus.dat", "lrpt/meteor-m2_2019-03-24_expected.cadu"):
        with pytest.raises(InputError, match="with Reed-Solomon parity"):
            run(shared_data / name, "meteor_hrpt", "cadu")


def test_gk2a_vcdus(run: Decode, shared_data: Path) -> None:
    """Four repeats of a capture: the counter goes back three times, and nothing is missing in between."""
    path = shared_data / "gk2a-lrit/GK-2A_LRIT_VCDU.bin"
    report, frames = run(path, "gk2a_lrit", "vcdu")
    assert report.frames.good == 4422
    assert frames == path.read_bytes()
    (channel,) = report.table["channels"]
    assert (channel["scid"], channel["vcid"], channel["lost"], channel["restarts"]) == (195, 0, 0, 3)
    assert report.table["packets"] is None
    assert report.table["image"] is None


@pytest.mark.parametrize("name", SCIDS)
@pytest.mark.parametrize("randomised", [False, True])
def test_frames_of_every_downlink_from_a_file(
    run: Decode, tmp_path: Path, name: str, randomised: bool
) -> None:
    """Five codewords: the randomiser's sequence is none itself, so both ways must be tried."""
    cadus = sent_cadus(name, 6, scid=SCIDS[name])
    stream = np.frombuffer(b"".join(cadus), np.uint8).reshape(6, -1).copy()
    if randomised:
        bits = [1] * 8
        while len(bits) < 255 * 8:
            bits.append(bits[-8] ^ bits[-5] ^ bits[-3] ^ bits[-1])
        stream[:, 4:] ^= np.resize(np.packbits(np.array(bits, np.uint8)), stream.shape[1] - 4)
    path = tmp_path / "given.cadu"
    path.write_bytes(b"\0" * 99 + stream.tobytes() + b"cut")
    report, frames = run(path, name, "cadu")
    assert frames == b"".join(cadus)
    assert ("randomised" in report.table["columns"]["state"][0]) == randomised


def test_vcdus_of_five_codewords(run: Decode, tmp_path: Path) -> None:
    cadus = sent_cadus("noaa21_hrd", 5, scid=177)
    vcdus = b"".join(cadu[4 : 4 + 6] + bytes(11) + cadu[4 + 17 : 4 + 1115] for cadu in cadus)
    path = tmp_path / "given.vcdu"
    path.write_bytes(vcdus)
    report, frames = run(path, "noaa21_hrd", "vcdu")
    assert report.frames.good == 5
    assert frames == vcdus
    path.write_bytes(b"".join(cadu[4 : 4 + 17] + bytes(1258) for cadu in cadus))
    with pytest.raises(InputError, match="level"):
        run(path, "noaa21_hrd", "vcdu")


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(SCIDS)),
    start=st.floats(0, 1),
    lost=st.integers(0, 9000),
    kind=st.sampled_from(["cut out", "erased", "noise"]),
)
def test_a_gap_at_any_place_costs_what_it_touches(name: str, start: float, lost: int, kind: str) -> None:
    cadus = sent_cadus(name, 6, scid=SCIDS[name])
    rng = np.random.default_rng(4)
    soft = received(name, coded_bits(name, cadus), 7.0, rng)
    begin = int(start * (soft.size - lost))
    if kind == "cut out":
        soft = np.delete(soft, np.arange(begin, begin + lost))
    else:
        soft[begin : begin + lost] = 0 if kind == "erased" else rng.integers(-60, 61, lost)
    got = good(frames_of(name, soft))
    assert set(got) <= set(cadus)
    assert got == [cadu for cadu in cadus if cadu in set(got)]
    # The decoder needs some hundred symbols on either side; a slip may also cost the block where it lies.
    frame = coded_bits(name, cadus).size / len(cadus)
    untouched = [
        cadu
        for k, cadu in enumerate(cadus)
        if (k + 1) * frame < begin - 4096 or k * frame > begin + lost + 4096
    ]
    assert set(untouched) <= set(got)
