"""The codec's kernel under AddressSanitizer and UBSan, on random and mutated packets."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKETS = 400_000


@pytest.mark.slow
def test_kernel_under_sanitizers(shared_vectors: Path, tmp_path: Path):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    program, packets = tmp_path / "fuzz", tmp_path / "packets"
    sources = [ROOT / "tests/decoders/msu_mr_codec_fuzz.cpp", ROOT / "decoders/instruments/msu_mr_codec.cpp"]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    flags = ["-std=gnu++20", "-O1", "-g", "-ffp-contract=off", *sanitizers]
    subprocess.run([compiler, *flags, f"-I{ROOT}", *map(str, sources), "-o", str(program)], check=True)
    vectors = json.loads((shared_vectors / "lrpt_segment.json").read_text())["vectors"]
    scans = [bytes.fromhex(case["scan_hex"]) for case in vectors]
    packets.write_bytes(b"".join(len(scan).to_bytes(2, "little") + scan for scan in scans))
    done = subprocess.run([program, packets, str(PACKETS), "7"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0.02 * PACKETS  # packets that survive whole, so the path is not all errors
