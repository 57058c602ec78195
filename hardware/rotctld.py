"""Client of rotctld, Hamlib's rotator server.

Every command is sent in its extended form ("+p"): the answer then begins with the command's long name and
ends with "RPRT n", n the negative Hamlib error. rotctld answers an unknown long command with nothing at all:
so every answer has a timeout; after one the connection is closed, lest a late answer be taken for the next.
Source: rotctld(1), and what rotctld of Hamlib 4.5.4 sends.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Callable

from hardware.errors import RotatorError
from hardware.limits import Limits

_MAX_ANSWER = 4096
_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
_EIO, _ETIMEOUT = -6, -5


class Rotctld:
    """One rotator behind rotctld. The connection is made when needed and made anew after a failure.

    Args:
        host: of rotctld.
        port: of rotctld.
        limits: ours, enforced before anything is sent.
        timeout_s: for the connection and for every answer.
        monotonic: seconds, for the back-off.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 4533,
        *,
        limits: Limits,
        timeout_s: float = 2.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host, self.port, self.limits = host, port, limits
        self._timeout_s, self._monotonic = timeout_s, monotonic
        self._socket: socket.socket | None = None
        self._failures = 0
        self._next_try_at = -math.inf

    def open(self) -> str:
        """Connect, and hold our limits against the rotator's; returns what rotctld says the rotator is.

        Raises:
            RotatorError: no answer, no rotctld, or our limits are wider than the rotator's.
        """
        state = self._ask("\\dump_state", "dump_state")
        theirs = _limits(state)
        if theirs is not None and not self.limits.within(theirs):
            raise RotatorError(
                f"the limits {_words(self.limits)} are wider than the rotator's own {_words(theirs)}; "
                "narrow them in station.toml"
            )
        return self._ask("_", "get_info").get("Info", "unnamed rotator")

    def position(self) -> tuple[float, float]:
        """Azimuth and elevation as the rotator tells them, degrees."""
        answer = self._ask("p", "get_pos")
        try:
            azimuth_deg, elevation_deg = float(answer["Azimuth"]), float(answer["Elevation"])
        except (KeyError, ValueError):
            raise self._failed(f"it tells a position that is none: {answer}") from None
        if not (math.isfinite(azimuth_deg) and math.isfinite(elevation_deg)):
            raise self._failed(f"it tells a position that is none: {answer}")
        return azimuth_deg, elevation_deg

    def point(self, azimuth_deg: float, elevation_deg: float) -> None:
        """Send the rotator there, in its own degrees. Outside the limits nothing is sent: RotatorError."""
        if not self.limits.allow(azimuth_deg, elevation_deg):
            raise RotatorError(
                f"azimuth {azimuth_deg:g}, elevation {elevation_deg:g} lie outside {_words(self.limits)}; "
                "the rotator was not moved"
            )
        self._ask(f"P {azimuth_deg:.2f} {elevation_deg:.2f}", "set_pos")

    def stop(self) -> None:
        """Stop all motion now, also during the back-off."""
        self._next_try_at = -math.inf
        self._ask("S", "stop")

    def park(self) -> None:
        """Send the rotator to the park position that rotctld's driver knows."""
        self._ask("K", "park")

    def close(self) -> None:
        """Disconnect; may be called again. The rotator goes on to where it was sent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, command: str, name: str) -> dict[str, str]:
        """The answer's "word: value" lines; RotatorError when it is late, none, or says an error."""
        connection = self._connected()
        try:
            connection.sendall(f"+{command}\n".encode())
            text = self._answer(connection)
        except OSError as error:
            raise self._failed(f"it does not answer {command!r}: {error}") from None
        lines = text.splitlines()
        if not lines[0].startswith(f"{name}:"):
            raise self._failed(f"it answers {command!r} with {text[:80]!r}")
        code = lines[-1].removeprefix("RPRT ")
        if code != "0":
            if code in (str(_EIO), str(_ETIMEOUT)):
                raise RotatorError(
                    f"rotctld at {self.host}:{self.port} gets no answer from the rotator's controller"
                )
            raise RotatorError(f"the rotator refuses {command!r}: Hamlib error {code}")
        self._failures = 0
        return dict(pair for line in lines[1:-1] if len(pair := line.split(": ", 1)) == 2)

    def _answer(self, connection: socket.socket) -> str:
        """Bytes up to the line RPRT, within the timeout as a whole."""
        raw, deadline = b"", time.monotonic() + self._timeout_s
        while not (raw.endswith(b"\n") and raw[:-1].rpartition(b"\n")[2].startswith(b"RPRT ")):
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            part = connection.recv(_MAX_ANSWER)
            raw += part
            if not part:
                raise ConnectionError("connection closed")
            if len(raw) > _MAX_ANSWER or time.monotonic() > deadline:
                raise ConnectionError(f"no end of the answer, which begins with {raw[:40]!r}")
        return raw.decode(errors="replace")

    def _connected(self) -> socket.socket:
        if self._socket is not None:
            return self._socket
        wait_s = self._next_try_at - self._monotonic()
        if wait_s > 0:
            raise RotatorError(
                f"rotctld at {self.host}:{self.port} is away; the next try is in {wait_s:.1f} s"
            )
        try:
            self._socket = socket.create_connection((self.host, self.port), self._timeout_s)
        except OSError as error:
            raise self._failed(f"no connection ({error}); is it running?") from None
        return self._socket

    def _failed(self, what: str) -> RotatorError:
        """Close, and let the next tries be further and further apart."""
        self.close()
        back_off_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        self._next_try_at = self._monotonic() + back_off_s
        return RotatorError(f"rotctld at {self.host}:{self.port}: {what}")


def _limits(state: dict[str, str]) -> Limits | None:
    """The rotator's own limits; None where rotctld tells none that make sense."""
    try:
        values = [
            float(state[f"{end} {axis}"])
            for axis in ("Azimuth", "Elevation")
            for end in ("Minimum", "Maximum")
        ]
        return Limits(*values)
    except Exception:  # noqa: BLE001 a rotator that tells nonsense is held to our limits alone
        return None


def _words(limits: Limits) -> str:
    return (
        f"azimuth {limits.azimuth_min_deg:g} to {limits.azimuth_max_deg:g}, "
        f"elevation {limits.elevation_min_deg:g} to {limits.elevation_max_deg:g}"
    )
