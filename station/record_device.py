"""Records from a device named on the command line, without a station's configuration.

rtl_tcp:HOST:PORT                             an RTL-SDR behind rtl_tcp
soapy/driver=rtlsdr,serial=00000001,…         any radio that SoapySDR has a driver for
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sdr.priority import come_first
from sdr.receiver import Receiver, Tuning
from sdr.record import RecordProgress, open_patiently, open_writer, record
from sdr.recording_files import beside, segment_numbers, segment_stem
from sdr.sigmf import DATA_SUFFIX
from station.errors import StationError

_FORMS = "rtl_tcp:HOST:PORT or soapy/driver=NAME,serial=NUMBER,…"
_NOT_YET_S = 2.0  # a device that is just being plugged in, or let go by another program


@dataclass(frozen=True)
class DirectRecording:
    """What is recorded, with what.

    Attributes:
        device: as it was named.
        tuning: how.
        stem: of the files.
        format: of the samples, None for the device's own.
        seconds: how long; None until it is stopped.
        segment_s: length of a file; None makes it one file.
        keep_segments: so many are left; None keeps all.
    """

    device: str
    tuning: Tuning
    stem: Path
    format: str | None = None
    seconds: float | None = None
    segment_s: float | None = None
    keep_segments: int | None = None


@dataclass(frozen=True)
class Recorded:
    """What came of it.

    Attributes:
        sample_count: samples, gaps and files that were let go included.
        lost: of these, lost.
        files: of samples, as they are left.
        end: why it is over.
    """

    sample_count: int
    lost: int
    files: tuple[Path, ...]
    end: str


def receiver_named(device: str, fmt: str | None) -> Receiver:
    """The receiver, not yet open, that a text names.

    Raises:
        StationError: the text names none, or one that does not give that format.
    """
    kind, _, rest = re.fullmatch(r"(\w*)([:/]?)(.*)", device, re.DOTALL).groups()  # type: ignore[union-attr]
    rest = rest.lstrip("/")
    if kind == "rtl_tcp":
        if fmt not in (None, "cu8"):
            raise StationError(f"rtl_tcp gives cu8, not {fmt}; leave --format out")
        host, _, port = rest.rpartition(":")
        if not (host and port.isdecimal() and 0 < int(port) < 65536):
            raise StationError(f"--device {device!r}: give host and port, as in rtl_tcp:127.0.0.1:1234")
        from sdr.rtl_tcp import RtlTcp

        return RtlTcp(host.strip("[]"), int(port))
    if kind == "soapy":
        words = _words(device, rest)
        from sdr.soapy import SoapyReceiver

        return SoapyReceiver(words.pop("driver"), serial=words.pop("serial", None), args=words, format=fmt)
    raise StationError(f"--device {device!r} is no device; give {_FORMS}")


def _words(device: str, text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    words = {name.strip(): value.strip() for name, _, value in parts}
    if not words.get("driver") or not all(separator and name.strip() for name, separator, _ in parts):
        raise StationError(
            f"--device {device!r}: name driver and, of several, serial, as in "
            "soapy/driver=rtlsdr,serial=00000001"
        )
    return words


def record_device(
    wanted: DirectRecording, stop: threading.Event, told: Callable[[RecordProgress], None]
) -> Recorded:
    """Record until its time is over or `stop`.

    Raises:
        StationError: the device cannot be named so.
        RecordingError: the files cannot be made.
        DeviceError: the device is not there or fails for good, or the disk did not take everything.
    """
    receiver = receiver_named(wanted.device, wanted.format)
    come_first()  # before the driver begins its own threads
    until = datetime.now(UTC) + timedelta(seconds=_NOT_YET_S)
    try:
        opened = open_patiently(receiver, wanted.tuning, until, stop=stop)
        for note in opened.notes:
            sys.stderr.write(f"tramthu: {note}\n")
        writer = open_writer(
            opened, wanted.stem, segment_s=wanted.segment_s, keep_segments=wanted.keep_segments
        )
        info = record(
            receiver,
            writer,
            duration_s=wanted.seconds,
            stop=stop,
            tuning=wanted.tuning,
            progress=told,
            urgent=True,
        )
    finally:
        receiver.close()
    return Recorded(writer.sample_count, writer.lost_samples, data_files(wanted.stem), info.end or "")


def data_files(stem: Path) -> tuple[Path, ...]:
    """The files of samples of a recording, in order."""
    stems = (segment_stem(stem, number) for number in (0, *segment_numbers(stem)))
    return tuple(path for one in stems if (path := beside(one, DATA_SUFFIX)).exists())


class ProgressLine:
    """Level, clipping and losses: one line that is written over on a terminal; elsewhere only what happens.

    Args:
        sample_rate: Hz.
        seconds: in all, None without end.
    """

    def __init__(self, sample_rate: float, seconds: float | None) -> None:
        self._sample_rate, self._seconds = sample_rate, seconds
        self._terminal = sys.stderr.isatty()

    def told(self, state: RecordProgress) -> None:
        """Write it."""
        if state.note:
            sys.stderr.write(f"{self._over()}tramthu: {state.note}\n")
        if self._terminal:
            sys.stderr.write(f"{self._over()}{self.text(state)}")
            sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self._terminal:
            sys.stderr.write("\n")

    def text(self, state: RecordProgress) -> str:
        """The line."""
        done = state.sample_count / self._sample_rate
        whole = "" if self._seconds is None else f" of {self._seconds:.0f}"
        return (
            f"{done:.0f}{whole} s   {state.level_dbfs:.1f} dBFS   {100 * state.clipped:.1f} % clipped   "
            f"{state.lost_samples} samples lost   {state.free_bytes >> 20} MiB free"
        )

    def _over(self) -> str:
        return "\r\x1b[K" if self._terminal else ""
