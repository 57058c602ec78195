"""An antenna that nobody drives is kept at rest while motion is forbidden."""

from __future__ import annotations

import contextlib
import logging
import threading
import time

from hardware.errors import HardwareError
from hardware.rest import Rest
from hardware.watch import MotionWatch
from station.config import AntennaSection, RotatorSection

log = logging.getLogger(__name__)

_STEP_S = 0.2


class Resting:
    """Parks or stops one antenna in a thread of its own: a rotator that does not answer holds up no other.

    Args:
        antenna: with a rotator.
    """

    def __init__(self, antenna: AntennaSection) -> None:
        assert antenna.rotator is not None  # noqa: S101 - for the type checker
        self._name, self._section = antenna.name, antenna.rotator
        self._park: bool | None = None
        self._thread: threading.Thread | None = None

    def want(self, park: bool | None) -> None:
        """Returns at once.

        Args:
            park: send it to its park position, else stop it where it is; None: leave it alone.
        """
        stop_now = park is False and self._park is not False
        self._park = park
        if stop_now:  # the other thread may be waiting for an answer
            threading.Thread(target=self._stop_now, name=f"stop {self._name}", daemon=True).start()
        if park is not None and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run, name=f"rest {self._name}", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            self._rest(self._section)
        except Exception:
            log.exception("%s", self._name)  # the next look begins anew

    def _rest(self, section: RotatorSection) -> None:
        from station.pointing import connected

        rotator = connected(section)
        try:
            with contextlib.suppress(HardwareError):
                rotator.open()  # what it is; the first step says what is wrong
            watch = MotionWatch.of(
                section.capabilities, shows_turns=section.tells_turns(rotator.driver.shows_turns)
            )
            rest = Rest(rotator, watch, lambda words: log.warning("%s: %s", self._name, words))
            while (park := self._park) is not None:
                rest.step(park=park, now=time.monotonic())
                time.sleep(_STEP_S)
        finally:
            rotator.close()

    def _stop_now(self) -> None:
        from station.pointing import connected

        rotator = connected(self._section)
        try:
            rotator.stop()
        except HardwareError as error:
            log.error("%s: %s", self._name, error)  # noqa: TRY400 - said whole
        finally:
            rotator.close()
