"""The tests of the kernels once more, with the kernels built under AddressSanitizer and UBSan.

Whatever a kernel does outside its arrays, with the wrong lifetime or beyond an integer's range ends the inner
run with the sanitizer's report. (The imager's codec has a fuzzer of its own besides,
tests/decoders/msu_mr_codec_fuzz.cpp.)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("decoders", "sim", "sdr", "scheduler", "hardware", "products", "station", "tests")
# The tests that drive the kernels with arrays of every size; the others only take longer.
TESTS = {
    "decoders": (
        "test_demod_decimator.py",
        "test_demod_kernels.py",
        "test_demod_matched_filter.py",
        "test_demod_robust.py::test_any_floats_are_survived",
        "test_disturbed.py::test_samples_as_they_are_written_are_the_same_samples",
        "test_frame_kernels.py",
        "test_frames.py",
        "test_marker.py",
        "test_msu_mr_codec.py",
        "test_reed_solomon.py",
        "test_siso.py",
        "test_viterbi.py",
    ),
    "sdr": ("test_level_sums.py",),
    "sim": ("test_channel.py", "test_modulator.py", "test_soapy_device.py"),
}
# Statistics over much noise: no other lengths, and half the time.
WITHOUT = (
    "not interleaved_blocks and not first_try_alone and not near_the_threshold and not made_of_noise"
    " and not bit_error_rate and not costs_little"
)

# The editable install finds our packages in the checkout before any path is looked at.
SITECUSTOMIZE = """import sys
sys.meta_path = [f for f in sys.meta_path if not type(f).__module__.startswith("_editable_")]
"""

# Patience, as everything is slower here; and a list of the kernels that were really loaded.
PLUGIN = """import sys
from pathlib import Path
from hypothesis import HealthCheck, settings
settings.register_profile("patient", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("patient")
def pytest_sessionfinish():
    files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    Path("loaded.txt").write_text("\\n".join(file for file in files if file.endswith(".so")))
"""

# SGP4's own library copies a string onto itself (Satrec.twoline2rv); nothing comes of it, and it is not ours.
SUPPRESSIONS = "interceptor_via_lib:vallado_cpp\n"

# Commits the two faults that the sanitizers are here for, and throws, as our kernels do.
PLANTED = """
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <cstdint>
#include <stdexcept>
namespace nb = nanobind;
using Octets = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
NB_MODULE(_planted, m) {
    m.def("at", [](const Octets& octets, std::ptrdiff_t at) {
        if (at < 0) throw std::invalid_argument("negative");
        return octets.data()[at];
    });
    m.def("of_bytes", [](const nb::bytes& octets, std::ptrdiff_t at) { return octets.c_str()[at]; });
    m.def("next", [](std::int32_t number) { return number + 1; });
}
"""


@dataclass(frozen=True)
class Tree:
    """A copy of the sources with sanitised kernels, and the environment in which Python loads them."""

    path: Path
    environment: dict[str, str]

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python there, without our checkout."""
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=self.path, env=self.environment, capture_output=True, text=True, check=False
        )


def copy_of_the_tree(target: Path) -> None:
    """Sources and data without anything built: no other module can be mistaken for a sanitised one."""
    ignore = shutil.ignore_patterns("*.so", "__pycache__", ".*")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore)
    for name in ("CMakeLists.txt", "pyproject.toml", "station.example.toml"):
        shutil.copy(ROOT / name, target / name)
    (target / "sitecustomize.py").write_text(SITECUSTOMIZE)
    (target / "patient.py").write_text(PLUGIN)
    (target / "suppressions.txt").write_text(SUPPRESSIONS)
    (target / "planted").mkdir()
    (target / "planted/planted.cpp").write_text(PLANTED)
    with (target / "CMakeLists.txt").open("a") as lists:
        lists.write("tramthu_kernel(planted _planted planted.cpp)\n")


def build(tree: Path) -> None:
    """The kernels with both sanitizers, beside their sources in the copy."""
    binaries = Path(sys.executable).parent
    nanobind = subprocess.run(
        [sys.executable, "-m", "nanobind", "--cmake_dir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    configure = [
        *(binaries / "cmake", "-S", tree, "-B", tree / "build", "-G", "Ninja"),
        *(f"-DCMAKE_MAKE_PROGRAM={binaries / 'ninja'}", "-DTRAMTHU_SANITIZE=ON"),
        *(f"-DPython_EXECUTABLE={sys.executable}", f"-Dnanobind_DIR={nanobind}"),
    ]
    for command in (configure, [binaries / "cmake", "--build", tree / "build"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def runtime_libraries() -> str:
    """What must be there before Python: the sanitizer, and the library whose exceptions it watches.

    Without the second the first throw of a kernel ends the process, as Python itself does not link it.
    """
    paths = [
        subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout
        for name in ("libasan.so", "libstdc++.so")
    ]
    return " ".join(path.strip() for path in paths)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    if shutil.which("g++") is None:
        pytest.skip("needs g++ and its sanitizers")
    path = tmp_path_factory.mktemp("sanitised")
    copy_of_the_tree(path)
    build(path)
    asan = (
        "detect_leaks=0",  # Python keeps memory until its end; what is asked here is bounds and lifetimes
        "halt_on_error=1",
        "allocator_may_return_null=1",
        f"suppressions={path / 'suppressions.txt'}",
    )
    environment = os.environ | {
        "LD_PRELOAD": runtime_libraries(),
        "ASAN_OPTIONS": ":".join(asan),
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONMALLOC": "malloc",  # else small objects lie side by side in Python's own pools
        "PYTHONPATH": str(path),
        "TRAMTHU_SHARED": os.environ.get("TRAMTHU_SHARED", str(ROOT.parent / "shared")),
        "TRAMTHU_SLICE": "",
    }
    return Tree(path, environment)


def report(run: subprocess.CompletedProcess[str]) -> str:
    """The sanitizer's words from where they begin, or else the end of what the run said."""
    said = run.stdout + run.stderr
    found = re.search(r"^.*(==ERROR: |runtime error: |AddressSanitizer: )", said, re.MULTILINE)
    return said[found.start() :][:4000] if found else said[-4000:]


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("folder", TESTS)
def test_the_kernels_are_clean_under_sanitizers(tree: Tree, folder: str) -> None:
    tests = [f"tests/{folder}/{name}" for name in TESTS[folder]]
    # Captured file descriptors would swallow the report of a process that ends at once.
    options = ("-q", "-x", "--capture=no", "-p", "no:cacheprovider", "-p", "patient", "-k", WITHOUT)
    run = tree.python("-m", "pytest", *options, *tests)
    assert run.returncode == 0, report(run)
    assert " passed" in run.stdout
    loaded = {Path(line) for line in (tree.path / "loaded.txt").read_text().splitlines()}
    assert set((tree.path / folder).glob("*.so")) <= loaded


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("_planted.at(np.zeros(4096, np.uint8), 4096)", "heap-buffer-overflow"),
        ("_planted.of_bytes(bytes(100), 101)", "heap-buffer-overflow"),  # a zero stands behind the last one
        ("_planted.next(2**31 - 1)", "signed integer overflow"),
    ],
)
def test_a_fault_in_a_kernel_is_found(tree: Tree, fault: str, says: str) -> None:
    harmless = """
import numpy as np
from planted import _planted
assert _planted.at(np.ones(4096, np.uint8), 4095) == 1
assert _planted.of_bytes(b"a" * 100, 100) == "\\0"
try:
    _planted.at(np.zeros(1, np.uint8), -1)
except ValueError:
    print("threw")
"""
    run = tree.python("-c", harmless)
    assert (run.returncode, run.stdout) == (0, "threw\n"), report(run)
    run = tree.python("-c", harmless + fault)
    assert run.returncode != 0
    assert says in run.stderr, report(run)
