"""A worker that outlives its supervisor is found by the next one, watched and ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from station.orphans import taken_over
from tests.station.conftest import ModuleOf, orphan


@pytest.fixture
def module(module_of: ModuleOf) -> str:
    return module_of(
        "patient_worker",
        "import os, signal, sys, time\n"
        "def ends(*_):\n"
        "    sys.stderr.write('ended in order\\n'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, ends)\n"
        "open(os.environ['TRAMTHU_PROGRESS'], 'w').write('0.25')\n"
        "time.sleep(120)\n",
    )


def test_an_orphan_is_taken_over_and_ended_in_order(tmp_path: Path, module: str) -> None:
    log = tmp_path / "w.log"
    pid = orphan(module, [str(tmp_path / "a.json")], log, outlives=True)
    worker = taken_over(module, str(tmp_path / "a.json"), log)
    assert worker is not None
    assert (worker.pid, worker.poll(), worker.progress) == (pid, None, 0.25)
    ended = worker.wait(60, worker.interrupt)
    assert ended.last_words == "ended in order"
    assert taken_over(module, str(tmp_path / "a.json"), log) is None


def test_only_the_worker_of_that_observation_is_taken_over(tmp_path: Path, module: str) -> None:
    log = tmp_path / "w.log"
    pid = orphan(module, [str(tmp_path / "a.json")], log, outlives=True)
    try:
        assert taken_over(module, str(tmp_path / "b.json"), log) is None
        assert taken_over("another_worker", str(tmp_path / "a.json"), log) is None
    finally:
        os.kill(pid, signal.SIGKILL)
