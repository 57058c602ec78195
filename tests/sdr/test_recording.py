"""Recordings of every kind: what is written is read, blocks equal whole, bad files are refused in words."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdr.errors import RecordingError, SdrError
from sdr.formats import FORMATS, Codes, as_samples, bytes_per_sample, from_samples, to_samples
from sdr.recording import Gap, RecordingWriter, open_recording, recording_sha256
from sdr.source import recording_name

START = datetime(2026, 3, 24, 3, 14, 15, 926535, tzinfo=UTC)
RATE = 250_000.0


def noise(count: int, seed: int = 1) -> np.ndarray:
    return (0.2 * np.random.default_rng(seed).normal(size=2 * count)).astype(np.float32).view(np.complex64)


def write(stem: Path, fmt: str = "cs16", **more: object) -> np.ndarray:
    """1000 samples, a gap of 300, 500 samples; returns what a reader should give."""
    samples = to_samples(from_samples(noise(1500), fmt), fmt)
    with RecordingWriter(
        stem, format=fmt, sample_rate=RATE, center_frequency_hz=137.9e6, start=START, durable=False, **more
    ) as writer:
        writer.write(samples[:1000])
        writer.gap(300, "overflow")
        writer.write_raw(from_samples(samples[1000:], fmt))
    return np.concatenate([samples[:1000], np.zeros(300, np.complex64), samples[1000:]])


def read_all(path: Path, block: int = 777, **options: object) -> np.ndarray:
    with open_recording(path, **options) as reader:
        return np.concatenate([*reader.blocks(block), np.empty(0, np.complex64)])


@pytest.mark.parametrize("fmt", FORMATS)
def test_what_is_written_is_read(tmp_path: Path, fmt: str) -> None:
    expected = write(tmp_path / "pass", fmt, metadata={"satellite": "METEOR-M2 4", "hw": "a dongle"})
    for suffix in ("", ".sigmf-meta", ".sigmf-data", ".sigmf-index"):
        with open_recording(tmp_path / f"pass{suffix}") as reader:
            info = reader.info
            assert np.array_equal(reader.read(5000), expected)
            assert reader.notes == ()
    assert (info.format, info.sample_rate, info.center_frequency_hz, info.start) == (
        fmt,
        RATE,
        137.9e6,
        START,
    )
    assert (info.sample_count, info.end) == (1800, "finished")
    assert info.gaps == (Gap(1000, 300, "overflow"),)
    assert info.metadata == {"satellite": "METEOR-M2 4", "hw": "a dongle"}


def test_a_recording_has_one_name_however_its_path_is_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "here"
    folder.mkdir()
    expected = write(folder / "pass")
    Path("there").symlink_to(folder)
    Path("link").symlink_to(folder / "pass")
    Path("meta.sigmf-meta").symlink_to(folder / "pass.sigmf-meta")
    Path("data.sigmf-data").symlink_to(folder / "pass.sigmf-data")
    for suffix in (".sigmf-meta", ".sigmf-data"):
        Path(f"pair{suffix}").symlink_to(folder / f"pass{suffix}")
    spelled = [f"here/pass{suffix}" for suffix in ("", "/", ".sigmf-meta", ".sigmf-data", ".sigmf-index")]
    spelled += [
        "./here/pass",
        "here/../here/pass",
        str(folder / "pass"),
        "there/pass",
        "there/pass.sigmf-meta",
    ]
    spelled += ["link", "meta.sigmf-meta", "data.sigmf-data", "pair", "pair.sigmf-data"]
    for path in map(Path, spelled):
        assert recording_name(path) == "pass", path
        assert np.array_equal(read_all(path), expected), path
    monkeypatch.chdir(folder)
    assert recording_name(Path("pass")) == recording_name(Path("pass.sigmf-data")) == "pass"


def test_a_pair_whose_files_lie_elsewhere_each_by_itself_keeps_its_name(tmp_path: Path) -> None:
    """As some archives keep files: under the hash, each in a folder of its own."""
    write(tmp_path / "pass")
    (tmp_path / "pass.sigmf-index").unlink()
    for suffix in (".sigmf-meta", ".sigmf-data"):
        held = tmp_path / suffix / f"8f3a{suffix}"
        held.parent.mkdir()
        (tmp_path / f"pass{suffix}").rename(held)
        (tmp_path / f"pass{suffix}").symlink_to(held)
    for path in (tmp_path / "pass", tmp_path / "pass.sigmf-meta", tmp_path / "pass.sigmf-data"):
        assert recording_name(path) == "pass"
        assert read_all(path).size == 1800


def test_metadata_of_its_own_beside_a_link_to_the_samples_of_another_are_used(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    expected = write(tmp_path / "archive" / "pass", metadata={"satellite": "wrong"})
    meta = (tmp_path / "archive" / "pass.sigmf-meta").read_text()
    (tmp_path / "mended.sigmf-meta").write_text(meta.replace("wrong", "METEOR-M2 4"))
    (tmp_path / "mended.sigmf-data").symlink_to(tmp_path / "archive" / "pass.sigmf-data")
    for name in ("mended", "mended.sigmf-meta", "mended.sigmf-data"):
        assert recording_name(tmp_path / name) == "mended"
        with open_recording(tmp_path / name) as reader:
            assert reader.info.metadata["satellite"] == "METEOR-M2 4"
        assert np.array_equal(read_all(tmp_path / name), expected)


def test_a_file_of_samples_is_called_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "pass.cu8").write_bytes(bytes(10))
    (tmp_path / "link.cu8").symlink_to(tmp_path / "pass.cu8")
    assert recording_name(tmp_path / "pass.cu8") == recording_name(tmp_path / "link.cu8") == "pass.cu8"


def test_a_pipe_is_called_as_it_was_spelled() -> None:
    """Behind it is pipe:[1217502], which has another number at every run."""
    read, write_end = os.pipe()
    try:
        assert recording_name(Path(f"/dev/fd/{read}")) == str(read)
    finally:
        os.close(read)
        os.close(write_end)


@pytest.mark.parametrize("suffix", [".sigmf-data", ".sigmf-meta", ".wav", ".cs16"])
def test_links_that_lead_in_a_circle_are_no_recording(tmp_path: Path, suffix: str) -> None:
    path, other = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    path.symlink_to(other)
    other.symlink_to(path)
    assert recording_name(path) == path.name.removesuffix(suffix if "sigmf" in suffix else "")
    with pytest.raises(RecordingError, match=r"a\.\S+"):
        open_recording(path)


@pytest.mark.parametrize("fmt", FORMATS)
def test_it_is_read_without_the_index(tmp_path: Path, fmt: str) -> None:
    expected = write(tmp_path / "pass", fmt, metadata={"satellite": "METEOR-M2 4", "hw": "a dongle"})
    with open_recording(tmp_path / "pass") as reader:
        with_index = reader.info
    (tmp_path / "pass.sigmf-index").unlink()
    with open_recording(tmp_path / "pass") as reader:
        info = reader.info
        assert np.array_equal(reader.read(5000), expected)
    assert (info.start, info.gaps, info.metadata) == (with_index.start, with_index.gaps, with_index.metadata)


@pytest.mark.parametrize("block", [1, 7, 299, 1000, 1001, 4096])
def test_blocks_equal_whole(tmp_path: Path, block: int) -> None:
    expected = write(tmp_path / "pass", "cu8")
    with open_recording(tmp_path / "pass") as reader:
        blocks = list(reader.blocks(block))
    assert np.array_equal(np.concatenate(blocks), expected)
    assert {len(b) for b in blocks[:-1]} <= {block}


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("block", [7, 100, 5000])
def test_codes_are_the_same_samples(tmp_path: Path, fmt: str, block: int) -> None:
    """As they are written wherever that says as much: not of floats, and not where samples were lost."""
    expected = write(tmp_path / "pass", fmt)
    parts, first, kinds = [], 0, set()
    with open_recording(tmp_path / "pass") as reader:
        gaps = [(gap.sample_index, gap.sample_index + gap.sample_count) for gap in reader.info.gaps]
        while len(part := reader.read_codes(block)):
            lost = any(begin < first + len(part) and end > first for begin, end in gaps)
            assert isinstance(part, Codes) == (fmt != "cf32" and not lost)
            kinds.add(lost)
            parts.append(as_samples(part))
            first += len(part)
        assert reader.position == first
    assert np.array_equal(np.concatenate(parts), expected)
    assert True in kinds


def test_metadata_say_when_the_samples_after_a_gap_were(tmp_path: Path) -> None:
    write(tmp_path / "pass")
    values = json.loads((tmp_path / "pass.sigmf-meta").read_bytes())
    captures = {
        c["core:sample_start"]: datetime.fromisoformat(c["core:datetime"]) for c in values["captures"]
    }
    assert captures == {0: START, 1300: START + timedelta(seconds=1300 / RATE)}
    assert values["annotations"][0]["core:comment"] == "overflow"
    assert values["global"]["core:datatype"] == "ci16_le"
    assert (tmp_path / "pass.sigmf-data").stat().st_size == 1800 * 4


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "pass")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for kept, content in before.items():
        for path in tmp_path.iterdir():
            path.unlink()
        kept.write_bytes(content)
        with pytest.raises(RecordingError, match="never overwritten"):
            write(tmp_path / "pass")
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == {kept: content}


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="nowhere does not exist"):
        write(tmp_path / "nowhere" / "pass")


def test_the_start_may_become_known_later(tmp_path: Path) -> None:
    with RecordingWriter(
        tmp_path / "a", format="cs8", sample_rate=RATE, center_frequency_hz=None, start=None
    ) as writer:
        writer.set_start(START)
        writer.write(noise(10))
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.start == START
    (tmp_path / "a.sigmf-index").unlink()
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.start == START


@pytest.mark.parametrize("fmt", FORMATS)
def test_raw_files(tmp_path: Path, fmt: str) -> None:
    raw = from_samples(noise(1000), fmt)
    for name, content in (
        (f"a.{fmt}", raw),
        (f"b.{fmt}.gz", gzip.compress(raw)),
        ("c.raw", gzip.compress(raw)),
    ):
        (tmp_path / name).write_bytes(content)
        given_format = fmt if name == "c.raw" else None
        with open_recording(tmp_path / name, format=given_format, sample_rate=RATE, start=START) as reader:
            assert np.array_equal(reader.read(2000), to_samples(raw, fmt))
            assert reader.info.start == START
            assert reader.info.sample_count == (None if name != f"a.{fmt}" else 1000)


def test_a_torn_last_sample_is_noted(tmp_path: Path) -> None:
    (tmp_path / "a.cs16").write_bytes(from_samples(noise(100), "cs16") + b"\x01\x02\x03")
    with open_recording(tmp_path / "a.cs16", sample_rate=RATE) as reader:
        assert len(reader.read(1000)) == 100
        assert "3 bytes at the end" in reader.notes[0]


def test_a_cut_gzip_file_gives_what_is_there(tmp_path: Path) -> None:
    raw = np.random.default_rng(3).integers(0, 256, 200_000).astype(np.uint8).tobytes()
    whole = gzip.compress(raw)
    (tmp_path / "a.cu8.gz").write_bytes(whole[: len(whole) // 2])
    with open_recording(tmp_path / "a.cu8.gz", sample_rate=RATE) as reader:
        got = reader.read(200_000)
        assert "cut off" in reader.notes[0]
    # Incompressible bytes are stored as they are: half of the file is nearly half of the samples.
    assert 0.45 < len(got) / 100_000 < 0.51
    assert np.array_equal(got, to_samples(raw[: 2 * len(got)], "cu8"))


def test_a_damaged_gzip_file_gives_what_lies_before(tmp_path: Path) -> None:
    raw = from_samples(noise(200_000), "cu8")
    content = bytearray(gzip.compress(raw) + b"junk behind the end")
    path = tmp_path / "a.cu8"
    path.write_bytes(content)
    assert np.array_equal(read_all(path, sample_rate=RATE), to_samples(raw, "cu8"))
    content[-23] ^= 0xFF  # the checksum: every sample is there
    path.write_bytes(content)
    assert np.array_equal(read_all(path, sample_rate=RATE), to_samples(raw, "cu8"))
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    path.write_bytes(content)
    with open_recording(path, sample_rate=RATE) as reader:
        got = np.concatenate(list(reader.blocks(4096)))
        assert "damaged" in reader.notes[0]
    assert np.array_equal(got[:90_000], to_samples(raw, "cu8")[:90_000])


def test_gzip_files_of_several_members(tmp_path: Path) -> None:
    raw = from_samples(noise(3000), "cs8")
    parts = [gzip.compress(raw[at : at + 999]) for at in range(0, len(raw), 999)]
    (tmp_path / "a.cs8").write_bytes(b"".join(parts))
    assert np.array_equal(read_all(tmp_path / "a.cs8", sample_rate=RATE), to_samples(raw, "cs8"))


def test_what_is_no_sample_counts_as_zero_and_is_told(tmp_path: Path) -> None:
    samples = noise(100)
    samples[[3, 50, 60]] = [np.nan, complex(0, np.inf), 1e15]
    (tmp_path / "a.cf32").write_bytes(samples.tobytes())
    with open_recording(tmp_path / "a.cf32", sample_rate=RATE) as reader:
        got = reader.read(100)
        assert got[3] == got[50] == got[60] == 0
        assert got[4] == samples[4]
        assert reader.notes == (
            "3 samples were not finite or beyond a million times full scale; they count as zero",
        )
        assert reader.unusable == 3


@pytest.mark.parametrize("data_first", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_archives(tmp_path: Path, data_first: bool, packed: bool) -> None:
    expected = write(tmp_path / "pass")
    path = tmp_path / "pass.sigmf"
    with tarfile.open(path, "w:gz" if packed else "w") as archive:
        for suffix in sorted((".sigmf-meta", ".sigmf-data"), reverse=not data_first):
            archive.add(tmp_path / f"pass{suffix}", f"pass/pass{suffix}")
    for suffix in (".sigmf-meta", ".sigmf-data", ".sigmf-index"):
        (tmp_path / f"pass{suffix}").unlink()
    with open_recording(path) as reader:
        assert np.array_equal(reader.read(5000), expected)
        assert (reader.info.start, reader.info.gaps) == (START, (Gap(1000, 300, "overflow"),))


def test_a_cut_archive_gives_what_is_there(tmp_path: Path) -> None:
    expected = write(tmp_path / "pass")
    path = tmp_path / "pass.sigmf"
    with tarfile.open(path, "w") as archive:
        for suffix in (".sigmf-meta", ".sigmf-data"):
            archive.add(tmp_path / f"pass{suffix}", f"pass/pass{suffix}")
            archive.add(tmp_path / "pass.sigmf-meta", "pass/note.txt")
    with tarfile.open(path) as archive:
        end = archive.getmember("pass/pass.sigmf-data").offset_data + 4001
    path.write_bytes(path.read_bytes()[:end])
    with open_recording(path) as reader:
        got = reader.read(5000)
        assert reader.notes
    assert np.array_equal(got, expected[:1000])


def test_the_operator_overrules_the_file(tmp_path: Path) -> None:
    write(tmp_path / "pass")
    with open_recording(tmp_path / "pass", sample_rate=1e6, start=START + timedelta(1)) as reader:
        assert (reader.info.sample_rate, reader.info.start) == (1e6, START + timedelta(1))


def test_sha256_is_that_of_the_samples_file(tmp_path: Path) -> None:
    write(tmp_path / "pass")
    expected = hashlib.sha256((tmp_path / "pass.sigmf-data").read_bytes()).hexdigest()
    assert recording_sha256(tmp_path / "pass") == recording_sha256(tmp_path / "pass.sigmf-meta") == expected


def test_a_real_recording(shared_data: Path) -> None:
    path = shared_data / "lrpt/meteor-m2_2019-03-24_cu8_300k.raw.gz"
    with open_recording(path, format="cu8", sample_rate=300_000) as reader:
        count = sum(len(block) for block in reader.blocks(1 << 18))
    with gzip.open(path) as file:
        assert count == len(file.read()) // 2


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.cu8", b"", {}, "is empty"),
        ("a.cu8", gzip.compress(b"", mtime=0), {}, "holds no samples"),
        ("a.cu8", bytes(100), {}, "give --rate"),
        ("a.raw", bytes(100), {}, "give --format"),
        ("a.cu8", bytes(100), {"sample_rate": 0}, "must be above 0"),
        ("a.cu8", bytes(100), {"sample_rate": float("nan")}, "must be above 0"),
        ("a.cu8", bytes(100), {"format": "cs12"}, "unknown format 'cs12'"),
        ("a.cu8", bytes(100), {"format": "wav"}, "not a WAV file"),
        ("a.cu8", bytes(100), {"format": "sigmf"}, "no SigMF archive"),
        ("a.cu8", bytes(100), {"follow": True}, "can be followed"),
        ("a.cu8", b"RIFF\0\0\0\0WAVEfmt ", {"format": "cu8", "sample_rate": 1}, "is a wav file, not cu8"),
        ("a.sigmf-data", bytes(100), {}, "the metadata are missing"),
        ("a.sigmf-meta", b"{}", {}, "lack the field .global."),
        ("a.sigmf-meta", b"[" * 100_000, {}, "cannot be used"),
        ("a.sigmf-index", b"{}\n", {}, "no index of a recording"),
        (
            "a.sigmf-index",
            b'{"tramthu_index":1,"format":"cu8","sample_rate":true}\n',
            {},
            "True is no number",
        ),
        ("a.sigmf-index", b'{"tramthu_index":1', {}, "no complete first line"),
    ],
)
def test_refused(tmp_path: Path, name: str, content: bytes, options: dict[str, object], message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordingError, match=message) as caught:
        open_recording(tmp_path / name, **options)
    assert caught.value.exit_status == 2


def test_refused_folders_and_absent_files(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="is a folder"):
        open_recording(tmp_path)
    with pytest.raises(RecordingError, match="no such file"):
        open_recording(tmp_path / "absent.cu8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"core:datatype": "rf32_le"}, "real samples"),
        ({"core:datatype": "ci16_be"}, "allowed are cf32_le"),
        ({"core:datatype": 7}, "not a format"),
        ({"core:num_channels": 2}, "2 channels"),
        ({"core:sample_rate": -1}, "-1 Hz"),
        ({"core:sample_rate": None}, "give --rate"),
        ({"core:sample_rate": True}, "True is no number"),
        ({"core:dataset": "a.sigmf-meta"}, "no file of samples"),
        ({"core:dataset": "b.sigmf-index"}, "no file of samples"),
        ({"core:dataset": "../../etc/passwd"}, "outside their folder"),
        ({"core:dataset": "absent"}, "is missing"),
        ({"core:metadata_only": True}, "no data file"),
    ],
)
def test_refused_sigmf(tmp_path: Path, change: dict[str, object], message: str) -> None:
    write(tmp_path / "a")
    (tmp_path / "a.sigmf-index").unlink()
    values = json.loads((tmp_path / "a.sigmf-meta").read_bytes())
    values["global"] |= change
    (tmp_path / "a.sigmf-meta").write_text(json.dumps(values))
    with pytest.raises(RecordingError, match=message):
        open_recording(tmp_path / "a.sigmf-meta")


@pytest.mark.parametrize("block", [1000, 65_536, 100_000])
@pytest.mark.parametrize(
    ("noted", "merged"),
    [
        ([(0, 90_000), (1, 1), (2, 1)], [(0, 90_000)]),
        ([(50, 10), (0, 30), (20, 20), (40, 5)], [(0, 40), (40, 5), (50, 10)]),
        ([(7, 0)], []),
    ],
)
def test_overlapping_gaps_are_one_whatever_the_read_size(
    tmp_path: Path, noted: list[tuple[int, int]], merged: list[tuple[int, int]], block: int
) -> None:
    samples = np.ones(100_000, np.complex64)
    with RecordingWriter(
        tmp_path / "a", format="cf32", sample_rate=RATE, center_frequency_hz=None, start=None, durable=False
    ) as writer:
        writer.write(samples)
    (tmp_path / "a.sigmf-index").unlink()
    values = json.loads((tmp_path / "a.sigmf-meta").read_bytes())
    gap = {"core:label": "gap", "core:generator": "tramthu", "core:comment": "x"}
    values["annotations"] = [gap | {"core:sample_start": at, "core:sample_count": n} for at, n in noted]
    (tmp_path / "a.sigmf-meta").write_text(json.dumps(values))
    for at, count in noted:
        samples[at : at + count] = 0
    assert np.array_equal(read_all(tmp_path / "a", block), samples)
    with open_recording(tmp_path / "a") as reader:
        assert [(gap.sample_index, gap.sample_count) for gap in reader.info.gaps] == merged


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_PLACES = [
    ("global", "core:datatype"), ("global", "core:sample_rate"), ("global", "core:dataset"), ("global",),
    ("captures",), ("annotations",), ("captures", 0), ("annotations", 0), ("captures", 0, "core:datetime"),
    ("captures", 0, "core:sample_start"), ("captures", 0, "core:header_bytes"),
    ("global", "core:trailing_bytes"),
    ("annotations", 0, "core:sample_count"), ("annotations", 0, "core:sample_start"),
    ("captures", 0, "core:frequency"), ("global", "core:num_channels"),
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_PLACES), _JSON)
def test_any_sigmf_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str | int, ...], value: object
) -> None:
    stem = tmp_path_factory.getbasetemp() / "sigmf_fuzz"
    if not stem.with_name("sigmf_fuzz.sigmf-data").exists():
        write(stem)
        stem.with_name("sigmf_fuzz.sigmf-index").unlink()
        stem.with_name("sigmf_fuzz.sigmf-meta").rename(stem.with_name("sigmf_fuzz.good"))
    values = json.loads(stem.with_name("sigmf_fuzz.good").read_bytes())
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    stem.with_name("sigmf_fuzz.sigmf-meta").write_text(json.dumps(values))
    try:
        with open_recording(stem) as reader:
            assert sum(len(block) for block in reader.blocks(1000)) <= 1800 * 4 // bytes_per_sample(
                reader.info.format
            )
    except SdrError as error:
        assert str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["a.cs16", "a.cs16.gz", "a.sigmf", "pass", "pass.sigmf-meta"])
@pytest.mark.parametrize("read", [0, 10, 5_000])
def test_hash_is_that_of_the_whole_file_however_much_of_it_was_read(
    tmp_path: Path, name: str, read: int
) -> None:
    write(tmp_path / "pass")
    data = (tmp_path / "pass.sigmf-data").read_bytes()
    (tmp_path / "a.cs16").write_bytes(data)
    (tmp_path / "a.cs16.gz").write_bytes(gzip.compress(data) + b"behind the end")
    with tarfile.open(tmp_path / "a.sigmf", "w") as archive:
        for part in ("pass.sigmf-meta", "pass.sigmf-data"):
            archive.add(tmp_path / part, f"pass/{part}")
    if name == "pass.sigmf-meta":
        (tmp_path / "pass.sigmf-index").unlink()
    file = tmp_path / ("pass.sigmf-data" if name.startswith("pass") else name)
    for early in (True, False):
        with open_recording(tmp_path / name, sample_rate=RATE) as reader:
            if early:
                reader.hash_while_reading()
            before = reader.read(read)
            assert reader.sha256() == hashlib.sha256(file.read_bytes()).hexdigest()
        assert np.array_equal(before, read_all(tmp_path / name, sample_rate=RATE)[:read])
