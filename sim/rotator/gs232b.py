r"""Yaesu GS-232B as Hamlib's model 603 speaks to it: ASCII, commands end in carriage return.

`C2` asks for both axes and gets `AZ=aaa  EL=eee`; `Waaa eee` sends both, `S` stops; whole degrees only.
Source: GS-232B user manual, command list; and the bytes that rotctld 4.5.4 sends.
"""

from __future__ import annotations

import re

from sim.rotator.mechanics import Mechanics

_TURN = re.compile(rb"W(\d{3}) (\d{3})")
_LONGEST_LINE = 64


class Gs232b:
    """The controller; bytes in, bytes out."""

    def __init__(self, mechanics: Mechanics) -> None:
        self.mechanics = mechanics
        self._line = b""

    def receive(self, data: bytes) -> bytes:
        """Take what arrived on the line; returns the answers."""
        *lines, self._line = (self._line + data).split(b"\r")
        self._line = self._line[-_LONGEST_LINE:]
        return b"".join(self._answer(line.strip()) for line in lines)

    def _answer(self, line: bytes) -> bytes:
        if not line:
            return b""
        if line == b"C2":
            azimuth_deg, elevation_deg = self.mechanics.read()
            return b"AZ=%03d  EL=%03d\r\n" % (round(azimuth_deg), round(elevation_deg))
        if line == b"S":
            self.mechanics.stop()
            return b""
        if turn := _TURN.fullmatch(line):
            azimuth_deg, elevation_deg = float(turn[1]), float(turn[2])
            if azimuth_deg <= 450 and elevation_deg <= 180:
                self.mechanics.go(azimuth_deg, elevation_deg)
                return b""
        return b"?>\r\n"
