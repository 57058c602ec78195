"""The kernels on the other processor: compiled for aarch64, run by an emulator, the same numbers out.

Everything there is integer, or floating point in one order of sums without contraction, so all is held equal
to the last bit. Compiler and emulator take half a gigabyte, so `make setup` brings them only where
TRAMTHU_CI is set; there the test fails without them.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from decoders.coding import _fec
from decoders.demodulation import _demod
from decoders.demodulation.decimator import decimated
from decoders.instruments import _msu_mr
from sdr.formats import FORMATS, Codes, from_samples, sample_format, to_codes

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    *(
        "decoders/coding/frame_kernels.cpp",
        "decoders/coding/viterbi.cpp",
        "decoders/coding/siso.cpp",
        "decoders/coding/reed_solomon.cpp",
        "decoders/coding/marker.cpp",
    ),
    *(
        "decoders/instruments/msu_mr_codec.cpp",
        "decoders/demodulation/decimator.cpp",
        "decoders/demodulation/matched_filter.cpp",
        "decoders/demodulation/phase_kernels.cpp",
    ),
    "tests/kernels_program.cpp",
)
FLAGS = ("-std=gnu++20", "-O3", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-static")
MARKER = 0xA116FD719D83C95
ROWS, HEAD, LENGTH, TAIL = 37, 40, 211, 50
QUALITY = 30
PHASES, OUTPUTS, TURN_LENGTH, WINDOW, RAIL_LENGTH = 32, 1500, 100, 64, 48


def tools() -> tuple[str, str]:
    """Compiler and emulator; on an aarch64 machine its own compiler and none."""
    if platform.machine() == "aarch64":
        return "g++", ""
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64-static")
    if compiler is None or emulator is None:
        missing = "needs the Debian packages g++-aarch64-linux-gnu and qemu-user-static"
        if os.environ.get("TRAMTHU_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return compiler, emulator


def given(shared_vectors: Path) -> dict[str, np.ndarray]:
    """What the kernels are given, by the name of its file."""
    rng = np.random.default_rng(1)
    arrays = {
        "viterbi.sizes": np.array([ROWS, HEAD, LENGTH, TAIL]),
        "demodulator.sizes": np.array([PHASES, OUTPUTS, TURN_LENGTH, WINDOW, RAIL_LENGTH]),
        "soft": rng.integers(-128, 128, (ROWS, 2 * (HEAD + LENGTH + TAIL))).astype(np.int8),
        "erasures": rng.permutation(255)[:10].astype(np.uint8),
        "stream": rng.integers(0, 2, 1000).astype(np.uint8),
        "marker": np.array([MARKER], dtype=np.uint64),
        "pattern": rng.integers(-1, 2, 200).astype(np.int8),
        "samples": (rng.standard_normal(2 * 2064) * 3).astype(np.float32),
        "taps": rng.standard_normal((PHASES + 1, 24)).astype(np.float32),
        "edge_taps": rng.standard_normal(2 * 17).astype(np.float32),
        "numbers": np.array([3.7, 1.31, 0.0173]),
        "turns": rng.uniform(-3, 3, 43),
        "steps": rng.uniform(-0.01, 0.01, 43),
        "gain": rng.uniform(1, 5, 4).astype(np.float32),
    }
    arrays["soft"][5] = 0
    recorded = 0.05 * arrays["samples"][:4000].view(np.complex64)
    recorded[rng.integers(0, 2000, 40)] = 0.99  # impulses
    arrays |= {f"codes_{fmt}": to_codes(from_samples(recorded, fmt), fmt).values.copy() for fmt in FORMATS}
    arrays["codes_cf32"][300] = np.nan
    known = np.where(
        rng.random(arrays["soft"].size // 2) < 0.3, rng.integers(0, 2, arrays["soft"].size // 2), 2
    )
    arrays["known"] = known.astype(np.uint8)
    for parity in (16, 32):  # all zeros is a codeword
        words = np.zeros((40, 255), dtype=np.uint8)
        for k, word in enumerate(words):
            word[rng.permutation(255)[: k % 20]] = rng.integers(1, 256)
        arrays[f"words_{parity}"] = words
    arrays |= {
        "sent": rng.integers(0, 256, (1, 501)).astype(np.uint8),
        "sequence": rng.integers(0, 256, 4 * 255).astype(np.uint8),
        "from_wire": rng.permutation(256).astype(np.uint8),
        "frames": rng.integers(0, 2, 3 * (32 + 8 * 4 * 255)).astype(np.uint8),
    }
    case = json.loads((shared_vectors / "lrpt_segment.json").read_text())["vectors"][0]
    arrays["scan"] = np.frombuffer(bytes.fromhex(case["scan_hex"]), np.uint8)
    return arrays


def wanted(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the kernels return on this machine."""
    soft, known = arrays["soft"], arrays["known"]
    result: dict[str, np.ndarray] = {}
    result["bits"], result["score"] = _fec.viterbi(soft, HEAD, LENGTH, TAIL, _fec.instruction_set())
    stream = soft.reshape(-1)
    rows = (stream.size // 2 - HEAD - TAIL) // LENGTH
    result["stream_bits"], result["stream_score"] = _fec.viterbi_stream(
        stream[: 2 * (HEAD + rows * LENGTH + TAIL)], rows, HEAD, LENGTH, TAIL
    )
    result["signs"] = _fec.symbol_signs(arrays["sent"], stream[: 16 * arrays["sent"].size][np.newaxis])
    result["spread"] = _fec.spread_symbols(stream[:4000], (0, 3, 1, 4), (1, -1, 1, 1), 6)
    frames = arrays["frames"].reshape(-1, 32 + 8 * 4 * 255)
    result["block_words"], result["block_corrected"] = _fec.decode_blocks(
        frames, np.arange(len(frames)) % 2 == 1, 32, arrays["sequence"], arrays["from_wire"], 32, 32
    )
    result["llr"] = _fec.siso(soft.reshape(-1), known, False)
    result["llr_nrz_m"] = _fec.siso(soft.reshape(-1), known, True)
    for parity in (16, 32):
        for erasures in (arrays["erasures"][:0], arrays["erasures"]):
            decoded = [_fec.rs_decode(word, erasures, parity) for word in arrays[f"words_{parity}"]]
            result[f"fixed_{parity}_{erasures.size}"] = np.stack([word for word, _ in decoded])
            result[f"corrected_{parity}_{erasures.size}"] = np.array([n for _, n in decoded], np.int32)
    result["distance"] = _fec.marker_distance(arrays["stream"], MARKER, 60)
    result["correlation"] = _fec.marker_correlation(soft.reshape(-1), arrays["pattern"])
    result["counts"] = np.zeros((8, 112), dtype=np.uint8)
    blocks = _msu_mr.decode_packet(arrays["scan"].tobytes(), QUALITY, result["counts"])
    result["blocks"] = np.array(blocks)
    samples, rails = arrays["samples"].view(np.complex64), arrays["samples"].reshape(4, -1)
    first, step, frequency = arrays["numbers"]
    result["matched"] = _demod.matched_samples(samples, arrays["taps"], first, step, OUTPUTS, frequency)
    for fmt in FORMATS:
        codes = Codes(arrays[f"codes_{fmt}"], sample_format(fmt))
        lowered = np.zeros((len(codes) - 48) // 3 + 1, np.complex64)
        taps = arrays["taps"].reshape(-1)[:48]
        done = decimated(samples[:0], codes, taps, 3, out=lowered, chunk=100)
        result |= {f"lowered_{fmt}": lowered, f"held_{fmt}": done.held}
        result[f"blanked_{fmt}"] = np.array([done.blanked, done.unusable])
    result["turned"] = _demod.turn_back(samples, arrays["turns"], arrays["steps"], TURN_LENGTH)
    result["rails"] = _demod.turn_to_rails(samples, arrays["turns"], arrays["steps"], RAIL_LENGTH)
    result["fourth"] = _demod.fourth_power(samples)
    result["fourth_lines"] = _demod.fourth_lines(samples, RAIL_LENGTH)
    result["lines"] = _demod.edge_lines(samples, arrays["edge_taps"].view(np.complex64), WINDOW)
    result["moments"] = _demod.moments(rails)
    result["soft_bits"] = _demod.soft_bits(rails, arrays["gain"], 8.0)
    return result


@pytest.mark.slow
def test_the_kernels_give_the_same_numbers_on_aarch64(shared_vectors: Path, tmp_path: Path) -> None:
    compiler, emulator = tools()
    program, folder = tmp_path / "kernels", tmp_path / "data"
    sources = [str(ROOT / source) for source in SOURCES]
    subprocess.run([compiler, *FLAGS, f"-I{ROOT}", *sources, "-o", str(program)], check=True)
    arrays = given(shared_vectors)
    folder.mkdir()
    for name, array in arrays.items():
        array.tofile(folder / name)
    subprocess.run([part for part in (emulator, str(program), str(folder)) if part], check=True)
    expected = wanted(arrays)
    assert expected["blocks"][0] == 14
    assert expected["corrected_32_0"].max() == 16
    assert expected["corrected_16_10"].max() > 10  # beyond the erasures
    assert expected["blanked_cf32"][0] > 50
    assert expected["blanked_cf32"][1] == 1
    for name, array in expected.items():
        got = np.fromfile(folder / f"{name}.out", dtype=array.dtype).reshape(array.shape)
        assert np.array_equal(got, array), f"{name} differs in {np.count_nonzero(got != array)} places"
