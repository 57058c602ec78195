from __future__ import annotations

import errno
import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import decoders.decode as decode_module
from decoders.decode import DecodeRequest, decode
from decoders.errors import DecoderError, DownlinkError, InputError, OutputError
from decoders.frame_table import COLUMNS, FrameTable
from decoders.framing.frame import Frame
from decoders.results import Results
from sdr.recording import RecordingWriter
from sim.packet_source import FillSource
from sim.simulate import PassSimulation, simulate
from tests.decoders.lrpt_stream import coded_bits, received, sent_cadus

START = datetime(2026, 1, 1, tzinfo=UTC)
LEVELS = ("soft", "hard", "cadu", "vcdu")


@pytest.fixture(scope="module")
def cadus() -> list[bytes]:
    return sent_cadus(5)


@pytest.fixture
def soft_file(tmp_path: Path, cadus: list[bytes]) -> Path:
    path = tmp_path / "given.s"
    received(coded_bits("72k", cadus), 5.0, np.random.default_rng(1)).tofile(path)
    return path


def request(path: Path, **options: object) -> DecodeRequest:
    given_options = {"downlink": "meteor_lrpt", "level": "soft"} | options
    return DecodeRequest(input=path, out=path.parent / "out", **given_options)  # type: ignore[arg-type]


def test_files_and_report(soft_file: Path, cadus: list[bytes]) -> None:
    seen: list[float] = []
    report = decode(request(soft_file), progress=seen.append)
    out = soft_file.parent / "out"
    table = json.loads((out / "report.json").read_text())
    assert (out / "frames.cadu").read_bytes() == b"".join(cadus)
    assert report.exit_status == table["exit_status"] == 0
    assert table["frames"] == {"located": 5, "good": 5, "corrected": 0, "failed": 0, "lost": 0, "idle": 0}
    assert {len(column) for column in table["columns"].values()} == {5}
    assert tuple(table["columns"]) == tuple(COLUMNS)
    assert table["mode"] == "72k"
    assert table["columns"]["counter"] == list(range(1000, 1005))
    assert table["input"]["sha256"] == __import__("hashlib").sha256(soft_file.read_bytes()).hexdigest()
    assert table["files"]["frames.cadu"]["bytes"] == 5 * 1024
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert not list(out.glob("*.part"))


def test_the_same_input_gives_the_same_bytes(soft_file: Path) -> None:
    decode(request(soft_file))
    out = soft_file.parent / "out"
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    decode(request(soft_file))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_spelling_of_the_path_is_in_none_of_the_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with RecordingWriter(
        Path("pass"),
        format="cs16",
        sample_rate=250e3,
        center_frequency_hz=137.9e6,
        start=START,
        durable=False,
    ) as writer:
        writer.write(np.zeros(100_000, np.complex64))
    spelled = ("pass", "pass.sigmf-meta", "./pass.sigmf-data", str(tmp_path / "pass.sigmf-index"))
    for number, path in enumerate(spelled):
        decode(DecodeRequest(Path(path), "meteor_lrpt", tmp_path / str(number)))
    reports = {(tmp_path / str(number) / "report.json").read_bytes() for number in range(len(spelled))}
    assert len(reports) == 1
    assert json.loads(reports.pop())["input"]["name"] == "pass"


def test_a_gzipped_input_gives_the_same_frames(soft_file: Path, cadus: list[bytes]) -> None:
    packed = soft_file.with_name("given.bin")
    packed.write_bytes(gzip.compress(soft_file.read_bytes()))
    decode(request(packed))
    assert (soft_file.parent / "out/frames.cadu").read_bytes() == b"".join(cadus)


def test_lost_and_failed_frames_are_counted_and_not_passed_on(tmp_path: Path, cadus: list[bytes]) -> None:
    """Of five frames one is left out and one is hurt beyond repair."""
    hurt = bytearray(cadus[3])
    hurt[200:400] = bytes(np.random.default_rng(2).integers(0, 256, 200).astype(np.uint8))
    path = tmp_path / "given.cadu"
    path.write_bytes(cadus[0] + cadus[2] + bytes(hurt) + cadus[4])
    report = decode(request(path, level="cadu"))
    assert (tmp_path / "out/frames.cadu").read_bytes() == cadus[0] + cadus[2] + cadus[4]
    assert (report.frames.good, report.frames.failed, report.frames.lost) == (3, 1, 2)
    assert report.table["columns"]["good"] == [True, True, False, True]
    assert report.table["columns"]["counter"][2] is None


def test_taps_hold_what_passed_the_joints(soft_file: Path, cadus: list[bytes]) -> None:
    decode(request(soft_file, downlink="meteor_lrpt_72k", taps=("soft", "bits", "located", "packets")))
    out = soft_file.parent / "out"
    assert (out / "tap.soft.s").read_bytes() == soft_file.read_bytes()
    assert (out / "tap.located.cadu").read_bytes() == b"".join(cadus)
    bits = np.unpackbits(np.fromfile(out / "tap.bits.bits", np.uint8))
    marker = np.unpackbits(np.frombuffer(b"\x1a\xcf\xfc\x1d", np.uint8))
    assert sum(np.array_equal(bits[k * 8192 : k * 8192 + 32], marker) for k in range(5)) == 5
    assert (out / "tap.packets.ccsds").read_bytes().count(b"\x08\x40\0\0\0\xc7") > 15


def test_an_unknown_tap_names_the_nearest(soft_file: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'soft'"):
        decode(request(soft_file, taps=("sofd",)))


def test_options_that_do_not_fit_the_level(soft_file: Path) -> None:
    for options, message in (
        ({"level": "software"}, "did you mean 'soft'"),
        ({"format": "cu8"}, "--format and --rate describe samples"),
        ({"sample_rate": 1e6}, "--format and --rate describe samples"),
        ({"follow": True}, "only recordings of samples can be followed"),
        ({"start": datetime(2020, 1, 1)}, "no time zone"),
    ):
        with pytest.raises(InputError, match=message):
            decode(request(soft_file, **options))
    with pytest.raises(DownlinkError, match="unknown downlink"):
        decode(request(soft_file, downlink="meteor"))


@pytest.mark.parametrize("level", ["iq", *LEVELS])
def test_missing_empty_and_folder_inputs_are_refused_in_one_sentence(tmp_path: Path, level: str) -> None:
    options = {"format": "cu8", "sample_rate": 250e3} if level == "iq" else {}
    empty = tmp_path / "empty"
    empty.touch()
    for path in (empty, tmp_path / "missing", tmp_path):
        with pytest.raises(InputError) as caught:
            decode(
                DecodeRequest(
                    input=path, downlink="meteor_lrpt", out=tmp_path / "out", level=level, **options
                )
            )  # type: ignore[arg-type]
        assert caught.value.exit_status == 2
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("level", ["iq", *LEVELS])
@pytest.mark.parametrize("kind", ["noise", "zero", "text", "short"])
def test_inputs_without_a_signal_end_with_a_reason(tmp_path: Path, level: str, kind: str) -> None:
    rng = np.random.default_rng(3)
    raw = {
        "noise": rng.bytes(150_000),
        "zero": bytes(150_000),
        "text": b"<html>this is not a recording</html>\n" * 4000,
        "short": rng.bytes(5),
    }[kind]
    path = tmp_path / "given.bin"
    path.write_bytes(raw)
    options = {"format": "cu8", "sample_rate": 250e3} if level == "iq" else {}
    try:
        report = decode(request(path, level=level, **options))
    except InputError:
        return
    assert report.exit_status == 1
    assert report.frames.good == 0
    assert (tmp_path / "out/frames.cadu").read_bytes() == b"" if level != "vcdu" else True
    assert "no signal of this downlink was found" in report.messages[0]
    assert json.loads((tmp_path / "out/report.json").read_text())["exit_status"] == 1


@pytest.mark.parametrize("value", [np.nan + 1j * np.inf, 1e15])
def test_samples_that_are_not_numbers(tmp_path: Path, value: complex) -> None:
    path = tmp_path / "given.cf32"
    np.full(300_000, value, np.complex64).tofile(path)
    report = decode(request(path, downlink="meteor_lrpt_72k", level="iq", sample_rate=250e3))
    assert report.exit_status == 1
    assert any("300000 samples were not finite or beyond" in message for message in report.messages)
    assert report.table["input"]["demodulator"]["samples_not_finite"] == 300_000


@pytest.mark.parametrize("name", ["frames.cadu", "frames.cadu.part", "report.json", "tap.located.cadu"])
def test_the_input_is_never_overwritten(tmp_path: Path, cadus: list[bytes], name: str) -> None:
    path = tmp_path / "out" / name
    path.parent.mkdir()
    given = bytes(1000) + b"".join(cadus) + b"rest"
    path.write_bytes(given)
    with pytest.raises(InputError, match="give another folder --out"):
        decode(replace(request(path, level="cadu", taps=("located",)), out=path.parent))
    assert path.read_bytes() == given
    path.rename(path.with_name("given.cadu"))
    beside = request(path.with_name("given.cadu"), level="cadu")
    assert decode(replace(beside, out=path.parent)).exit_status == 0
    assert path.with_name("given.cadu").read_bytes() == given


@pytest.mark.parametrize("sample_rate", [1e9, 1e12, 1e300])
def test_a_rate_that_no_receiver_has_is_refused(tmp_path: Path, sample_rate: float) -> None:
    path = tmp_path / "fast.cu8"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(InputError, match="is --rate right"):
        decode(request(path, level="iq", sample_rate=sample_rate))


def test_a_rate_too_low_for_the_downlink_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "given.cu8"
    path.write_bytes(bytes(1000))
    with pytest.raises(InputError, match="is --rate right"):
        decode(request(path, level="iq", sample_rate=48e3))


@pytest.mark.parametrize(
    ("downlink", "least"),
    [("noaa_hrpt", 1_596_960), ("gk2a_lrit", 204_800), ("metop_ahrpt", 3_033_333), ("meteor_lrpt", 93_600)],
)
def test_the_least_rate_is_that_of_the_modulation(tmp_path: Path, downlink: str, least: int) -> None:
    path = tmp_path / "given.cu8"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(InputError, match=f"at least {least} are needed") as refused:
        decode(request(path, downlink=downlink, level="iq", sample_rate=0.99 * least))
    assert refused.value.exit_status == 2
    assert decode(request(path, downlink=downlink, level="iq", sample_rate=1.001 * least)).exit_status == 1


def test_vcdu_variants_are_refused_with_a_hint(tmp_path: Path, cadus: list[bytes]) -> None:
    path = tmp_path / "given.vcdu"
    for raw, hint in (
        (b"".join(cadus), "--level cadu"),
        (b"".join(cadu[4:] for cadu in cadus), "frames of 1020 bytes"),
        (os.urandom(20) * 300, "no frames of 892 bytes"),
    ):
        path.write_bytes(raw)
        with pytest.raises(InputError, match=hint):
            decode(request(path, level="vcdu"))
    path.write_bytes(b"".join(cadu[4:896] for cadu in cadus) + b"cut")
    report = decode(request(path, level="vcdu"))
    assert report.frames.good == 5
    assert any("3 of its 892 bytes" in message for message in report.messages)
    assert (tmp_path / "out/frames.vcdu").read_bytes() == b"".join(cadu[4:896] for cadu in cadus)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=20_000), level=st.sampled_from(LEVELS))
def test_any_bytes_at_any_level(tmp_path: Path, raw: bytes, level: str) -> None:
    path = tmp_path / "given.bin"
    path.write_bytes(raw)
    try:
        report = decode(request(path, level=level))
    except InputError:
        return
    assert report.exit_status == 1


@pytest.mark.parametrize("below", ["", "out", "out/deeper"])
def test_a_file_where_the_folder_would_be(soft_file: Path, below: str) -> None:
    blocked = soft_file.parent / "blocked"
    blocked.touch()
    with pytest.raises(DecoderError, match=f"{blocked} is a file; give another --out") as caught:
        decode(DecodeRequest(input=soft_file, downlink="meteor_lrpt", out=blocked / below, level="soft"))
    assert caught.value.exit_status == 2


def test_a_folder_that_cannot_be_made(soft_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(OutputError, match="cannot be written: Permission denied; choose another") as caught:
        decode(request(soft_file))
    assert caught.value.exit_status == 3


def test_a_full_disk_leaves_nothing_half_written(soft_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        decode(request(soft_file))
    assert list((soft_file.parent / "out").iterdir()) == []


def test_a_device_that_is_full(soft_file: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    out = soft_file.parent / "out"
    out.mkdir()
    (out / "frames.cadu.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left"):
        decode(request(soft_file))
    assert list(out.iterdir()) == []


def test_a_disk_that_fills_up_while_frames_come_in(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (tmp_path / "frames.cadu.part").symlink_to("/dev/full")
    results = Results(tmp_path)
    results.append("frames.cadu", bytes(1000))
    with pytest.raises(OutputError, match="No space left"):
        results.append("frames.cadu", bytes(1_000_000))
    results.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_does_not_fit_is_not_left_half_written(soft_file: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    out = soft_file.parent / "out"
    out.mkdir()
    (out / "report.json.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"report.json cannot be written: No space left"):
        decode(request(soft_file))
    assert [path.name for path in out.iterdir()] == ["frames.cadu"]


@pytest.mark.parametrize("follow", [True, False])
def test_the_frames_of_a_live_decoder_outlive_its_fault(
    soft_file: Path, cadus: list[bytes], monkeypatch: pytest.MonkeyPatch, follow: bool
) -> None:
    """Nobody may be able to decode them again: the samples may have been in memory only."""
    opened = decode_module._opened

    @contextmanager
    def breaks(given: DecodeRequest, *rest: Any) -> Iterator[Any]:
        with opened(replace(given, follow=False), *rest) as source:
            every = source.frames

            def frames() -> Iterator[list[Frame]]:
                yield from every()
                raise ZeroDivisionError("a bug")

            monkeypatch.setattr(source, "frames", frames)
            yield source

    monkeypatch.setattr(decode_module, "_opened", breaks)
    with pytest.raises(ZeroDivisionError):
        decode(request(soft_file, follow=follow, taps=("bits",)))
    left = {path.name: path.read_bytes() for path in (soft_file.parent / "out").iterdir()}
    assert left == ({"frames.cadu.part": b"".join(cadus)} if follow else {})


def test_the_time_of_a_frame(tmp_path: Path) -> None:
    from dataclasses import replace

    from decoders.framing.frame import make_frame

    table = FrameTable()
    frame = replace(make_frame(sent_cadus(1)[0], (0, 0, 0, 0), bit_index=0), sample_index=500_000.0)
    table.add(frame, start=datetime(2026, 1, 1, tzinfo=UTC), sample_rate=250e3)
    assert table["time"] == ["2026-01-01T00:00:02+00:00"]


def test_the_level_of_a_frame_across_a_gap_is_not_measured(tmp_path: Path) -> None:
    """7 ms in the middle of a frame are lost, which Reed-Solomon mends; nothing tells its Eb/N0 there."""
    asked = PassSimulation(
        None, None, START, START + timedelta(seconds=3), sample_rate=144e3, format="cf32", ebn0_db=9.0
    )
    simulate(asked, tmp_path / "pass", source=FillSource(seed=1))
    sent = [json.loads(line) for line in (tmp_path / "pass.sent.jsonl").read_text().splitlines()]
    middle = (sent[12]["first_sample"] + sent[12]["last_sample"]) // 2
    samples = np.fromfile(tmp_path / "pass.sigmf-data", np.complex64)
    samples[middle - 504 : middle + 504] = 0
    samples.tofile(tmp_path / "gap.cf32")
    told = decode(
        DecodeRequest(
            tmp_path / "gap.cf32", "meteor_lrpt_72k", tmp_path / "out", format="cf32", sample_rate=144e3
        )
    )
    columns = json.loads((tmp_path / "out/report.json").read_text())["columns"]
    across = [abs(first - sent[12]["first_sample"]) < 100 for first in columns["sample_index"]]
    levels = {
        side: [
            level
            for level, good, here in zip(columns["ebn0_db"], columns["good"], across, strict=True)
            if good and here is side
        ]
        for side in (True, False)
    }
    assert told.exit_status == 0
    assert levels[True] == [None]
    assert len(levels[False]) > 20
    assert all(abs(level - 9.0) < 1.0 for level in levels[False])


def test_the_report_is_strict_json_whatever_the_numbers(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.write_json(
        "a.json", {"a": (np.float32(1.5), float("nan"), np.int64(3)), "b": [float("inf"), None, "ê"]}
    )
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1.5, None, 3], "b": [None, None, "ê"]}
