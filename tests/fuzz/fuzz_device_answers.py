"""What answers where rotctld or rtl_tcp was expected; byte 0xFE parts one arriving piece from the next."""

from __future__ import annotations

import socket
import struct

from harness import fuzz, instrumented

with instrumented():
    from hardware.errors import RotatorError
    from hardware.limits import Limits
    from hardware.rotctld import Rotctld
    from sdr.errors import DeviceError
    from sdr.receiver import Tuning
    from sdr.rtl_tcp import RtlTcp

LIMITS = Limits(0, 360, 0, 90)
TUNING = Tuning(frequency_hz=137.9e6, sample_rate=1.024e6, gain_db=30.0)


class Answers:
    """As much of a socket as the clients use: pieces arrive, then the connection is closed."""

    def __init__(self, data: bytes) -> None:
        self._pieces = data.split(b"\xfe")

    def recv(self, count: int) -> bytes:
        if not self._pieces:
            return b""
        piece, rest = self._pieces[0][:count], self._pieces[0][count:]
        self._pieces[:1] = [rest] if rest else []
        if not piece:
            raise TimeoutError
        return piece

    def sendall(self, data: bytes) -> None:
        pass

    def settimeout(self, timeout_s: float) -> None:
        pass

    def setsockopt(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def __enter__(self) -> Answers:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def one_input(data: bytes) -> None:
    socket.create_connection = lambda *_: Answers(data)  # type: ignore[assignment]
    rotator = Rotctld(limits=LIMITS)
    try:
        rotator.open()
        azimuth_deg, elevation_deg = rotator.position()
        assert abs(azimuth_deg) <= 1080
        assert abs(elevation_deg) <= 360
        rotator.point(10.0, 20.0)
        rotator.stop()
        rotator.park()
    except RotatorError:
        pass
    receiver = RtlTcp()
    try:
        receiver.open(TUNING)
        while True:
            assert len(receiver.read(8, 0.0).raw) <= 16
    except DeviceError:
        pass


def seeds() -> list[bytes]:
    # As Hamlib 4.5.4 answers.
    limits = (
        "dump_state:\nrotctld Protocol Ver: 1\nRotor Model: 1\n"
        "Minimum Azimuth: 0.000000\nMaximum Azimuth: 450.000000\n"
        "Minimum Elevation: 0.000000\nMaximum Elevation: 90.000000\nRPRT 0\n"
    )
    info = "dump_caps:\nModel name:\t\tDummy\nMfg name:\t\tHamlib\nRPRT 0\n"
    place = "get_pos:\nAzimuth: 123.400000\nElevation: 45.600000\nRPRT 0\n"
    rest = ("set_pos: 10.00 20.00\nRPRT 0\n", "stop:\nRPRT 0\n", "park:\nRPRT 0\n")
    parts = [part.encode() for part in (limits, info, place, *rest)]
    dongle = b"RTL0" + struct.pack(">II", 5, 29)
    return [
        b"\xfe".join(parts),
        b"\xfe".join([*parts[:2], b"get_pos:\nRPRT -6\n"]),
        dongle + bytes(range(99)),
    ]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=())
