"""Every fuzz target for half a minute, from the same seed and from valid examples by our own writers."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
TARGETS = sorted(path.name for path in FOLDER.glob("fuzz_*.py"))
SECONDS = 30
# Decoding soft bits takes a tenth of a second; the parsers of text do thousands a second.
FEWEST_RUNS = 20
# Branches of our own code that the seeds alone pass; without instrumentation it is a handful.
LEAST_COVERAGE = 20

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="needs atheris, which has wheels for x86_64 Linux only",
)


def run(target: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """One target with a corpus of its own; what it writes stays in the folder."""
    (folder / "corpus").mkdir(exist_ok=True)
    command = [sys.executable, FOLDER / target, "-seed=1", f"-artifact_prefix={folder}/", *options]
    # Through a shell that forks: a child of this process would inherit its peak of memory, which Linux keeps
    # over vfork and exec, and the fuzzer would take that for its own.
    return subprocess.run(
        ["sh", "-c", '"$@"; exit $?', "sh", *command, folder / "corpus"],
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def report(done: subprocess.CompletedProcess[str], folder: Path) -> str:
    """The traceback, and the input that made it where it is short."""
    crashes = [path for path in folder.iterdir() if path.name.startswith(("crash-", "timeout-", "oom-"))]
    inputs = [f"{path}: {path.read_bytes()[:500]!r}" for path in crashes]
    return "\n".join([done.stdout[-3000:], done.stderr[-1500:], *inputs])


@needs_atheris
@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_no_input_is_more_than_an_error(target: str, tmp_path: Path) -> None:
    done = run(target, tmp_path, f"-max_total_time={SECONDS}")
    assert done.returncode == 0, report(done, tmp_path)
    runs = re.search(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
    assert runs is not None, done.stderr[-2000:]
    assert int(runs[1]) >= FEWEST_RUNS
    assert max(map(int, re.findall(r" cov: (\d+)", done.stderr))) >= LEAST_COVERAGE


@needs_atheris
@pytest.mark.slow
def test_a_planted_fault_is_found(tmp_path: Path) -> None:
    done = run("planted.py", tmp_path, "-runs=2000000", "-max_total_time=120")
    assert done.returncode != 0
    assert "IndexError: planted" in done.stdout + done.stderr
    [crash] = tmp_path.glob("crash-*")
    assert crash.read_bytes().startswith(b"LRPT")
