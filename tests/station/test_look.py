"""`tramthu inspect` and `tramthu spectrum`: gaps, ends and oddities are told; a tone lies where it is."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import subprocess
import sys
import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdr.writer import RecordingWriter
from tests.station.conftest import Run, one_sentence

RATE = 100e3


def _samples(count: int, tone_hz: float = 20e3) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 0.01, (count, 2)) @ (1, 1j)
    return (0.3 * np.exp(2j * np.pi * tone_hz / RATE * np.arange(count)) + noise).astype(np.complex64)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds with a gap of half a second after the first."""
    writer = RecordingWriter(
        tmp_path / "one",
        format="cs16",
        sample_rate=RATE,
        center_frequency_hz=137.9e6,
        start=datetime(2026, 1, 1, tzinfo=UTC),
    )
    writer.write(_samples(100_000))
    writer.gap(50_000, "overflow")
    writer.write(_samples(150_000))
    writer.close("the disk is nearly full")
    return tmp_path / "one.sigmf-meta"


def test_inspect_tells_end_and_gaps(tramthu: Run, recording: Path) -> None:
    status, out, _ = tramthu("inspect", recording, "--json")
    found = json.loads(out)
    assert status == 0
    assert found["end"] == "the disk is nearly full"
    assert (found["sample_count"], found["seconds"], found["lost_samples"]) == (300_000, 3.0, 50_000)
    (gap,) = found["gaps"]
    assert (gap["sample_index"], gap["sample_count"]) == (100_000, 50_000)
    assert (gap["cause"], gap["at_s"]) == ("overflow", 1.0)
    assert found["levels"]["mean_dbfs"] == pytest.approx(10 * np.log10(0.09), abs=0.05)
    assert found["levels"]["clipped_share"] == 0
    data = recording.with_name("one.sigmf-data").read_bytes()
    assert found["sha256"]["file"] == hashlib.sha256(data).hexdigest()


def test_inspect_tells_what_is_odd(tramthu: Run, tmp_path: Path) -> None:
    samples = _samples(1000)
    samples[10:13] = np.nan
    (tmp_path / "odd.cf32").write_bytes(samples.tobytes() + b"\x00\x00\x00")
    status, out, _ = tramthu("inspect", tmp_path / "odd.cf32", "--rate", RATE, "--json")
    assert status == 0
    notes = " ".join(json.loads(out)["notes"])
    assert "3 samples were not finite" in notes
    assert "the last sample is incomplete: 3 bytes" in notes


def _foreign(folder: Path, description: str, start: str) -> Path:
    """A recording by somebody else."""
    fields = {"core:datatype": "cu8", "core:sample_rate": RATE, "core:version": "1.2.0"}
    fields |= {"core:description": description, "tramthu:clock": {"source": "ntp", "error_s": 10**400}}
    captures = [{"core:sample_start": 0, "core:datetime": start}]
    table = {"global": fields, "captures": captures, "annotations": []}
    (folder / "foreign.sigmf-data").write_bytes(np.random.default_rng(1).bytes(200_000))
    (folder / "foreign.sigmf-meta").write_text(json.dumps(table))
    return folder / "foreign.sigmf-meta"


@pytest.mark.parametrize(
    ("description", "start"),
    [
        ("costs $5 and $_^ more", "2026-01-01T00:00:00Z"),
        ("\x1b[2Jgone\n  SHA-256    as recorded", "2026-01-01T00:00:00Z"),
        ("\ud800", "2026-01-01T00:00:00Z"),
        ("late", "9999-12-31T23:59:59.9Z"),
    ],
)
def test_what_a_foreign_recording_says_is_told_and_drawn(
    tramthu: Run, tmp_path: Path, description: str, start: str
) -> None:
    path = _foreign(tmp_path, description, start)
    status, out, err = tramthu("inspect", path, "--out", tmp_path / "drawn")
    assert (status, err) == (0, "")
    assert "recorder   description: " in out
    assert "\x1b" not in out
    assert "\n  SHA-256    as recorded" not in out
    assert (tmp_path / "drawn" / "spectrum.png").is_file()
    status, out, _ = tramthu("inspect", path, "--json")
    assert status == 0
    assert json.loads(out)["metadata"]["description"] == description


@pytest.mark.parametrize("name", [b"a$x_{$b.cu8", b"\xff\xfe.cu8"])
def test_a_file_of_any_name_is_drawn(tmp_path: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    path.write_bytes(np.random.default_rng(1).bytes(100_000))
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}  # as outside of the C locale
    for command in ("spectrum", "inspect"):
        words = [sys.executable, "-m", "station.cli", command, path, "--rate", "1e5", "--format", "cu8"]
        ended = subprocess.run(words, cwd=tmp_path, env=strict, capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, b"")
    assert Path(f"{path}.png").is_file()


def test_the_tone_lies_at_its_frequency(tramthu: Run, recording: Path, tmp_path: Path) -> None:
    status, out, _ = tramthu("spectrum", recording, "--json", "--out", tmp_path / "w.png", "--row", "0.05")
    found = json.loads(out)
    assert status == 0
    assert found["peak_hz"] == pytest.approx(20e3, abs=RATE / 1024)
    assert found["centre_of_power_hz"] == pytest.approx(20e3, abs=RATE / 1024)
    assert found["rows"] * found["row_s"] == pytest.approx(3.0, abs=0.06)
    assert found["row_s"] == pytest.approx(0.05, rel=0.03)
    with Image.open(tmp_path / "w.png") as image:
        assert len(image.convert("RGB").getcolors(1 << 22) or []) > 100


def test_a_recording_that_still_grows_is_drawn_as_far_as_it_has_come(tramthu: Run, tmp_path: Path) -> None:
    writer = RecordingWriter(
        tmp_path / "live", format="cu8", sample_rate=RATE, center_frequency_hz=None, start=None
    )
    writer.write(_samples(150_000))
    writer.commit()
    status, out, _ = tramthu("spectrum", tmp_path / "live", "--json", "--out", tmp_path / "live.png")
    writer.close()
    found = json.loads(out)
    assert status == 0
    assert found["seconds"] == pytest.approx(1.5)
    assert found["peak_hz"] == pytest.approx(20e3, abs=RATE / 1024)


@pytest.mark.parametrize("kind", ["cf32.gz", "wav"])
def test_other_files_are_drawn_as_well(tramthu: Run, tmp_path: Path, kind: str) -> None:
    path, samples = tmp_path / f"a.{kind}", _samples(100_000)
    if kind == "wav":
        codes = (samples.view(np.float32) * 32767).astype("<i2")
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(int(RATE))
            file.writeframes(codes.tobytes())
    else:
        path.write_bytes(gzip.compress(samples.tobytes(), 1))
    options = () if kind == "wav" else ("--rate", RATE)
    status, out, _ = tramthu("spectrum", path, "--json", *options)
    assert status == 0
    assert json.loads(out)["peak_hz"] == pytest.approx(20e3, abs=RATE / 1024)


def test_a_picture_is_never_overwritten(
    tramthu: Run, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert tramthu("spectrum", recording)[0] == 0
    made = (tmp_path / "one.png").read_bytes()
    status, _, err = tramthu("spectrum", recording)
    assert status == 2
    assert "nothing is overwritten" in one_sentence(err)
    status, _, err = tramthu("spectrum", recording, "--json", "--out", "one.png")
    assert status == 2
    assert (tmp_path / "one.png").read_bytes() == made


@pytest.mark.parametrize("command", ["inspect", "spectrum"])
@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (b"", ("--format", "cu8", "--rate", "1e5"), "is empty"),
        (b"12345678" * 9, (), "--format"),
        (b"12345678" * 9, ("--format", "cu8"), "--rate"),
        (b"12345678" * 9, ("--format", "cu9", "--rate", "1e5"), "known are"),
        (b"12345678" * 9, ("--format", "cu8", "--rate", "-5"), "above 0"),
    ],
)
def test_what_is_no_recording_is_told(
    tramthu: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    content: bytes,
    options: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.bin").write_bytes(content)
    status, _, err = tramthu(command, tmp_path / "x.bin", *options)
    assert status == 2
    assert says in one_sentence(err)


def test_a_full_disk_leaves_no_half_picture(
    tramthu: Run, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, picture: Path, *__: object) -> None:
        picture.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")  # as Pillow does, without a name

    monkeypatch.setattr("sdr.spectrum_image.save_survey", full)
    status, _, err = tramthu("spectrum", recording, "--out", tmp_path / "a.png")
    assert status == 3
    assert f"{tmp_path / 'a.png'}: No space left on device; free some space" in one_sentence(err)
    assert not (tmp_path / "a.png").exists()


def test_what_was_odd_is_told_beside_the_picture(tramthu: Run, tmp_path: Path) -> None:
    (tmp_path / "odd.cf32").write_bytes(_samples(10_000).tobytes() + b"\0\0\0")
    status, _, err = tramthu("spectrum", tmp_path / "odd.cf32", "--rate", RATE, "--out", tmp_path / "odd.png")
    assert status == 0
    assert "the last sample is incomplete: 3 bytes" in one_sentence(err)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("spectrum", "--row", "inf"), "--row is inf; give a finite number"),
        (("spectrum", "--out", "x.jpg"), "--out x.jpg: it draws PNG alone"),
        (("inspect", "--out", "x", "--seconds", "inf"), "--seconds is inf; give a finite number"),
        (("channels", "--channel", "1e8", "--channel", "nan", "--out", "x"), "--channel is nan"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_made(
    tramthu: Run, recording: Path, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    there = set(tmp_path.rglob("*"))
    status, _, err = tramthu(words[0], recording, *words[1:])
    assert status == 2
    assert says in one_sentence(err)
    assert set(tmp_path.rglob("*")) == there


def test_too_short_for_a_line_is_told(tramthu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.cu8").write_bytes(b"12345678" * 9)
    status, _, err = tramthu("spectrum", tmp_path / "x.cu8", "--rate", "1e5")
    assert status == 2
    assert "give a smaller --bins" in one_sentence(err)
