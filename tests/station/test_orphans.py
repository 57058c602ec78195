"""A worker that outlives its supervisor is found by the next one, watched and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from station.orphans import taken_over


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "patient_worker.py").write_text(
        "import os, signal, sys, time\n"
        "def ends(*_):\n"
        "    sys.stderr.write('ended in order\\n'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, ends)\n"
        "open(os.environ['TRAMTHU_PROGRESS'], 'w').write('0.25')\n"
        "time.sleep(120)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return "patient_worker"


def _orphan(module: str, argument: str, log: Path) -> int:
    """Begun by a supervisor that is killed; its process id."""
    code = (
        "import pathlib, time\n"
        "from station.processes import Worker\n"
        f"worker = Worker({module!r}, [{argument!r}], pathlib.Path({str(log)!r}), outlives=True)\n"
        "while worker.progress is None: time.sleep(0.05)\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        supervisor.send_signal(signal.SIGKILL)
    return pid


def test_an_orphan_is_taken_over_and_ended_in_order(tmp_path: Path, module: str) -> None:
    log = tmp_path / "w.log"
    pid = _orphan(module, str(tmp_path / "a.json"), log)
    worker = taken_over(module, str(tmp_path / "a.json"), log)
    assert worker is not None
    assert (worker.pid, worker.poll(), worker.progress) == (pid, None, 0.25)
    ended = worker.wait(60, worker.interrupt)
    assert ended.last_words == "ended in order"
    assert taken_over(module, str(tmp_path / "a.json"), log) is None


def test_only_the_worker_of_that_observation_is_taken_over(tmp_path: Path, module: str) -> None:
    log = tmp_path / "w.log"
    pid = _orphan(module, str(tmp_path / "a.json"), log)
    try:
        assert taken_over(module, str(tmp_path / "b.json"), log) is None
        assert taken_over("another_worker", str(tmp_path / "a.json"), log) is None
    finally:
        os.kill(pid, signal.SIGKILL)
