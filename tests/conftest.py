"""What every test shares: no network, no downloads, real recordings where present, slices of slow tests."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sdr.salvage import forget

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("TRAMTHU_SHARED", ROOT.parent / "shared"))

# Set before anything imports satpy or pyspectral: both would fetch files.
os.environ["SATPY_DOWNLOAD_AUX"] = "False"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With TRAMTHU_SLICE=k/n keep every n-th test, beginning with the k-th."""
    slice_text = os.environ.get("TRAMTHU_SLICE", "")
    if not slice_text:
        return
    k, n = (int(part) for part in slice_text.split("/"))
    chosen = [item for item in items if item.get_closest_marker("slow")]
    kept = set(chosen[k % n :: n])
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network fails at once and says where."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]) if isinstance(address, tuple) else str(address)
            if not (host.startswith("127.") or host in ("::1", "localhost")):
                pytest.fail(f"the test tried to connect to {host}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _shared(part: str) -> Path:
    path = SHARED / part
    if not path.exists():
        pytest.skip(f"needs {part} of the shared data, looked for in {SHARED} (set TRAMTHU_SHARED)")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings; the test skips, saying so, when it is absent."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_vectors() -> Path:
    """The folder of published and computed test vectors."""
    return _shared("facts/vectors")


@pytest.fixture(autouse=True)
def _priority_of_its_own() -> Iterator[None]:
    """A recorder that runs in the process of the tests raises it above all others, where it may."""
    niceness, policy = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)
    yield
    if os.sched_getscheduler(0) != policy:
        os.sched_setscheduler(0, policy, os.sched_param(0))
    if os.getpriority(os.PRIO_PROCESS, 0) != niceness:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, niceness)


@pytest.fixture(autouse=True)
def _nothing_left_in_memory(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a killed recorder, or one without a disk, leaves in /dev/shm waits an hour for a next one."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    for index in folder.rglob("*.sigmf-index") if folder else ():
        forget(index.with_suffix(""))
