"""What tests do while other threads and processes work: wait for what they bring about, not for a time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def wait_for(condition: Callable[[], Any], what: str = "it did not happen", timeout_s: float = 200.0) -> Any:
    """Until it is true, and what it then is; AssertionError with what did not happen."""
    deadline, pause_s = time.monotonic() + timeout_s, 0.002
    while not (met := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.05)
    return met


def listens(port: int) -> bool:
    """Whether a server of this machine takes a connection."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def free_port() -> int:
    """One at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
