r"""rotctld's protocol from our own hand, with a rotator behind it and faults in front, on a stepped clock.

Knows the extended commands `+\dump_state`, `+1` (capabilities), `+_`, `+p`, `+P az el`, `+S` and `+K`,
answered as Hamlib 4.5.4 does. The real one is the judge of that: the same client is tested against both.

Faults, each in a span of time:
    killed       nobody listens, connections are cut
    silent       commands are taken and not answered
    late         answered after the client's patience
    garbage      bytes that mean nothing
    half         half of the answer, then the connection is cut
    no device    RPRT -5, the controller does not answer rotctld
    wrong model  another rotator than before answers
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sim.rotator.mechanics import Mechanics
from sim.rotator.stepped_clock import SteppedClock

FAULTS = ("killed", "silent", "late", "garbage", "half", "no device", "wrong model")
_EINVAL, _ETIMEOUT, _ENAVAIL = -1, -5, -11
_LONGEST_LINE = 256


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and when: POSIX seconds."""

    kind: str
    start: float
    end: float


@dataclass(frozen=True)
class Model:
    """What rotctld says the rotator is."""

    number: int = 901
    name: str = "Rot2Prog"
    maker: str = "SPID"
    azimuth_deg: tuple[float, float] = (-180.0, 540.0)
    elevation_deg: tuple[float, float] = (-20.0, 210.0)
    can_park: bool = False


class RotctldServer:
    """Serves on the loopback until closed.

    Args:
        mechanics: the rotator; advanced by the clock.
        clock: wound on by `latency_s` with each command, by `client_timeout_s` with one left unanswered.
        model: what it says it is.
        faults: what goes wrong.
        latency_s: of a question; a new target takes twice as long.
        client_timeout_s: what the client's (much shorter) real timeout stands for.
        late_s: after so many real seconds a late answer comes: more than the client's real timeout.
        seed: of the garbage.
    """

    def __init__(
        self,
        mechanics: Mechanics,
        clock: SteppedClock,
        *,
        model: Model | None = None,
        faults: tuple[Fault, ...] = (),
        latency_s: float = 0.1,
        client_timeout_s: float = 2.0,
        late_s: float = 0.3,
        seed: int = 1,
    ) -> None:
        self.mechanics, self.clock, self.model, self.faults = mechanics, clock, model or Model(), faults
        self.latency_s, self.client_timeout_s = latency_s, client_timeout_s
        self.late_s = late_s
        self.answered_at: list[float] = []
        self._random = random.Random(seed)
        self._was_wrong = False
        self._clients: set[socket.socket] = set()
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._accept(self._listener)
        clock.watchers.append(self._time_passes)

    def close(self) -> None:
        """End; may be called again."""
        if self._time_passes in self.clock.watchers:
            self.clock.watchers.remove(self._time_passes)
        self._hang_up()

    def fault(self, time: float) -> str:
        """Kind of the fault at a time, or empty."""
        return next((fault.kind for fault in self.faults if fault.start <= time < fault.end), "")

    def _time_passes(self, time: float) -> None:
        self.mechanics.advance_to(time)
        killed = self.fault(time) == "killed"
        wrong = self.fault(time) == "wrong model"
        if wrong != self._was_wrong:
            self._was_wrong = wrong
            self._cut_clients()  # another rotctld was started
        if killed and self._listener is not None:
            self._hang_up()
        elif not killed and self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._accept(self._listener)

    def _hang_up(self) -> None:
        if self._listener is not None:
            # Closing alone does not wake a thread that waits in accept.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self._cut_clients()

    def _cut_clients(self) -> None:
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        threading.Thread(target=self._listen, args=(listener,), name="rotctld", daemon=True).start()

    def _listen(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(
                    target=self._talk, args=(client,), name="rotctld client", daemon=True
                ).start()

    def _talk(self, client: socket.socket) -> None:
        self._clients.add(client)
        with client, contextlib.suppress(OSError), client.makefile("rb") as lines:
            while line := lines.readline(_LONGEST_LINE):
                if not self._reply(client, line):
                    break
        self._clients.discard(client)

    def _reply(self, client: socket.socket, line: bytes) -> bool:
        """Answer one line; False when the connection ends."""
        fault = self.fault(self.clock.now())
        if fault == "killed":
            return False
        if fault in ("silent", "late"):
            self.clock.sleep(self.client_timeout_s)
            if fault == "late":
                threading.Timer(self.late_s, _send_quietly, (client, self._answer(line))).start()
            return True
        self.clock.sleep(self.latency_s * (2 if line.startswith(b"+P") else 1))
        answer = _refusal(line, _ETIMEOUT) if fault == "no device" else self._answer(line)
        if fault == "garbage":
            answer = self._random.randbytes(len(answer)) + b"\n"
        elif fault == "half":
            answer = answer[: len(answer) // 2]
        else:
            self.answered_at.append(self.clock.now())
        client.sendall(answer)
        return fault != "half"

    def _answer(self, line: bytes) -> bytes:
        words = line.decode("ascii", "replace").strip().removeprefix("+").split()
        answers: dict[str, Callable[[list[str]], str]] = {
            "\\dump_state": self._dump_state,
            "1": self._dump_caps,
            "_": lambda _: "get_info:\nInfo: None\nRPRT 0\n",
            "p": self._position,
            "P": self._point,
            "S": self._stop,
            "K": self._park,
            "w": lambda words: f"send_cmd: {' '.join(words)}\nRPRT 0\n",
        }
        command = answers.get(words[0]) if words else None
        return command(words[1:]).encode() if command else b""  # as rotctld: nothing at all

    def _shown_model(self) -> Model:
        wrong = self.fault(self.clock.now()) == "wrong model"
        return Model(202, "EasycommII", "EasyComm", (0, 360), (0, 180)) if wrong else self.model

    def _dump_state(self, _: list[str]) -> str:
        model = self._shown_model()
        (az_low, az_high), (el_low, el_high) = model.azimuth_deg, model.elevation_deg
        return (
            f"dump_state:\nrotctld Protocol Ver: 1\nRotor Model: {model.number}\n"
            f"Minimum Azimuth: {az_low:f}\nMaximum Azimuth: {az_high:f}\n"
            f"Minimum Elevation: {el_low:f}\nMaximum Elevation: {el_high:f}\n"
            "South Zero: 0\nrot_type=AzEl\ndone\nRPRT 0\n"
        )

    def _dump_caps(self, _: list[str]) -> str:
        model = self._shown_model()
        return (
            f"dump_caps:\nCaps dump for model:\t{model.number}\nModel name:\t\t{model.name}\n"
            f"Mfg name:\t\t{model.maker}\nCan Park:\t\t{'Y' if model.can_park else 'N'}\n\nRPRT 0\n"
        )

    def _position(self, _: list[str]) -> str:
        azimuth_deg, elevation_deg = self.mechanics.read()
        return f"get_pos:\nAzimuth: {azimuth_deg:.2f}\nElevation: {elevation_deg:.2f}\nRPRT 0\n"

    def _point(self, words: list[str]) -> str:
        azimuth_deg, elevation_deg = float(words[0]), float(words[1])
        (az_low, az_high), (el_low, el_high) = self.model.azimuth_deg, self.model.elevation_deg
        allowed = az_low <= azimuth_deg <= az_high and el_low <= elevation_deg <= el_high
        if allowed:
            self.mechanics.go(azimuth_deg, elevation_deg)
        return f"set_pos: {words[0]} {words[1]}\nRPRT {0 if allowed else _EINVAL}\n"

    def _stop(self, _: list[str]) -> str:
        self.mechanics.stop()
        return "stop:\nRPRT 0\n"

    def _park(self, _: list[str]) -> str:
        if not self.model.can_park:
            return f"park:\nRPRT {_ENAVAIL}\n"
        self.mechanics.go(0.0, 0.0)
        return "park:\nRPRT 0\n"


def _refusal(line: bytes, code: int) -> bytes:
    names = {
        b"p": b"get_pos:",
        b"P": b"set_pos:",
        b"S": b"stop:",
        b"K": b"park:",
        b"_": b"get_info:",
        b"w": b"send_cmd:",
    }
    return names.get(line[1:2], b"dump_state:") + b"\nRPRT %d\n" % code


def _send_quietly(client: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        client.sendall(answer)
