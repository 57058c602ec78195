"""A worker that outlived its supervisor, watched on by the next: the recorder of a daemon that was killed."""

from __future__ import annotations

from pathlib import Path

from station.errors import SYSTEM_FAULT
from station.processes import Ended, Worker

_PROC = Path("/proc")


class TakenOver(Worker):
    """A worker of another supervisor; how it ended is not told to this one, only that it did.

    Args:
        pid: of the worker.
        command: its whole command line, as `/proc` has it: a number may belong to another process by now.
        log: into which it writes.
    """

    def __init__(self, pid: int, command: bytes, log: Path) -> None:
        self._watch(log)
        self.pid, self._command = pid, command
        self._log_start = 0

    def _reaped(self) -> Ended | None:
        return None if _command_of(self.pid) == self._command else self._end(SYSTEM_FAULT)


def taken_over(module: str, argument: str, log: Path) -> TakenOver | None:
    """The worker that runs a module with an argument, begun by a supervisor that died; None without one."""
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        command = _command_of(int(entry.name))
        words = command.split(b"\0")
        if b"station.child" in words and module.encode() in words and argument.encode() in words:
            return TakenOver(int(entry.name), command, log)
    return None


def _command_of(pid: int) -> bytes:
    """Empty for a process that is dead, reaped or not."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""
