"""Real recordings in, the frames out that independent decoders got from them."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decoders.decode import DecodeRequest, decode
from decoders.demodulation.detect import ModeGuess, choose_mode
from decoders.report import DecodeReport
from sdr.recording import RecordingWriter
from tests.decoders.lrpt_modulator import Setting
from tests.decoders.lrpt_modulator import received as modulator_received
from tests.decoders.lrpt_stream import coded_bits, sent_cadus

Decode = Callable[..., tuple[DecodeReport, list[bytes]]]


@pytest.fixture
def run(shared_data: Path, tmp_path: Path) -> Decode:
    def decoded(name: str, downlink: str, **options: object) -> tuple[DecodeReport, list[bytes]]:
        path = Path(name) if Path(name).is_absolute() else shared_data / "lrpt" / name
        request = DecodeRequest(input=path, downlink=downlink, out=tmp_path / "out", **options)  # type: ignore[arg-type]
        report = decode(request)
        size = 892 if options.get("level") == "vcdu" else 1024
        raw = next((tmp_path / "out").glob("frames.*")).read_bytes()
        return report, [raw[k : k + size] for k in range(0, len(raw), size)]

    return decoded


def counters(cadus: list[bytes]) -> list[int]:
    return [int.from_bytes(cadu[6:9], "big") for cadu in cadus]


def packet_number(cadu: bytes) -> int:
    """Sequence count of the first source packet that begins in the frame."""
    first = 14 + (int.from_bytes(cadu[12:14], "big") & 0x7FF)
    return int.from_bytes(cadu[first + 2 : first + 4], "big") & 0x3FFF


def expected_vcdu(path: Path) -> tuple[int, bytes]:
    table = json.loads(path.read_text())
    return table["counter"], bytes(value & 0xFF for value in table["payload"])


@pytest.mark.parametrize("downlink", ["meteor_m2_lrpt_72k", "meteor_lrpt"])
def test_meteor_m2_samples_14_of_14(run: Decode, shared_data: Path, downlink: str) -> None:
    report, cadus = run("meteor-m2_2019-03-24_cu8_300k.raw.gz", downlink, format="cu8", sample_rate=300e3)
    assert b"".join(cadus) == (shared_data / "lrpt/meteor-m2_2019-03-24_expected.cadu").read_bytes()
    assert report.mode == "m2_72k"
    assert report.exit_status == 0
    assert counters(cadus) == list(range(2570862, 2570876))


@pytest.mark.parametrize("downlink", ["meteor_m2_lrpt_72k", "meteor_lrpt"])
def test_meteor_m2_soft_bits_1_of_1(run: Decode, shared_data: Path, downlink: str) -> None:
    _, cadus = run("meteor-m2_72k_soft.s", downlink, level="soft")
    counter, payload = expected_vcdu(shared_data / "lrpt/meteor-m2_72k_soft_expected.json")
    assert counters(cadus) == [counter] == [4649488]
    assert cadus[0][4 + 10 : 4 + 892] == payload


@pytest.mark.parametrize("downlink", ["meteor_lrpt_72k", "meteor_lrpt"])
def test_meteor_m2_2_hard_bits_8_of_8(run: Decode, shared_data: Path, downlink: str) -> None:
    _, cadus = run("meteor-m2-2_72k_packed.hard", downlink, level="hard")
    counter, payload = expected_vcdu(shared_data / "lrpt/meteor-m2-2_72k_expected_first_vcdu.json")
    assert counters(cadus) == list(range(745973, 745981))
    assert counter == 745973
    assert cadus[0][4 + 10 : 4 + 892] == payload


@pytest.mark.parametrize("downlink", ["meteor_lrpt_80k", "meteor_lrpt"])
def test_meteor_m2_2_interleaved_soft_bits(run: Decode, shared_data: Path, downlink: str) -> None:
    """Shorter than the interleaver's span: 26 frames are clean without correction, 84 were located."""
    report, cadus = run("meteor-m2-2_80k_interleaved_soft.s", downlink, level="soft")
    counter, payload = expected_vcdu(shared_data / "lrpt/meteor-m2-2_80k_expected_first_vcdu.json")
    got = counters(cadus)
    # A hole at the start, where most bits have not come yet. What was found around it belongs to what
    # follows: the source packets of frame 1706859 begin with number 16307, those of 1706861 with 16310.
    assert got == [1706859, *range(1706861, 1706955)]
    assert [packet_number(cadu) for cadu in cadus[:3]] == [16307, 16310, 16312]
    assert report.mode == "80k"
    assert cadus[got.index(counter)][4 + 10 : 4 + 892] == payload
    assert counter == 1706882


@pytest.mark.parametrize("cut", [1, 999_999])
def test_interleaved_soft_bits_cut_anywhere_agree(
    run: Decode, shared_data: Path, tmp_path: Path, cut: int
) -> None:
    raw = (shared_data / "lrpt/meteor-m2-2_80k_interleaved_soft.s").read_bytes()
    piece = tmp_path / "piece.s"
    piece.write_bytes(raw[cut : cut + 2_300_000])
    _, cadus = run(str(piece), "meteor_lrpt_80k", level="soft")
    _, whole = run("meteor-m2-2_80k_interleaved_soft.s", "meteor_lrpt_80k", level="soft")
    assert set(cadus) <= set(whole)
    assert len(cadus) >= (20 if cut < 2 else 0)


def test_meteor_m2_3_frames(run: Decode) -> None:
    report, cadus = run("meteor-m2-3_2026-02-14/meteor_m2-x_lrpt.cadu", "meteor_lrpt", level="cadu")
    clean = [count for count in report.table["columns"]["bytes_corrected"] if not any(count)]
    assert report.frames.located == 1213
    assert len(clean) == 1141
    assert report.frames.good + report.frames.failed == 1213
    assert counters(cadus) == sorted(set(counters(cadus)))  # the corrected ones fit between their neighbours
    assert set(report.table["image"]["channels"]) == {"1", "2", "4"}


@pytest.mark.parametrize("what", ["randomised", "odd byte", "odd bit", "inverted"])
def test_meteor_m2_3_frames_in_another_guise(
    run: Decode, shared_data: Path, tmp_path: Path, what: str
) -> None:
    raw = (shared_data / "lrpt/meteor-m2-3_2026-02-14/meteor_m2-x_lrpt.cadu").read_bytes()[
        300 * 1024 : 360 * 1024
    ]
    frames = np.frombuffer(raw, np.uint8).reshape(-1, 1024).copy()
    wanted = frames.copy()
    if what == "randomised":
        bits = [1] * 8
        while len(bits) < 8160:
            bits.append(bits[-8] ^ bits[-5] ^ bits[-3] ^ bits[-1])
        frames[:, 4:] ^= np.packbits(np.array(bits, np.uint8))
    stream = np.unpackbits(frames.reshape(-1))
    if what == "odd byte":
        stream = np.concatenate([np.zeros(8 * 77, np.uint8), stream])
    elif what == "odd bit":
        stream = np.concatenate([np.ones(8 * 77 + 3, np.uint8), stream, np.zeros(5, np.uint8)])
    elif what == "inverted":
        stream = stream ^ 1
    path = tmp_path / "frames.bin"
    path.write_bytes(np.packbits(stream).tobytes())
    report, cadus = run(str(path), "meteor_lrpt_72k", level="cadu")
    clean = [count == [0, 0, 0, 0] for count in report.table["columns"]["bytes_corrected"]]
    assert len(cadus) == 60
    assert sum(clean) > 50
    assert all(a == b.tobytes() for a, b, is_clean in zip(cadus, wanted, clean, strict=True) if is_clean)


def test_georef_frames_of_three_files(run: Decode) -> None:
    for name, count in (("30", 82), ("40", 86), ("50", 88)):
        report, vcdus = run(
            f"georef-meteor-m2_2022-12-20/2022_12_20_20_25_{name}.vcdu", "meteor_m2_lrpt_72k", level="vcdu"
        )
        assert report.frames.good == len(vcdus) == count
        assert report.table["image"] is not None


def test_the_same_frames_shifted_mirrored_and_cut(run: Decode, shared_data: Path, tmp_path: Path) -> None:
    raw = gzip.decompress((shared_data / "lrpt/meteor-m2_2019-03-24_cu8_300k.raw.gz").read_bytes())
    samples = (np.frombuffer(raw, np.uint8).astype(np.float32) - 127.5).view(np.complex64) / 127.5
    shift = np.exp(2j * np.pi * 2000 / 300e3 * np.arange(samples.size))
    wanted = (shared_data / "lrpt/meteor-m2_2019-03-24_expected.cadu").read_bytes()
    for name, changed in {
        "shifted": samples * shift,
        "mirrored": samples.imag + 1j * samples.real,
        "odd": samples[1:],
    }.items():
        path = tmp_path / f"{name}.cf32"
        changed.astype(np.complex64).tofile(path)
        _, cadus = run(str(path), "meteor_lrpt", sample_rate=300e3)
        assert b"".join(cadus) == wanted, name


def test_expected_files_are_what_the_issue_says(shared_data: Path) -> None:
    raw = (shared_data / "lrpt/meteor-m2_2019-03-24_expected.cadu").read_bytes()
    assert len(raw) == 14 * 1024


def test_following_a_growing_recording_gives_the_same_bytes(shared_data: Path, tmp_path: Path) -> None:
    raw = gzip.decompress((shared_data / "lrpt/meteor-m2_2019-03-24_cu8_300k.raw.gz").read_bytes())
    writer = RecordingWriter(
        tmp_path / "live",
        format="cu8",
        sample_rate=300e3,
        center_frequency_hz=137.1e6,
        start=datetime(2019, 3, 24, 7, 12, 29, tzinfo=UTC),
        commit_interval_s=0.01,
    )

    def write() -> None:
        with writer:
            for k in range(0, len(raw), 40_000):
                writer.write_raw(raw[k : k + 40_000])
                time.sleep(0.01)

    thread = threading.Thread(target=write)
    thread.start()
    results = {}
    for name, follow in (("live", True), ("replay", False)):
        if not follow:
            thread.join()
        request = DecodeRequest(
            input=tmp_path / "live.sigmf-meta", downlink="meteor_lrpt", out=tmp_path / name, follow=follow
        )
        report = decode(request)
        results[name] = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        run = json.loads(results[name].pop("run.json"))  # how it went is no result
        assert run["mean_frame_delay_s"] > 0
        assert report.frames.good == 14
    assert json.loads(results["live"].pop("live.json"))["state"] == "over"
    assert results["live"] == results["replay"]


def test_the_wrong_downlink_is_told_what_is_there_instead(run: Decode) -> None:
    report, cadus = run(
        "meteor-m2_2019-03-24_cu8_300k.raw.gz", "meteor_lrpt_72k", format="cu8", sample_rate=300e3
    )
    assert cadus == []
    assert report.exit_status == 1
    assert any("QPSK at 72.0 kBd" in message for message in report.messages), report.messages


def test_a_mode_chosen_wrongly_is_left_again(
    run: Decode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look takes noise for another mode; the frames come all the same, none of them lost."""
    cadus = sent_cadus(44)
    bits = coded_bits("72k", cadus)
    bits[1::2] ^= 1
    samples = modulator_received(bits.astype(int), 8.0, Setting(modulation="oqpsk"), np.random.default_rng(1))
    path = tmp_path / "given.cf32"
    samples.tofile(path)
    looks = []

    def first_look_is_wrong(*given: Any) -> ModeGuess | None:
        looks.append(given)
        guess = choose_mode(*given)
        return ModeGuess(given[2][2], guess.signal) if len(looks) == 1 and guess else guess

    monkeypatch.setattr("decoders.iq_source.choose_mode", first_look_is_wrong)
    report, got = run(str(path), "meteor_lrpt", sample_rate=250e3)
    assert report.mode == "72k"
    assert got == cadus or got == cadus[1:]  # the pulse of the very first symbol is cut off
    assert any("after no frame came in the mode m2_72k" in message for message in report.messages)
