"""SPID Rot2Prog and Rot1Prog as Hamlib's models 901 and 902 speak to them: frames of 13 bytes.

    0      1 2 3 4       5    6 7 8 9       10   11       12
    'W'    azimuth       PH   elevation     PV   command  ' '

Set (0x2F): four ASCII digits of (angle + 360) times steps per degree. Status (0x1F) and stop (0x0F) are
answered by 12 bytes, 'W' digits PH digits PV ' ', the digits as plain numbers, tenths of a degree last.
Rot1Prog leaves out elevation and answers 5 bytes in whole degrees. Source: "Rot1Prog and Rot2Prog protocol",
Alfaradio (SPID).
"""

from __future__ import annotations

from sim.rotator.mechanics import Mechanics

_FRAME = 13
_FRAME_GAP_S = 0.25
_STOP, _STATUS, _SET = 0x0F, 0x1F, 0x2F


class Spid:
    """The controller; bytes in, bytes out.

    Args:
        mechanics: what it drives.
        steps_per_deg: 1, 2 or 10.
        has_elevation: Rot2Prog; without it is a Rot1Prog, which counts whole degrees.
    """

    def __init__(self, mechanics: Mechanics, *, steps_per_deg: int = 10, has_elevation: bool = True) -> None:
        self.mechanics, self.has_elevation = mechanics, has_elevation
        self.steps_per_deg = steps_per_deg if has_elevation else 1
        self._frame, self._heard_at = b"", 0.0

    def receive(self, data: bytes) -> bytes:
        """Take what arrived on the line; returns the answers."""
        now = self.mechanics.time
        if now - self._heard_at > _FRAME_GAP_S:
            self._frame = b""  # the rest of a damaged frame
        self._frame, self._heard_at = self._frame + data, now
        answers = b""
        while (start := self._frame.find(b"W")) >= 0 and len(self._frame) - start >= _FRAME:
            frame, self._frame = self._frame[start : start + _FRAME], self._frame[start + _FRAME :]
            answers += self._answer(frame)
        self._frame = self._frame[-_FRAME:]
        return answers

    def _answer(self, frame: bytes) -> bytes:
        command = frame[11]
        if frame[12:] != b" ":
            return b""
        if command == _SET:
            self._set(frame)
            return b""
        if command == _STOP:
            self.mechanics.stop()
        return self._status() if command in (_STOP, _STATUS) else b""

    def _set(self, frame: bytes) -> None:
        fields = (frame[1:5], frame[6:10]) if self.has_elevation else (frame[1:4],)
        if not all(field.isdigit() for field in fields):
            return
        angles = [int(field) / self.steps_per_deg - 360 for field in fields]
        self.mechanics.go(angles[0], angles[1] if self.has_elevation else None)

    def _status(self) -> bytes:
        azimuth_deg, elevation_deg = self.mechanics.read()
        if not self.has_elevation:
            return b"W" + bytes(_digits(azimuth_deg)[:3]) + b" "
        steps = self.steps_per_deg
        return b"W" + bytes([*_digits(azimuth_deg), steps, *_digits(elevation_deg), steps]) + b" "


def _digits(angle_deg: float) -> list[int]:
    """Hundreds, tens, ones and tenths of the angle plus a turn."""
    tenths = round((angle_deg + 360) * 10)
    return [tenths // 1000 % 10, tenths // 100 % 10, tenths // 10 % 10, tenths % 10]
