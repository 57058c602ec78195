"""Client of rotctld, Hamlib's rotator server.

rotctld answers an unknown long command with nothing at all: so every answer has a timeout; after one the
connection is closed, lest a late answer be taken for the next one's. On each new connection the rotator must
first say that it is the one expected: whoever restarted rotctld may have started another.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from collections.abc import Callable

from hardware.errors import AwayError, RotatorError
from hardware.limits import Limits
from hardware.rotator_drivers import UNKNOWN, Driver, driver_of, unfit
from hardware.rotctld_answers import (
    HAMLIB_ERRORS,
    LINE_ERRORS,
    LONGEST,
    Answer,
    BadAnswerError,
    Identity,
    identity_of,
    is_whole,
    parse_answer,
    position_of,
)

# With the timeout of 2 s, contact is back within 5 s of a rotctld that answers again.
_BACK_OFF_S = (0.25, 0.5, 1.0, 2.0)
_STOP_TRIES = 3
_STOP_HERE_S = 0.8  # a fresh connection is better than to wait longer on one that may be half open
# rotctld empties its input before it sends a raw command; no controller of ours takes a point for one.
_EMPTY_INPUT = "w ."
_OUTSIDE_DEG = 1.5  # a whole degree of read-back, and noise
_FAR_DEG = 20.0  # an axis that ran through its limits is told by the watch


class Rotctld:
    """One rotator behind rotctld. The connection is made when needed and made anew after a failure.

    Args:
        host: of rotctld.
        port: of rotctld.
        limits: ours, enforced before anything is sent.
        model: Hamlib's model number or name that must answer ("603", "GS-232B"); empty takes any.
        park_position: azimuth and elevation; None leaves it to the driver, and most have none.
        timeout_s: for the connection and for every answer.
        monotonic: seconds, for the back-off.

    Attributes:
        identity: of the rotator, once it was connected.
        driver: what is known of its driver.
        parked: whether it was parked here and not unparked since.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 4533,
        *,
        limits: Limits,
        model: str = "",
        park_position: tuple[float, float] | None = None,
        timeout_s: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host, self.port, self.limits, self.model = host, port, limits, model.strip()
        self.park_position = park_position
        self.identity: Identity | None = None
        self.driver: Driver = UNKNOWN
        self.parked = False
        self._timeout_s, self._monotonic = timeout_s, monotonic
        self._socket: socket.socket | None = None
        self._busy = threading.Lock()
        self._failures = 0
        self._unread = False  # whether the driver may have answers left that nobody has read
        self._next_try_at = -math.inf

    def open(self) -> str:
        """Connect, check model and limits; returns what rotctld says the rotator is.

        Raises:
            RotatorError: no answer, no rotctld, another model than expected, limits wider than the rotator's.
        """
        with self._busy:
            self._connected()
        return str(self.identity)

    def position(self) -> tuple[float, float]:
        """Azimuth and elevation as the rotator tells them, degrees."""
        fields = self._ask("p", "get_pos").fields
        try:
            found = position_of(fields)
        except BadAnswerError as error:
            raise self._failed(f"it {error}") from None
        if self._leftover(found):
            self._unread = True
            raise RotatorError(
                f"rotctld at {self.host}:{self.port} tells {found[0]:g}, {found[1]:g}, where the rotator "
                "cannot be: its driver has lost count of the bytes; its input is emptied"
            )
        return found

    def _leftover(self, position: tuple[float, float]) -> bool:
        """Whether it is put together from pieces of two answers."""
        ends = self.identity.limits if self.identity else None
        if not self.driver.asks_again_s or ends is None:
            return False
        azimuth_deg, elevation_deg = position
        return not (
            ends.azimuth_min_deg - _FAR_DEG <= azimuth_deg <= ends.azimuth_max_deg + _FAR_DEG
            and ends.elevation_min_deg - _FAR_DEG <= elevation_deg <= ends.elevation_max_deg + _FAR_DEG
        )

    def standing(self) -> tuple[float, float]:
        """The position to plan from: one that the read-back shows a little outside the limits is on them.

        Raises:
            RotatorError: further outside than that; it has to be brought back by hand.
        """
        azimuth_deg, elevation_deg = self.position()
        lim = self.limits
        inside = (
            min(max(azimuth_deg, lim.azimuth_min_deg), lim.azimuth_max_deg),
            min(max(elevation_deg, lim.elevation_min_deg), lim.elevation_max_deg),
        )
        if max(abs(inside[0] - azimuth_deg), abs(inside[1] - elevation_deg)) > _OUTSIDE_DEG:
            raise RotatorError(
                f"the rotator stands at {azimuth_deg:g}, {elevation_deg:g}, outside {_words(lim)}: "
                "bring it back by hand; it is not moved"
            )
        return inside

    def point(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Send the rotator there, in its own degrees. Outside the limits nothing is sent: RotatorError."""
        if self.parked:
            raise RotatorError("the rotator is parked; it is moved only after a booking has unparked it")
        self._send(azimuth_deg, elevation_deg)

    def _send(self, azimuth_deg: float, elevation_deg: float) -> None:
        if not self.limits.allow(azimuth_deg, elevation_deg):
            raise RotatorError(
                f"azimuth {azimuth_deg:g}, elevation {elevation_deg:g} lie outside {_words(self.limits)}; "
                "the rotator was not moved"
            )
        with self._busy:
            self._connected()  # the driver's step is known only now
            lim, driver = self.limits, self.driver
            azimuth = driver.on_step(azimuth_deg, lim.azimuth_min_deg, lim.azimuth_max_deg)
            elevation = driver.on_step(elevation_deg, lim.elevation_min_deg, lim.elevation_max_deg)
            self._empty_input()
            self._exchange(f"P {azimuth:.2f} {elevation:.2f}", "set_pos")

    def stop(self) -> None:
        """Stop all motion now, whatever the back-off and whoever waits for an answer.

        First on the connection that stands, if nobody else uses it, then on fresh ones.

        Raises:
            RotatorError: nothing got through.
        """
        problems = []
        for attempt in range(_STOP_TRIES):
            try:
                if attempt == 0 and self._stop_here():
                    return
                self._stop_afresh()
            except (OSError, BadAnswerError, RotatorError) as error:
                problems.append(str(error))
            else:
                return
        raise RotatorError(f"rotctld at {self.host}:{self.port}: stop did not get through: {problems[-1]}")

    def park(self) -> None:
        """Send the rotator to the park position: ours if there is one, else the driver's.

        From then on nothing moves it until `unpark`.
        """
        if self.park_position is not None:
            self._send(*self.park_position)
        else:
            try:
                self._ask("K", "park")
            except RotatorError as error:
                raise RotatorError(f"{error}; give a park position in the configuration") from None
        self.parked = True

    def unpark(self) -> None:
        """A booking begins: it may be moved again. Sends nothing."""
        self.parked = False

    def close(self) -> None:
        """Disconnect; may be called again. The rotator goes on to where it was sent."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _ask(self, command: str, name: str) -> Answer:
        with self._busy:
            self._connected()
            self._empty_input()
            return self._exchange(command, name)

    def _empty_input(self) -> None:
        """Let the driver throw away what nobody has read; a new connection to rotctld does not."""
        if self._unread:
            try:
                self._exchange(_EMPTY_INPUT, "send_cmd")
            except RotatorError:
                if self._socket is None:
                    raise  # what rotctld refuses is all that can be done
            self._unread = False

    def _exchange(self, command: str, name: str, timeout_s: float | None = None) -> Answer:
        """Ask on the connection that stands; RotatorError when the answer is late, none, or says an error."""
        asked_at, patience_s = time.monotonic(), self.driver.asks_again_s or math.inf
        try:
            answer = parse_answer(self._talk(self._socket, command, timeout_s or self._timeout_s), name)
        except (OSError, BadAnswerError) as error:
            self._unread = patience_s < math.inf
            raise self._failed(f"asked {command!r}, it {_problem(error)}") from None
        self._failures = 0
        if patience_s < math.inf and (answer.code in LINE_ERRORS or time.monotonic() - asked_at > patience_s):
            self._unread = True
        if answer.code in LINE_ERRORS:
            raise RotatorError(
                f"rotctld at {self.host}:{self.port} gets no sense from the rotator's controller: "
                f"{HAMLIB_ERRORS[answer.code]} (Hamlib error {answer.code})"
            )
        if answer.code != 0:
            why = HAMLIB_ERRORS.get(answer.code, "for a reason that Hamlib has not named")
            raise RotatorError(f"the rotator refuses {command!r}: Hamlib error {answer.code}, {why}")
        return answer

    def _talk(self, connection: socket.socket | None, command: str, timeout_s: float) -> bytes:
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

    def _connected(self) -> None:
        """Connect where that is due, and see whom we talk to."""
        if self._socket is not None:
            return
        wait_s = self._next_try_at - self._monotonic()
        if wait_s > 0:
            raise AwayError(f"rotctld at {self.host}:{self.port} is away; the next try is in {wait_s:.1f} s")
        try:
            self._socket = socket.create_connection((self.host, self.port), self._timeout_s)
        except OSError as error:
            raise self._failed(f"no connection ({error}); is it running?") from None
        try:
            self.identity = self._identified(time.monotonic() + self._timeout_s)
        except RotatorError:
            self.close()  # nothing is sent to a rotator that has not said who it is
            raise
        self.driver = driver_of(self.identity.number)

    def _identified(self, deadline: float) -> Identity:
        """Both answers come from rotctld itself, at once: they share one timeout."""
        state = self._exchange("\\dump_state", "dump_state").fields
        left_s = max(deadline - time.monotonic(), 0.05)
        try:
            found = identity_of(state, self._exchange("1", "dump_caps", left_s).fields)
        except BadAnswerError as error:
            raise self._failed(f"it {error}") from None
        self._judge(found)
        return found

    def _judge(self, found: Identity) -> None:
        """Refuse another rotator than the expected one, and limits that it does not have."""
        wanted = self.model.casefold()
        known = wanted == str(found.number) if wanted.isdigit() else wanted in found.name.casefold()
        if wanted and not known:
            raise self._failed(
                f"it drives {found}, but the configuration expects {self.model!r}; the rotator was not moved"
            )
        if found.limits is not None and not self.limits.within(found.limits):
            raise self._failed(
                f"the limits {_words(self.limits)} are wider than the rotator's own {_words(found.limits)}; "
                "narrow them in the configuration; the rotator was not moved"
            )
        if reason := unfit(self.limits, driver_of(found.number)):
            raise self._failed(f"it drives {found}: {reason}; the rotator was not moved")

    def _stop_here(self) -> bool:
        """On the connection that stands; False where there is none, or somebody else uses it."""
        if not self._busy.acquire(blocking=False):
            return False
        try:
            if self._socket is None:
                return False
            self._exchange("S", "stop", min(_STOP_HERE_S, self._timeout_s))
            return True
        finally:
            self._busy.release()

    def _stop_afresh(self) -> None:
        with socket.create_connection((self.host, self.port), self._timeout_s) as connection:
            answer = parse_answer(self._talk(connection, "S", self._timeout_s), "stop")
        if answer.code != 0:
            raise RotatorError(f"Hamlib error {answer.code}, {HAMLIB_ERRORS.get(answer.code, 'unnamed')}")

    def _failed(self, what: str) -> RotatorError:
        """Close, and let the next tries be further and further apart."""
        with contextlib.suppress(OSError):
            self.close()
        back_off_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        self._next_try_at = self._monotonic() + back_off_s
        return RotatorError(f"rotctld at {self.host}:{self.port}: {what}")


def _problem(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    return str(error)


def _words(limits: Limits) -> str:
    return (
        f"azimuth {limits.azimuth_min_deg:g} to {limits.azimuth_max_deg:g}, "
        f"elevation {limits.elevation_min_deg:g} to {limits.elevation_max_deg:g}"
    )
