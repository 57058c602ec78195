"""Workers: status, words, time limit, end with their supervisor."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.processes import Worker
from station.spare import Spare
from tests.station.conftest import ModuleOf, orphan
from tests.waiting import wait_for


@pytest.fixture
def module(module_of: ModuleOf) -> str:
    """A module of its own that does as its arguments say."""
    return module_of(
        "obedient_worker",
        "import os, sys, time\n"
        "words, status, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])\n"
        "print('out', flush=True)\n"
        "sys.stderr.write(words + chr(10)); sys.stderr.flush()\n"
        "open(os.environ['TRAMTHU_PROGRESS'], 'w').write('0.5')\n"
        "time.sleep(seconds)\n"
        "if status == 99: raise RuntimeError('broken')\n"
        "sys.exit(status)\n",
    )


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ("all well", 0, ""),
        ("tramthu: no signal", 1, "nothing usable: no signal"),
        ("tramthu: an unknown downlink", 2, "an unknown downlink"),
        ('{"error": "the folder is full"}', 3, "the folder is full"),
    ],
)
def test_the_end_in_words(tmp_path: Path, module: str, words: str, status: int, reason: str) -> None:
    worker = Worker(module, [words, str(status), "0"], tmp_path / "w.log")
    ended = worker.wait(200)
    assert (ended.status, ended.reason, ended.timed_out) == (status, reason, False)
    assert worker.output == "out\n"
    assert worker.progress == 0.5


def test_its_memory_is_its_own(tmp_path: Path, module_of: ModuleOf) -> None:
    """Not that of the process which began it, which is larger here."""
    seen = tmp_path / "seen"
    module_of(
        "fat_worker",
        "import os, sys, time\n"
        "held = bytearray(100 << 20)\n"
        "held[::4096] = bytes(len(held) // 4096)\n"
        "open(os.environ['TRAMTHU_PROGRESS'], 'w').write('1')\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.02)\n",
    )
    mine = bytearray(300 << 20)
    mine[::4096] = b"x" * (len(mine) // 4096)
    worker = Worker("fat_worker", [str(seen)], tmp_path / "w.log")

    def watch() -> None:
        if worker.progress == 1:
            worker.poll()
            seen.touch()

    assert 100 < worker.wait(120, watch).peak_rss_mib < 200


def test_an_exception_is_a_fault_not_an_empty_result(tmp_path: Path, module: str) -> None:
    ended = Worker(module, ["x", "99", "0"], tmp_path / "w.log").wait(200)
    assert (ended.status, ended.reason) == (3, "RuntimeError: broken")


def test_past_its_time_it_is_ended(tmp_path: Path, module: str) -> None:
    ended = Worker(module, ["x", "0", "60"], tmp_path / "w.log").wait(1.0)
    assert ended.timed_out
    assert "took longer" in ended.reason
    assert ended.seconds < 15


def test_killed_for_memory_is_said(tmp_path: Path, module: str) -> None:
    worker = Worker(module, ["x", "0", "60"], tmp_path / "w.log")
    worker.kill()
    assert "SIGKILL; was the memory exhausted" in worker.wait(200).reason


def test_a_worker_ends_with_its_supervisor(tmp_path: Path, module: str) -> None:
    child = orphan(module, ["x", "0", "600"], tmp_path / "w.log")
    wait_for(lambda: not _runs(child), "the worker outlived its supervisor")


@pytest.fixture
def waiting(module_of: ModuleOf) -> str:
    """A module that waits for the word, and says whether it got it."""
    code = "import sys\nsys.exit(0 if sys.stdin.buffer.readline() == b'go\\n' else 3)\n"
    return module_of("waiting_worker", code)


def test_a_spare_worker_begins_at_the_word(tmp_path: Path, waiting: str) -> None:
    begun: list[Worker] = []

    def begin() -> Worker:
        begun.append(Worker(waiting, [], tmp_path / "w.log", outlives=True, waits=True))
        return begun[-1]

    spare = Spare(begin)
    assert spare.take() is None
    spare.prepare()
    spare.prepare()
    assert len(begun) == 1
    taken = spare.take()
    assert taken is begun[0]
    assert taken.wait(30).status == 0
    spare.prepare()
    begun[-1].kill()
    begun[-1].wait(30)
    assert spare.take() is None  # a dead one is no help
    spare.prepare()
    spare.dismiss()
    assert begun[-1].poll() is not None
    assert len(begun) == 3


def test_a_spare_worker_ends_with_its_supervisor(tmp_path: Path, waiting: str) -> None:
    child = orphan(waiting, [], tmp_path / "w.log", at_work=False, outlives=True, waits=True)
    wait_for(lambda: not _runs(child), "the spare worker outlived its supervisor")


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
