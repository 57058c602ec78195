"""The quick tests of the kernels once more, with the kernels built under AddressSanitizer and UBSan."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("decoders", "sim", "sdr", "scheduler", "hardware", "products", "station", "tests")


def copy_of_the_tree(target: Path) -> None:
    """Sources and data without anything built: no other module can be mistaken for a sanitised one."""
    ignore = shutil.ignore_patterns("*.so", "__pycache__", ".*")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore)
    for name in ("CMakeLists.txt", "pyproject.toml", "station.example.toml"):
        shutil.copy(ROOT / name, target / name)
    # The editable install finds our packages in the checkout before any path is looked at.
    (target / "sitecustomize.py").write_text(
        "import sys\n"
        "sys.meta_path = [f for f in sys.meta_path if not type(f).__module__.startswith('_editable_')]\n"
    )


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
    subprocess.run(configure, check=True, capture_output=True)
    subprocess.run([binaries / "cmake", "--build", tree / "build"], check=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("folder", ["decoders", "sim"])
def test_the_kernels_are_clean_under_sanitizers(tmp_path: Path, folder: str) -> None:
    tree = tmp_path / "tree"
    copy_of_the_tree(tree)
    build(tree)
    # libstdc++ as well: the sanitizer must know it before the first C++ exception is thrown.
    libraries = [
        subprocess.run(
            ["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libstdc++.so")
    ]
    environment = os.environ | {
        "LD_PRELOAD": " ".join(libraries),
        # Python itself keeps memory until its end; what is asked here is bounds, lifetimes and arithmetic.
        "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PYTHONPATH": str(tree),
        "TRAMTHU_SHARED": os.environ.get("TRAMTHU_SHARED", str(ROOT.parent / "shared")),
        "TRAMTHU_SLICE": "",
    }
    check = f"import {folder}, sys; sys.exit(not {folder}.__file__.startswith({str(tree)!r}))"
    subprocess.run([sys.executable, "-c", check], cwd=tree, env=environment, check=True)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{folder}"],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, (run.stdout + run.stderr)[-8000:]
    assert " passed" in run.stdout
