"""The line to rotctld: one connection, its timeouts, the pauses between tries, what its driver leaves behind.

rotctld answers an unknown long command with nothing at all: so every answer has a timeout; after one the
connection is closed, lest a late answer be taken for the next one's.
"""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Callable

from hardware.errors import AwayError, RotatorError
from hardware.rotctld_answers import (
    HAMLIB_ERRORS,
    LINE_ERRORS,
    LONGEST,
    Answer,
    BadAnswerError,
    is_whole,
    parse_answer,
)

# With the timeout of 2 s, contact is back within 5 s of a rotctld that answers again.
_BACK_OFF_S = (0.25, 0.5, 1.0, 2.0)
# rotctld empties its input before it sends a raw command; no controller of ours takes a point for one.
_EMPTY_INPUT = "w ."


class Line:
    """Connected when somebody asks for it, closed by any failure.

    Args:
        host: of rotctld.
        port: of rotctld.
        timeout_s: for the connection and for every answer.
        monotonic: seconds, for the back-off.

    Attributes:
        asks_again_s: an answer that took longer was asked for more than once, and the driver keeps the rest;
            0 where it keeps none.
        unread: whether the driver may have answers left that nobody has read.
    """

    def __init__(self, host: str, port: int, timeout_s: float, monotonic: Callable[[], float]) -> None:
        self.host, self.port, self.timeout_s = host, port, timeout_s
        self.asks_again_s, self.unread = 0.0, False
        self._monotonic = monotonic
        self._socket: socket.socket | None = None
        self._failures = 0
        self._next_try_at = -math.inf

    @property
    def stands(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    def connect(self) -> None:
        """Connect where that is due.

        Raises:
            AwayError: the last failure is too recent.
            RotatorError: nobody listens.
        """
        wait_s = self._next_try_at - self._monotonic()
        if wait_s > 0:
            raise AwayError(f"rotctld at {self.host}:{self.port} is away; the next try is in {wait_s:.1f} s")
        try:
            self._socket = socket.create_connection((self.host, self.port), self.timeout_s)
        except OSError as error:
            raise self.failed(f"no connection ({error}); is it running?") from None

    def close(self) -> None:
        """Disconnect; may be called again."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def failed(self, what: str) -> RotatorError:
        """Close, and let the next tries be further and further apart."""
        with contextlib.suppress(OSError):
            self.close()
        back_off_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        self._next_try_at = self._monotonic() + back_off_s
        return RotatorError(f"rotctld at {self.host}:{self.port}: {what}")

    def exchange(self, command: str, name: str, timeout_s: float | None = None) -> Answer:
        """Ask on the connection that stands; RotatorError when the answer is late, none, or says an error."""
        asked_at, patience_s = time.monotonic(), self.asks_again_s or math.inf
        try:
            answer = parse_answer(_talk(self._socket, command, timeout_s or self.timeout_s), name)
        except (OSError, BadAnswerError) as error:
            self.unread = patience_s < math.inf
            raise self.failed(f"asked {command!r}, it {_problem(error)}") from None
        self._failures = 0
        if patience_s < math.inf and (answer.code in LINE_ERRORS or time.monotonic() - asked_at > patience_s):
            self.unread = True
        if answer.code in LINE_ERRORS:
            raise RotatorError(
                f"rotctld at {self.host}:{self.port} gets no sense from the rotator's controller: "
                f"{HAMLIB_ERRORS[answer.code]} (Hamlib error {answer.code})"
            )
        if answer.code != 0:
            why = HAMLIB_ERRORS.get(answer.code, "for a reason that Hamlib has not named")
            raise RotatorError(f"the rotator refuses {command!r}: Hamlib error {answer.code}, {why}")
        return answer

    def empty_input(self) -> None:
        """Let the driver throw away what nobody has read; a new connection to rotctld does not."""
        if not self.unread:
            return
        try:
            self.exchange(_EMPTY_INPUT, "send_cmd")
        except RotatorError:
            if not self.stands:
                raise  # what rotctld refuses is all that can be done
        self.unread = False

    def stop_afresh(self) -> None:
        """Stop on a connection of its own.

        Raises:
            OSError: nobody listens or answers.
            BadAnswerError: another answer.
            RotatorError: refused.
        """
        with socket.create_connection((self.host, self.port), self.timeout_s) as connection:
            answer = parse_answer(_talk(connection, "S", self.timeout_s), "stop")
        if answer.code != 0:
            raise RotatorError(f"Hamlib error {answer.code}, {HAMLIB_ERRORS.get(answer.code, 'unnamed')}")


def _talk(connection: socket.socket | None, command: str, timeout_s: float) -> bytes:
    """Bytes up to the line RPRT, within the timeout as a whole."""
    if connection is None:
        raise ConnectionError("has closed the connection")
    connection.sendall(f"+{command}\n".encode())
    raw, deadline = b"", time.monotonic() + timeout_s
    while not is_whole(raw):
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        part = connection.recv(LONGEST)
        raw += part
        if not part:
            raise ConnectionError("has closed the connection")
        if len(raw) > LONGEST or (time.monotonic() > deadline and not is_whole(raw)):
            raise ConnectionError(f"does not end its answer, which begins with {raw[:40]!r}")
    return raw


def _problem(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    return str(error)
