"""Client of rotctld, Hamlib's rotator server.

On each new connection the rotator must first say that it is the one expected: whoever restarted rotctld may
have started another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hardware.errors import RotatorError
from hardware.limits import Limits
from hardware.rotator_drivers import UNKNOWN, Driver, driver_of, unfit
from hardware.rotctld_answers import Answer, BadAnswerError, Identity, identity_of, position_of
from hardware.rotctld_line import Line

_STOP_TRIES = 3
_STOP_HERE_S = 0.8  # a fresh connection is better than to wait longer on one that may be half open
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
        self._line = Line(host, port, timeout_s, monotonic)
        self._busy = threading.Lock()

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
            raise self._line.failed(f"it {error}") from None
        if self._leftover(found):
            self._line.unread = True
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
            self._line.empty_input()
            self._line.exchange(f"P {azimuth:.2f} {elevation:.2f}", "set_pos")

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
                self._line.stop_afresh()
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
        self._line.close()

    def _ask(self, command: str, name: str) -> Answer:
        with self._busy:
            self._connected()
            self._line.empty_input()
            return self._line.exchange(command, name)

    def _connected(self) -> None:
        """Connect where that is due, and see whom we talk to."""
        if self._line.stands:
            return
        self._line.connect()
        try:
            self.identity = self._identified(time.monotonic() + self._line.timeout_s)
        except RotatorError:
            self.close()  # nothing is sent to a rotator that has not said who it is
            raise
        self.driver = driver_of(self.identity.number)
        self._line.asks_again_s = self.driver.asks_again_s

    def _identified(self, deadline: float) -> Identity:
        """Both answers come from rotctld itself, at once: they share one timeout."""
        state = self._line.exchange("\\dump_state", "dump_state").fields
        left_s = max(deadline - time.monotonic(), 0.05)
        try:
            found = identity_of(state, self._line.exchange("1", "dump_caps", left_s).fields)
        except BadAnswerError as error:
            raise self._line.failed(f"it {error}") from None
        self._judge(found)
        return found

    def _judge(self, found: Identity) -> None:
        """Refuse another rotator than the expected one, and limits that it does not have."""
        wanted = self.model.casefold()
        known = wanted == str(found.number) if wanted.isdigit() else wanted in found.name.casefold()
        if wanted and not known:
            raise self._line.failed(
                f"it drives {found}, but the configuration expects {self.model!r}; the rotator was not moved"
            )
        if found.limits is not None and not self.limits.within(found.limits):
            raise self._line.failed(
                f"the limits {_words(self.limits)} are wider than the rotator's own {_words(found.limits)}; "
                "narrow them in the configuration; the rotator was not moved"
            )
        if reason := unfit(self.limits, driver_of(found.number)):
            raise self._line.failed(f"it drives {found}: {reason}; the rotator was not moved")

    def _stop_here(self) -> bool:
        """On the connection that stands; False where there is none, or somebody else uses it."""
        if not self._busy.acquire(blocking=False):
            return False
        try:
            if not self._line.stands:
                return False
            self._line.exchange("S", "stop", min(_STOP_HERE_S, self._line.timeout_s))
            return True
        finally:
            self._busy.release()


def _words(limits: Limits) -> str:
    return (
        f"azimuth {limits.azimuth_min_deg:g} to {limits.azimuth_max_deg:g}, "
        f"elevation {limits.elevation_min_deg:g} to {limits.elevation_max_deg:g}"
    )
