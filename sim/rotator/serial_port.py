"""A simulated controller behind a pseudo-terminal, in real time: what rotctld opens with `-r`."""

from __future__ import annotations

import os
import random
import select
import threading
import time
import tty
from typing import Protocol

from sim.rotator.mechanics import STEP_S, Mechanics


class Controller(Protocol):
    """`Gs232b` or `Spid`."""

    mechanics: Mechanics

    def receive(self, data: bytes) -> bytes:
        """Bytes in, answers out."""


class SerialPort:
    """Serves one controller on a pty until it is closed.

    Args:
        controller: bytes in, bytes out.
        drop_share: of the bytes, either way, that get lost on the line.
        seed: of which.

    Attributes:
        path: of the terminal, for rotctld.
        silent: while set, nothing is answered: the controller is switched off.
        garbage: while set, answers are replaced by noise.
        late_s: by how much the next answer comes too late; once.
        lose: how many bytes at the begin of the next answer get lost; once.
    """

    def __init__(self, controller: Controller, *, drop_share: float = 0.0, seed: int = 1) -> None:
        self.controller, self.drop_share = controller, drop_share
        self.silent = self.garbage = False
        self.late_s, self.lose = 0.0, 0
        self._random = random.Random(seed)
        self._master, self._slave = os.openpty()  # the slave stays open, so that a dying rotctld is no end
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"controller {self.path}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; may be called again."""
        if not self._ends.is_set():
            self._ends.set()
            self._thread.join()
            os.close(self._master)
            os.close(self._slave)

    def _serve(self) -> None:
        while not self._ends.is_set():
            ready, _, _ = select.select([self._master], [], [], STEP_S)
            self.controller.mechanics.advance_to(time.time())
            if ready:
                answer = self.controller.receive(self._through(os.read(self._master, 1024)))
                self._send(answer)

    def _send(self, answer: bytes) -> None:
        if answer and not self.silent:
            late_s, self.late_s = self.late_s, 0.0
            self._ends.wait(late_s)
            answer, self.lose = answer[self.lose :], 0
            os.write(
                self._master, self._random.randbytes(len(answer)) if self.garbage else self._through(answer)
            )

    def _through(self, data: bytes) -> bytes:
        """What of it arrives."""
        if not self.drop_share:
            return data
        return bytes(byte for byte in data if self._random.random() >= self.drop_share)
