"""Worker processes: begun, watched, timed out, and what their end means in words."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from station.errors import DONE, NOTHING_USABLE

_T = TypeVar("_T", str, float)
PROGRESS_VARIABLE = "TRAMTHU_PROGRESS"
LAG_SUFFIX = ".lag"  # of the file in which a live decoder says how far it is behind
GO = b"go\n"
_POLL_S = 0.05
_KILL_AFTER_S = 20.0
_TAIL_BYTES = 4096


@dataclass(frozen=True)
class Ended:
    """How a worker ended: exit status (negative: killed by that signal), time, memory, its last words.

    `peak_rss_mib` is as it was last looked at, which happens many times a second while it is waited for.
    """

    status: int
    seconds: float
    peak_rss_mib: float
    last_words: str
    timed_out: bool = False

    @property
    def reason(self) -> str:
        """Why it failed, in one sentence; empty when it did not."""
        if self.timed_out:
            return f"took longer than {self.seconds:.0f} s and was ended"
        if self.status == DONE:
            return ""
        if self.status < 0:
            name = signal.Signals(-self.status).name
            memory = "; was the memory exhausted?" if self.status == -signal.SIGKILL else ""
            return f"ended by {name}{memory}"
        words = (
            _said(self.last_words, "error", str)
            or self.last_words
            or f"exit status {self.status}, see the log"
        )
        return f"nothing usable: {words}" if self.status == NOTHING_USABLE else words


class Worker:
    """One child process; what it says on stderr goes to the log, stdout beside it with suffix `.out`.

    Args:
        module: run with `python -m`.
        arguments: of the module.
        log: file that grows; its folder exists.
        niceness: up to 19; below 0 for what must not wait, where the system lets it.
        outlives: go on when this process dies; the next one takes it over by `taken_over`.
        waits: its stdin is a pipe, on which `go` gives it the word; the pipe ends with this process.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log: Path,
        *,
        niceness: int = 0,
        outlives: bool = False,
        waits: bool = False,
    ) -> None:
        self._watch(log)
        parent = "0" if outlives else str(os.getpid())
        with log.open("ab") as errors, log.with_suffix(".out").open("wb") as output:
            self._log_start = errors.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "station.child", parent, str(niceness), module, *arguments],
                stdin=subprocess.PIPE if waits else subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,  # ^C reaches the supervisor alone, which ends its workers
                env=os.environ | {PROGRESS_VARIABLE: str(self.progress_file)},
            )
        self.pid = self._process.pid

    def _watch(self, log: Path) -> None:
        self.log = log
        self.progress_file = log.with_suffix(".progress")
        self.ended: Ended | None = None
        self._began = time.monotonic()
        self._peak_rss_mib = 0.0
        self._interrupted = False

    @property
    def output(self) -> str:
        """What the worker wrote to stdout."""
        return self.log.with_suffix(".out").read_text(encoding="utf-8", errors="replace")

    @property
    def progress(self) -> float | None:
        """The fraction that is done, as the worker last said."""
        try:
            return float(self.progress_file.read_text())
        except (OSError, ValueError):
            return _said(self._last_words(), "progress", float)

    @property
    def lag_s(self) -> float | None:
        """Seconds by which a live decoder is behind its recording, as it last said."""
        try:
            return float(Path(f"{self.progress_file}{LAG_SUFFIX}").read_text())
        except (OSError, ValueError):
            return None

    def poll(self) -> Ended | None:
        """How it ended, None while it runs."""
        if self.ended is None:
            self._peak_rss_mib = max(self._peak_rss_mib, _peak_rss_mib(self.pid))
            self.ended = self._reaped()
        return self.ended

    def _reaped(self) -> Ended | None:
        status = self._process.poll()
        if status is None:
            return None
        if self._process.stdin is not None:
            self._process.stdin.close()
        return self._end(status)

    def wait(self, timeout_s: float | None = None, watch: Callable[[], None] = lambda: None) -> Ended:
        """Wait for its end; after the timeout it is ended. `watch` is called some times a second."""
        until = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while (ended := self.poll()) is None:
            watch()
            if time.monotonic() > until:
                return self._end_now()
            time.sleep(_POLL_S)
        return ended

    def go(self) -> bool:
        """Give one that waits the word to begin; False when it is dead."""
        assert self._process.stdin is not None  # noqa: S101 - begun with `waits`
        try:
            with self._process.stdin as word:
                word.write(GO)
        except BrokenPipeError:
            return False
        self._began = time.monotonic()
        return True

    def interrupt(self) -> None:
        """Ask it to end in order; once, as a second SIGTERM would end it while it tidies up."""
        if self.poll() is None and not self._interrupted:
            self._interrupted = True
            self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        if self.poll() is None:
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def _end_now(self) -> Ended:
        self.interrupt()
        deadline = time.monotonic() + _KILL_AFTER_S
        while (ended := self.poll()) is None:
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(_POLL_S)
        return Ended(ended.status, ended.seconds, ended.peak_rss_mib, ended.last_words, timed_out=True)

    def _end(self, status: int) -> Ended:
        return Ended(status, time.monotonic() - self._began, self._peak_rss_mib, self._last_words())

    def _last_words(self) -> str:
        with self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1].removeprefix("tramthu: ") if said else ""


def _peak_rss_mib(pid: int) -> float:
    """The most memory a living process has held, MiB; 0 for one that is dead.

    What wait4(2) tells of a dead one is never below what its parent held when it began it.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return 0.0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) / 1024 for words in lines), 0.0)


def _said(line: str, key: str, kind: type[_T]) -> _T | None:
    """The value of one key of a line of JSON, as the product maker speaks."""
    try:
        return kind(json.loads(line)[key])
    except (ValueError, TypeError, KeyError):
        return None
