"""The transmitter's coding against vectors that were computed elsewhere, two ways each."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim import coding, framing


def _load(shared_vectors: Path, name: str) -> dict:
    return json.loads((shared_vectors / name).read_text())


def _bits(text: str) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))


def _sha256(bits: NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.packbits(bits).tobytes()).hexdigest()


def _prbs15(count: int) -> NDArray[np.uint8]:
    state, out = 0x7FFF, np.empty(count, np.uint8)
    for index in range(count):
        new = ((state >> 14) ^ (state >> 13)) & 1
        state = ((state << 1) | new) & 0x7FFF
        out[index] = new
    return out


def _in_pieces(stage, bits: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    cuts = np.sort(rng.integers(0, bits.size, 20))
    return np.concatenate([stage.process(part) for part in np.split(bits, cuts)])


def test_parity_equals_published_vectors(shared_vectors: Path) -> None:
    vectors = _load(shared_vectors, "rs.json")["rs_255_223"]["vectors"]
    messages = np.array([list(bytes.fromhex(v["message_hex"])) for v in vectors], np.uint8)
    parity = coding.reed_solomon_parity(messages)
    assert [row.tobytes().hex() for row in parity] == [v["parity_conventional_hex"] for v in vectors]


def test_dual_basis_equals_published_tables(shared_vectors: Path) -> None:
    data = _load(shared_vectors, "rs.json")
    to_dual, to_conventional = coding.dual_tables()
    assert to_dual.tobytes().hex() == data["dual_basis"]["to_dual_hex"]
    assert to_conventional.tobytes().hex() == data["dual_basis"]["to_conventional_hex"]
    for vector in data["rs_255_223"]["vectors"]:
        (block,) = coding.add_parity([bytes.fromhex(vector["message_hex"])], interleave=1, dual=True)
        assert block[223:].hex() == vector["parity_dual_hex"]


def test_interleave_of_five_is_five_codewords() -> None:
    frame = np.random.default_rng(9).integers(0, 256, 1115, dtype=np.uint8).tobytes()
    (block,) = coding.add_parity([frame], 5, dual=True)
    assert block[:1115] == frame
    for word in range(5):
        assert coding.add_parity([frame[word::5]], 1, dual=True) == [block[word::5]]


@pytest.mark.parametrize("rate", ["2/3", "3/4", "5/6", "7/8"])
def test_punctured_code_equals_published_vectors(shared_vectors: Path, rate: str) -> None:
    data = _load(shared_vectors, "convolutional.json")["punctured"]
    vector = next(v for v in data if v["rate"] == rate)
    bits = _bits(vector["input_hex"])[: vector["input_bits_used"]]
    sent = coding.Puncturer(rate).process(coding.ConvolutionalEncoder().process(bits))
    whole = vector["output_bits"] - vector["output_bits"] % 2  # a last single bit waits for its pair
    assert sent.size == whole
    assert np.array_equal(sent, _bits(vector["output_hex"])[:whole])


def test_metop_keeps_each_generator_on_its_rail() -> None:
    """I carries C1 by 101, Q carries C2 by 110."""
    coded = coding.ConvolutionalEncoder().process(
        np.random.default_rng(4).integers(0, 2, 300, dtype=np.uint8)
    )
    sent = coding.Puncturer("3/4", "metop").process(coded)
    assert np.array_equal(sent[0::2], coded[0::2].reshape(-1, 3)[:, [0, 2]].reshape(-1))
    assert np.array_equal(sent[1::2], coded[1::2].reshape(-1, 3)[:, [0, 1]].reshape(-1))


def test_randomiser_equals_published_sequence(shared_vectors: Path) -> None:
    vector = _load(shared_vectors, "randomizer.json")
    assert coding.randomiser_sequence(255).hex() == vector["first_255_bytes_hex"]
    assert hashlib.sha256(coding.randomiser_sequence(1020)).hexdigest() == vector["sha256_first_1020_bytes"]


@pytest.mark.parametrize("number", [0, 1])
def test_whole_cadu_equals_published_vector(shared_vectors: Path, number: int) -> None:
    vector = _load(shared_vectors, "cadu.json")["vectors"][number]
    vcdu = bytes.fromhex(vector["vcdu_892_hex"])
    assert framing.vcdu_header(vector["scid"], vector["vcid"], vector["counter"]) == vcdu[:6]
    (block,) = coding.add_parity([vcdu], dual=vector["dual_basis"])
    assert block.hex() == vector["codeblock_before_randomizing_1020_hex"]
    cadu = np.frombuffer(framing.MARKER + block, np.uint8)
    sent = coding.randomise(cadu)
    assert sent.tobytes().hex() == vector["cadu_1024_hex"]
    bits = np.unpackbits(sent)
    assert _sha256(coding.ConvolutionalEncoder().process(bits)) == vector["conv_sha256_g2plain"]
    levels = coding.NrzM().process(bits)
    assert _sha256(coding.ConvolutionalEncoder().process(levels)) == vector["conv_sha256_nrzm_g2plain"]


def test_convolutional_code_equals_published_vectors(shared_vectors: Path) -> None:
    data = _load(shared_vectors, "convolutional.json")
    for vector in data["vectors"]:
        coded = coding.ConvolutionalEncoder().process(_bits(vector["input_hex"]))
        assert np.packbits(coded).tobytes().hex() == vector["output_g2_plain_hex"], vector["name"]
    levels = coding.NrzM().process(_bits("1acffc1d"))
    assert np.packbits(levels).tobytes().hex() == data["nrzm"]["asm_nrzm_hex"]


def test_interleaver_equals_published_vectors(shared_vectors: Path) -> None:
    data = _load(shared_vectors, "lrpt_interleaver.json")
    small = data["small_case"]
    assert np.packbits(_prbs15(1440)).tobytes().hex() == small["input_hex"]
    woven = coding.Interleaver(small["delay"]).process(_bits(small["input_hex"]))
    assert np.packbits(woven).tobytes().hex() == small["interleaved_hex"]
    full = data["full_case"]
    woven = coding.Interleaver().process(_prbs15(full["input_bits"]))
    assert _sha256(woven) == full["interleaved_sha256_packed"]
    marked = coding.SyncInserter().process(woven)
    assert marked.size == full["with_markers_bits"]
    assert _sha256(marked) == full["with_markers_sha256_packed"]


@pytest.mark.parametrize(
    "make",
    [
        coding.NrzM,
        coding.ConvolutionalEncoder,
        lambda: coding.Interleaver(3),
        coding.SyncInserter,
        lambda: coding.Puncturer("2/3"),
        lambda: coding.Puncturer("3/4", "metop"),
    ],
)
def test_blocks_equal_whole(make) -> None:
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2, 36 * 80 * 7, dtype=np.uint8)
    assert np.array_equal(_in_pieces(make(), bits, rng), make().process(bits))


def test_memory_carries_across_a_cut() -> None:
    """A stage that forgot its state would still pass a test with a single block."""
    bits = np.ones(16, np.uint8)
    encoder = coding.ConvolutionalEncoder()
    encoder.process(bits)
    assert not np.array_equal(encoder.process(bits), coding.ConvolutionalEncoder().process(bits))


def _mpdu_packets(vector: dict) -> list[bytes]:
    packets = []
    for index, entry in enumerate(vector["packets"]):
        idle = entry["apid"] == 2047
        first, count = (0, 0) if idle else (17 * index, index)
        body = bytes((first + j) & 255 for j in range(entry["total_len"] - 6))
        header = entry["apid"].to_bytes(2, "big") + (0xC000 | count).to_bytes(2, "big")
        packets.append(header + (len(body) - 1).to_bytes(2, "big") + body)
    return packets


def test_packet_zones_equal_published_vector(shared_vectors: Path) -> None:
    vector = next(v for v in _load(shared_vectors, "ccsds_misc.json")["mpdu"] if v["zone"] == 882)
    packets = _mpdu_packets(vector)
    assert [hashlib.sha256(p).hexdigest() for p in packets] == [p["sha256"] for p in vector["packets"]]
    zones = framing.PacketZones()
    for packet in packets:
        zones.push(packet)
    for frame in vector["frames"]:
        popped = zones.pop()
        assert popped is not None
        assert popped[0] == frame["first_header_pointer"]
        assert hashlib.sha256(popped[1]).hexdigest() == frame["zone_sha256"]


@example([882, 100, 782, 500])  # packets that end with a zone
@given(st.lists(st.integers(7, 2500), min_size=1, max_size=60))
def test_first_header_pointers_lead_to_packets(lengths: list[int]) -> None:
    zones = framing.PacketZones()
    packets = [bytes([index % 251 + 1]) * length for index, length in enumerate(lengths)]
    for packet in packets:
        zones.push(packet)
    stream, starts = b"".join(packets), set(np.cumsum([0, *lengths]).tolist())
    sent = 0
    while (popped := zones.pop()) is not None:
        pointer, zone = popped
        assert zone == stream[sent : sent + 882]
        inside = sorted(start - sent for start in starts if sent <= start < min(sent + 882, len(stream)))
        assert pointer == (inside[0] if inside else framing.NO_HEADER)
        sent += 882
    assert zones.waiting_bytes == len(stream) - sent < 882


def test_idle_frames_fill_empty_slots() -> None:
    maker = framing.FrameMaker(data_counter=(1 << 24) - 1, idle_counter=7)
    maker.push(bytes(range(200)) * 9)  # 1800 bytes: two zones and a rest that waits
    frames = framing.close_frames([maker.slot() for _ in range(4)])
    assert [(f.vcid, f.counter) for f in frames] == [(5, (1 << 24) - 1), (5, 0), (63, 7), (63, 8)]
    assert all(len(f.cadu) == 1024 and f.cadu[:4] == framing.MARKER for f in frames)
    assert maker.waiting_bytes == 1800 - 2 * 882
