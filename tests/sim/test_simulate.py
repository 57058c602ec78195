"""A recording as a textbook receiver hears it, and its logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scheduler.elements import load_elements, select
from scheduler.passes import Site
from sdr.errors import DeviceError
from sdr.recording import open_recording
from sim.camera_source import CameraSource
from sim.errors import SimulationError
from sim.geometry import Attitude, LineGeometry, Scan
from sim.impairments import Crystal, Gaps, Impairments
from sim.packet_source import FillSource
from sim.simulate import PassSimulation, simulate

START = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def _request(seconds: float, **changes: object) -> PassSimulation:
    values = {"ebn0_db": float("inf"), "sample_rate": 288_000.0, **changes}
    return PassSimulation(None, None, START, START + timedelta(seconds=seconds), **values)


def _run(request: PassSimulation, stem: Path, load: float = 0.9) -> tuple[list[dict], list[bytes]]:
    simulate(request, stem, source=FillSource(load))
    lines = [json.loads(line) for line in stem.with_suffix(".sent.jsonl").read_text().splitlines()]
    data = stem.with_suffix(".sent.cadu").read_bytes()
    assert len(data) == 1024 * len(lines)
    return lines, [data[k : k + 1024] for k in range(0, len(data), 1024)]


def _read(stem: Path) -> NDArray[np.complex64]:
    with open_recording(stem.with_suffix(".sigmf-data")) as reader:
        return np.concatenate(list(reader.blocks(1 << 18)))


# --- a textbook receiver for a strong signal, with tables and formulas of its own ---


def _signs(samples: NDArray[np.complex64], first: int, step: float, lag: float) -> NDArray[np.uint8]:
    """Bits I, Q, I, Q … of the symbols from sample `first` on, behind a matched filter."""
    count = int((samples.size - 20 * step - first) / step)
    spectrum = np.fft.fft(samples)
    f = np.fft.fftfreq(samples.size)
    edge = np.clip((np.abs(f) * step - 0.2) / 0.6, 0, 1)
    filtered = np.fft.ifft(spectrum * np.cos(np.pi / 2 * edge))
    at = first + step * np.arange(count)
    rails = [
        np.interp(at + late * step, np.arange(samples.size), part)
        for part, late in ((filtered.real, 0.0), (filtered.imag, lag))
    ]
    return np.stack([rails[0] < 0, rails[1] > 0], axis=1).astype(np.uint8).reshape(-1)


def _decoded(coded: NDArray[np.uint8], differential: bool) -> NDArray[np.uint8]:
    """Inverse of the code without errors: G1 gives the newest bit once the six before it are known.

    Those are found by trying all 64 and keeping the one that explains G2 as well.
    """
    g1, g2 = coded[0::2], coded[1::2]
    for guess in range(64):
        u = [(guess >> k) & 1 for k in range(6)]
        for n in range(200):
            new = int(g1[n]) ^ u[-1] ^ u[-2] ^ u[-3] ^ u[-6]
            if new ^ u[-2] ^ u[-3] ^ u[-5] ^ u[-6] != g2[n]:
                break
            u.append(new)
        else:
            break
    else:
        raise AssertionError("no state explains the code bits")
    for n in range(200, g1.size):
        u.append(int(g1[n]) ^ u[-1] ^ u[-2] ^ u[-3] ^ u[-6])
    bits = np.array(u, np.uint8)
    return bits[1:] ^ bits[:-1] if differential else bits


def _frames(bits: NDArray[np.uint8], sequence: bytes) -> list[bytes]:
    """1024 bytes from every marker on, derandomised."""
    marker = np.unpackbits(np.frombuffer(bytes.fromhex("1acffc1d"), np.uint8))
    windows = np.lib.stride_tricks.sliding_window_view(bits, 32)
    starts = np.flatnonzero((windows == marker).all(axis=1))
    mask = np.frombuffer(bytes(4) + (sequence * 4)[:1020], np.uint8)
    return [
        (np.packbits(bits[start : start + 8192]) ^ mask).tobytes()
        for start in starts
        if start + 8192 <= bits.size
    ]


@pytest.fixture(scope="module")
def sequence(shared_vectors: Path) -> bytes:
    vector = json.loads((shared_vectors / "randomizer.json").read_text())
    return bytes.fromhex(vector["first_255_bytes_hex"])


@pytest.mark.parametrize(("mode", "lag"), [("m2_72k", 0.0), ("72k", 0.5)])
@pytest.mark.parametrize("fmt", ["cu8", "cs8", "cs16", "cf32"])
def test_textbook_receiver_finds_the_frames(
    tmp_path: Path, sequence: bytes, mode: str, lag: float, fmt: str
) -> None:
    lines, frames = _run(_request(1.0, mode=mode, format=fmt), tmp_path / "x")
    whole = [n for n, line in enumerate(lines) if line["complete"]]
    # The log says at which sample a frame's first symbol lies; the code needs a few bits before it.
    first = lines[whole[0]]["first_sample"] - 4 * 8
    bits = _decoded(_signs(_read(tmp_path / "x"), first, 4.0, lag), mode == "72k")
    found = _frames(bits, sequence)
    assert len(found) >= len(whole) - 1 >= 6
    assert found == [frames[n] for n in whole[: len(found)]]
    assert not lines[0]["complete"]
    assert not lines[-1]["complete"]


def test_textbook_receiver_finds_the_interleaved_frames(tmp_path: Path, sequence: bytes) -> None:
    request = _request(20.0, mode="80k", sample_rate=320_000.0)
    lines, frames = _run(request, tmp_path / "x")
    whole = [n for n, line in enumerate(lines) if line["complete"]]
    samples = _read(tmp_path / "x")
    bits = _signs(samples, lines[whole[0]]["first_sample"] - 4 * 400, 4.0, 0.5)
    marker = np.array([0, 0, 1, 0, 0, 1, 1, 1])
    rows = bits[: bits.size // 80 * 80]
    hits = [np.mean(rows[k : k + 80 * 1000].reshape(-1, 80)[:, :8] == marker) for k in range(80)]
    start = int(np.argmax(hits))
    assert hits[start] == 1.0
    rows = rows[start:]
    woven = rows[: rows.size // 80 * 80].reshape(-1, 80)[:, 8:].reshape(-1)
    k = np.arange(woven.size - 35 * 73728)
    bits = _decoded(woven[k + k % 36 * 73728][: 2 * 8192 * 14], differential=True)
    found = _frames(bits, sequence)
    assert len(found) >= 12
    assert found == [frames[n] for n in whole[: len(found)]]
    spans = [line["last_sample"] - line["first_sample"] for line in lines]
    assert min(spans) / 320_000 == pytest.approx(17.92 + 1024 * 8 / 72_000, abs=0.002)


def test_counters_rise_and_idle_frames_fill(tmp_path: Path) -> None:
    lines, frames = _run(_request(10.0), tmp_path / "x", load=0.6)
    for vcid in (5, 63):
        counters = [line["counter"] for line in lines if line["vcid"] == vcid]
        assert np.all(np.diff(counters) % (1 << 24) == 1)
    share = np.mean([line["vcid"] == 5 for line in lines])
    assert share == pytest.approx(0.6, abs=0.05)
    assert len(lines) == pytest.approx(10 * 72_000 / 8192, abs=1.5)
    for line, frame in zip(lines, frames, strict=True):
        assert frame[4] >> 6 == 1
        assert ((frame[4] << 8 | frame[5]) & 0x3F) == line["vcid"]
        assert int.from_bytes(frame[6:9], "big") == line["counter"]


@pytest.mark.parametrize("marked", [True, False])
def test_gaps_in_the_file_and_in_the_log(tmp_path: Path, sequence: bytes, marked: bool) -> None:
    gaps = Gaps(at=((0.4, 0.05),), marked=marked)
    request = _request(1.0, impairments=Impairments(gaps=gaps), mode="m2_72k")
    lines, frames = _run(request, tmp_path / "x")
    samples = _read(tmp_path / "x")
    assert samples.size == 288_000 - (0 if marked else 14_400)
    with open_recording(tmp_path / "x.sigmf-data") as reader:
        list(reader.blocks(1 << 18))
        assert [(g.sample_index, g.sample_count) for g in reader.info.gaps] == [(115_200, 14_400)] * marked
    struck = [line for line in lines if line["first_sample"] < 129_600 and line["last_sample"] >= 115_200]
    assert any(not line["complete"] for line in struck)
    # Behind the gap the log's sample numbers are the file's.
    last = max(n for n, line in enumerate(lines) if line["complete"])
    bits = _decoded(_signs(samples, lines[last]["first_sample"] - 32, 4.0, 0.0), differential=False)
    assert _frames(bits, sequence)[0] == frames[last]


def test_same_seed_same_files_other_seed_others(tmp_path: Path) -> None:
    request = _request(0.5, ebn0_db=5.0)
    for name, chosen in (("a", request), ("b", request), ("c", replace(request, seed=2))):
        _run(chosen, tmp_path / name)
    data = {
        n: [(tmp_path / f"{n}.{s}").read_bytes() for s in ("sigmf-data", "sent.cadu", "sent.jsonl")]
        for n in "abc"
    }
    assert data["a"] == data["b"]
    assert all(a != c for a, c in zip(data["a"], data["c"], strict=True))


@pytest.mark.parametrize("ebn0_db", [5.0, float("inf")])
def test_the_metadata_tell_how_it_was_made(tmp_path: Path, ebn0_db: float) -> None:
    _run(_request(0.1, ebn0_db=ebn0_db), tmp_path / "x")
    told = json.loads((tmp_path / "x.sigmf-meta").read_text())["global"]["tramthu:simulation"]
    finite = {"ebn0_db": 5.0} if ebn0_db == 5.0 else {}
    assert told == {"mode": "72k", "seed": 1} | finite


def test_a_growing_recording_can_be_followed(tmp_path: Path) -> None:
    """A reader that follows from the first moment gets the same samples as one that comes at the end."""
    begun, stem = threading.Event(), tmp_path / "x"
    request = _request(8.0, ebn0_db=5.0)
    writer = threading.Thread(
        target=simulate,
        args=(request, stem),
        kwargs={"source": FillSource(), "progress": lambda _: begun.set()},
    )
    writer.start()
    assert begun.wait(30)
    with open_recording(stem.with_suffix(".sigmf-data"), follow=True) as reader:
        followed = np.concatenate(list(reader.blocks(1 << 16)))
    writer.join()
    assert np.array_equal(followed, _read(stem))


def test_a_pass_with_camera_and_truth(tmp_path: Path) -> None:
    """From below the horizon on: no frame is whole before the satellite rises; truth covers the strips."""
    elements = select(load_elements(ROOT / "scheduler/data/elements/meteor_2024-07-16.txt"), "METEOR-M2 4")
    start = datetime(2024, 7, 17, 7, 33, 19, tzinfo=UTC)  # it rises at 07:33:24.3
    request = PassSimulation(
        elements, Site("Lai Châu", 22.40, 103.45, 900.0), start, start + timedelta(seconds=12),
        impairments=Impairments(crystal=Crystal(5.0)),
    )  # fmt: skip
    log = simulate(request, tmp_path / "x")
    with open_recording(tmp_path / "x") as reader:
        assert reader.info.metadata["simulation"] == {"mode": "72k", "seed": 1}
    lines = [json.loads(line) for line in (tmp_path / "x.sent.jsonl").read_text().splitlines()]
    rise = 5.32 * 250_000
    assert all(line["first_sample"] > rise - 3000 for line in lines if line["complete"])
    assert all(line["complete"] for line in lines if rise + 3000 < line["first_sample"] < 2_900_000)
    assert log.frames_complete == sum(line["complete"] for line in lines) > 50
    times = [datetime.fromisoformat(line["time"]).timestamp() - start.timestamp() for line in lines]
    crystal = [line["first_sample"] / 250_000 / (1 + 5e-6) for line in lines]
    assert np.allclose(times, crystal, atol=3e-6)  # half a sample
    truth = np.load(tmp_path / "x.truth.npz")
    strips = truth["strip_time"].size
    assert truth["lon"].shape == truth["lat"].shape == (strips, 8, truth["columns"].size)
    assert np.allclose(np.diff(truth["strip_time"]), 8 / 6.498, atol=1e-6)
    assert np.allclose(np.diff(truth["line_time"], axis=1), 1 / 6.498, atol=1e-6)
    assert np.array_equal(truth["line_time"][:, 0], truth["strip_time"])
    assert truth["strip_time"][0] < start.timestamp() < request.end.timestamp() - 2 < truth["strip_time"][-1]


def test_truth_is_found_by_the_time_stamped_and_tells_the_time_seen(tmp_path: Path) -> None:
    """METEOR-M2 3 stamps 0.23 s late: its lines carry those times, its places are of those before."""
    elements = select(load_elements(ROOT / "scheduler/data/elements/meteor_2024-07-16.txt"), "METEOR-M2 3")
    start = datetime(2024, 7, 17, 2, 20, tzinfo=UTC)
    source = CameraSource.of(
        PassSimulation(elements, Site("x", 22, 103), start, start + timedelta(seconds=5))
    )
    assert source is not None
    batches = list(source.packets(0.0, 5.0))
    assert source.save_truth(tmp_path / "x.npz") == len(batches)
    truth = np.load(tmp_path / "x.npz")
    assert np.allclose(truth["line_time"] - truth["seen_time"], 0.23, atol=1e-6)
    for batch, strip_time in zip(batches, truth["strip_time"], strict=True):
        ms, us = (int.from_bytes(batch.packets[0][a:b], "big") for a, b in ((8, 12), (12, 14)))
        assert ms / 1e3 + us / 1e6 == pytest.approx(strip_time % 86400, abs=2e-6)
    places = LineGeometry(elements, Scan(), Attitude(roll_deg=0.49))
    lon, lat = (one[:, truth["columns"]] for one in places(truth["seen_time"].ravel()))
    assert np.abs(lon - truth["lon"].reshape(lon.shape)).max() < 1e-4
    assert np.abs(lat - truth["lat"].reshape(lat.shape)).max() < 1e-4


def test_a_strip_is_sent_once_it_has_been_scanned() -> None:
    """Against the time stamps in the packets themselves: day since 2000-12-31, milliseconds of the day."""
    elements = select(load_elements(ROOT / "scheduler/data/elements/meteor_2024-07-16.txt"), "METEOR-M2 4")
    start = datetime(2024, 7, 17, 7, 40, tzinfo=UTC)
    source = CameraSource.of(
        PassSimulation(elements, Site("x", 22, 103), start, start + timedelta(seconds=5))
    )
    assert source is not None
    for batch in source.packets(-2.0, 5.0):
        day, ms = (int.from_bytes(batch.packets[0][a:b], "big") for a, b in ((6, 8), (8, 12)))
        stamp = datetime(2000, 12, 31, tzinfo=UTC) + timedelta(days=day, milliseconds=ms)
        assert batch.time - (stamp - start).total_seconds() == pytest.approx(8 / 6.498, abs=1.1e-3)


def test_no_signal_below_the_horizon(tmp_path: Path) -> None:
    elements = select(load_elements(ROOT / "scheduler/data/elements/meteor_2024-07-16.txt"), "METEOR-M2 4")
    start = datetime(2024, 7, 17, 8, 30, tzinfo=UTC)
    request = PassSimulation(
        elements, Site("Lai Châu", 22.40, 103.45), start, start + timedelta(seconds=2), format="cf32"
    )
    log = simulate(request, tmp_path / "x", source=FillSource())
    assert log.frames_complete == 0
    assert log.cn0_max_dbhz is None
    power = np.mean(np.abs(_read(tmp_path / "x")) ** 2)
    assert 10 * np.log10(power) == pytest.approx(-26.0, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"mode": "90k"}, "m2_72k, 72k, 80k"),
        ({"format": "cs24"}, "cs16"),
        ({"sample_rate": 100_000.0}, "115200"),
        ({"rolloff": 1.5}, "roll-off"),
        ({"start": datetime(2026, 1, 1)}, "time zone"),
        ({"end": START}, "after the start"),
        ({"ebn0_db": None}, "ebn0_db"),
        ({"site": Site("x", 0, 0)}, "neither"),
    ],
)
def test_impossible_requests_are_refused(changes: dict, told: str) -> None:
    with pytest.raises(SimulationError, match=told):
        replace(_request(1.0), **changes)


def test_files_are_never_overwritten(tmp_path: Path) -> None:
    _run(_request(0.1), tmp_path / "x")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SimulationError, match="another name"):
        simulate(_request(0.1), tmp_path / "x", source=FillSource())
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(SimulationError, match="folder"):
        simulate(_request(0.1), tmp_path / "absent/x", source=FillSource())
    with pytest.raises(SimulationError, match="no camera"):
        simulate(_request(0.1), tmp_path / "y")


def test_a_disk_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is the system's fault (exit status 3), not the request's."""
    stem = tmp_path / "x"
    (tmp_path / "x.sent.cadu").symlink_to("/dev/full")
    real = Path.open

    def into_a_full_disk(path: Path, mode: str = "r", **rest: object) -> object:
        return real(path, mode.replace("x", "w"), **rest)

    monkeypatch.setattr(Path, "open", into_a_full_disk)
    with pytest.raises(DeviceError, match="disk refuses") as caught:
        simulate(_request(3.0), stem, source=FillSource())
    assert caught.value.exit_status == 3


MEMORY = """
import resource, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from sim.link_test import source_of
from sim.simulate import PassSimulation, simulate
start = datetime(2026, 1, 1, tzinfo=UTC)
end = start + timedelta(seconds=float(sys.argv[1]))
request = PassSimulation(None, None, start, end, ebn0_db=6.0, mode=sys.argv[3])
simulate(request, Path(sys.argv[2]), source=source_of(request))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.parametrize(
    ("mode", "short", "long"),
    [
        ("80k", 5, 45),
        pytest.param("metop_ahrpt", 0.5, 4, marks=pytest.mark.slow),
        pytest.param("noaa_hrpt", 1, 8, marks=pytest.mark.slow),
    ],
)
def test_memory_does_not_grow_with_the_recording(
    tmp_path: Path, mode: str, short: float, long: float
) -> None:
    # Where the tests run under AddressSanitizer, it must not keep what was freed.
    environment = os.environ | {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
    used = [
        float(
            subprocess.run(
                [sys.executable, "-c", MEMORY, str(seconds), str(tmp_path / str(seconds)), mode],
                cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
            ).stdout
        )
        for seconds in (short, long)
    ]  # fmt: skip
    assert used[1] < used[0] + 8  # MB
