"""Any radio that SoapySDR has a module for."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sdr.errors import DeviceError
from sdr.formats import bytes_per_sample, sample_format
from sdr.loss_clock import visible_loss_s
from sdr.receiver import Block, Opened, Tuning
from sdr.soapy_drivers import driver as known_driver
from sdr.soapy_find import open_device
from sdr.soapy_library import (
    CORRUPTION,
    HAS_TIME,
    OVERFLOW,
    RX,
    TIMEOUT,
    call,
    call_text,
    call_texts,
    error_text,
    kwargs,
    library,
)
from sdr.soapy_settings import CHANNEL, Clocks, Taken, apply
from sdr.stamped import Stamped, align
from sdr.unstamped import Unstamped
from sdr.usb_reset import reset_usb

_FORMATS = {"CU8": "cu8", "CS8": "cs8", "CS16": "cs16", "CF32": "cf32"}
_SILENCE_S, _SILENT_TRANSFERS = 1.5, 4
# A stuck device is reset when it has failed that often in a row, and then again after so many failures.
_RESET_AFTER, _RESET_AGAIN = 2, 10


@dataclass(frozen=True)
class _Stream:
    device: int
    stream: int
    format: str
    silence_s: float


class SoapyReceiver:
    """One SoapySDR device, its first channel.

    Args:
        driver: name of SoapySDR's module, for example "rtlsdr".
        serial: serial number, where several devices of the driver are plugged in.
        args: further words to choose and open the device.
        format: the recording's format; None takes the device's own.
        settings: the device's own settings by their names.
        stream_args: words for its stream, such as the size of its buffers.
        clocks: sources of its clock and time.
        trust_stamps: whether its stamps show every loss; None: as is known of the driver.
        reset: resets a stuck device by serial and products; None: never.
    """

    def __init__(
        self,
        driver: str,
        *,
        serial: str | None = None,
        args: Mapping[str, str] | None = None,
        format: str | None = None,  # noqa: A002 the word of the configuration
        settings: Mapping[str, str] | None = None,
        stream_args: Mapping[str, str] | None = None,
        clocks: Clocks = Clocks(),  # noqa: B008 frozen
        trust_stamps: bool | None = None,
        reset: Callable[[str, tuple[str, ...]], object] | None = reset_usb,
    ) -> None:
        self.driver, self._serial = driver, serial
        self._filters = ({"serial": serial} if serial else {}) | dict(args or {})
        self._format, self._settings, self._stream_args = format, settings or {}, stream_args or {}
        self._clocks, self._reset = clocks, reset
        self._trust = known_driver(driver).stamps if trust_stamps is None else trust_stamps
        self._stream: _Stream | None = None
        self._judge: Stamped | Unstamped | None = None
        self._buffer = np.empty(0, np.uint8)
        self._overflowed = False
        self._failure: DeviceError | None = None
        self._failures = 0
        self._heard_at = 0.0

    def open(self, tuning: Tuning) -> Opened:
        """Find the device, tune it and start its stream; DeviceError when there is none or it refuses."""
        self.close()
        reset = self._reset_if_stuck()
        try:
            device = open_device(self.driver, self._filters)
            try:
                return self._start(device, tuning)
            except BaseException:
                self._stream = None
                library().SoapySDRDevice_unmake(device)
                raise
        except DeviceError as error:
            self._failures += 1
            raise DeviceError(f"{error}{reset}") from None

    def read(self, count: int, timeout_s: float) -> Block:
        """Up to `count` samples; an overflow becomes the loss before the next ones."""
        if self._stream is None or self._judge is None:
            raise DeviceError("the radio is not open")
        deadline = time.monotonic() + timeout_s
        while True:
            if isinstance(self._judge, Unstamped) and (held := self._judge.take(count)):
                return held
            if self._failure is not None:
                raise self._failure
            asked_at = time.monotonic()
            got, flags, time_ns = self._read_stream(self._stream, count, max(deadline - asked_at, 0.0))
            if got > 0:
                if block := self._take(got, time_ns if flags & HAS_TIME else None, asked_at):
                    return block
            elif got in (OVERFLOW, CORRUPTION):
                self._note_overflow()
            elif got not in (0, TIMEOUT):
                self._fail(f"the radio stopped: {error_text(got)}")
            elif (silent_s := time.monotonic() - self._heard_at) > self._stream.silence_s:
                self._fail(f"the radio has sent nothing for {silent_s:.1f} s; is it still plugged in?")
            if time.monotonic() >= deadline and self._failure is None:
                return Block(b"")

    def close(self) -> None:
        """Stop the stream and let the device go; may be called again."""
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        loaded = library()
        loaded.SoapySDRDevice_deactivateStream(stream.device, stream.stream, 0, 0)
        loaded.SoapySDRDevice_closeStream(stream.device, stream.stream)
        loaded.SoapySDRDevice_unmake(stream.device)

    @property
    def smallest_visible_loss(self) -> int:
        """Samples: shorter losses cannot be seen as things stand (1 where the device stamps)."""
        return self._judge.smallest_visible_loss if isinstance(self._judge, Unstamped) else 1

    def _start(self, device: int, tuning: Tuning) -> Opened:
        if call("getNumChannels", device, RX) < 1:
            raise DeviceError(f"the radio of driver {self.driver} has no receiving channel")
        taken = apply(device, tuning, self._clocks, self._settings)
        fmt = self._choose_format(device, taken)
        stream = self._set_up_stream(device, fmt)
        mtu_s = int(call("getStreamMTU", device, stream)) / taken.sample_rate
        source = self._choose_judge(device, fmt, taken)
        if call("activateStream", device, stream, 0, 0, 0) != 0:
            call("closeStream", device, stream)
            raise DeviceError(f"the radio of driver {self.driver} does not start its stream")
        self._stream = _Stream(device, stream, fmt, max(_SILENCE_S, _SILENT_TRANSFERS * mtu_s))
        self._overflowed, self._failure, self._heard_at = False, None, time.monotonic()
        return Opened(
            f"SoapySDR {call_text('getHardwareKey', device)} ({self.driver})",
            fmt,
            taken.frequency_hz,
            taken.sample_rate,
            taken.gain_db,
            taken.antenna,
            tuple(taken.notes),
            source,
            1 if source == "device" else math.ceil(visible_loss_s(mtu_s) * taken.sample_rate),
            taken.facts,
        )

    def _choose_judge(self, device: int, fmt: str, taken: Taken) -> Literal["device", "clock"]:
        """What tells the losses: the device's stamps where they can be trusted, else the clock."""
        size = bytes_per_sample(fmt)
        if not (self._trust and call("hasHardwareTime", device, b"")):
            self._judge = Unstamped(taken.sample_rate, size)
            return "clock"

        def ask() -> tuple[float, float]:
            return align(lambda: int(call("getHardwareTime", device, b"")))

        offset_s, taken.facts["time_alignment_s"] = ask()
        self._judge = Stamped(taken.told_rate, size, offset_s, ask)
        return "device"

    def _choose_format(self, device: int, taken: Taken) -> str:
        """The format of the stream; a native one that does not use its whole range is noted."""
        full_scale = ctypes.c_double()
        native = call_text("getNativeStreamFormat", device, *CHANNEL, ctypes.byref(full_scale))
        offered = [
            _FORMATS[name] for name in call_texts("getStreamFormats", device, *CHANNEL) if name in _FORMATS
        ]
        if self._format is not None:
            if offered and self._format not in offered:
                raise DeviceError(f"the radio gives no {self._format} samples; it gives {', '.join(offered)}")
            return self._format
        fmt = _FORMATS.get(native, "cs16")
        if 0 < full_scale.value < sample_format(fmt).scale * 0.9:
            taken.facts["full_scale"] = full_scale.value
        return fmt

    def _set_up_stream(self, device: int, fmt: str) -> int:
        channel, words = ctypes.c_size_t(0), kwargs(self._stream_args)
        stream = call(
            "setupStream",
            device,
            RX,
            fmt.upper().encode(),
            ctypes.byref(channel),
            1,
            ctypes.byref(words) if self._stream_args else None,
        )
        if not stream:
            raise DeviceError(f"the radio of driver {self.driver} gives no stream of {fmt} samples")
        return int(stream)

    def _read_stream(self, stream: _Stream, count: int, timeout_s: float) -> tuple[int, int, int]:
        size = count * bytes_per_sample(stream.format)
        if self._buffer.nbytes < size:
            self._buffer = np.empty(size, np.uint8)
        pointer = ctypes.c_void_p(self._buffer.ctypes.data)
        flags, time_ns = ctypes.c_int(0), ctypes.c_longlong(0)
        got = library().SoapySDRDevice_readStream(
            stream.device,
            stream.stream,
            ctypes.byref(pointer),
            count,
            ctypes.byref(flags),
            ctypes.byref(time_ns),
            int(timeout_s * 1e6),
        )
        return int(got), flags.value, time_ns.value

    def _take(self, got: int, time_ns: int | None, asked_at: float) -> Block | None:
        """Samples have come: the block, where it need not be looked at first."""
        assert self._stream is not None  # noqa: S101 for the type checker
        self._heard_at, self._failures = time.monotonic(), 0
        raw = self._buffer[: got * bytes_per_sample(self._stream.format)].tobytes()
        if isinstance(self._judge, Stamped):
            if time_ns is None:
                self._fail("the radio has stopped stamping its samples")
                return None
            cause = "overflow" if self._overflowed else "lost before they came here"
            self._overflowed = False
            return self._judge.block(raw, time_ns, cause)
        assert self._judge is not None  # noqa: S101 for the type checker
        self._judge.put(raw, self._heard_at - asked_at)
        return None

    def _note_overflow(self) -> None:
        """Samples are missing here; that is no reason to give the device up."""
        self._overflowed = True
        if isinstance(self._judge, Unstamped):
            self._judge.overflowed()

    def _fail(self, reason: str) -> None:
        """What came before is given out first."""
        self._failures += 1
        self._failure = DeviceError(reason)
        if isinstance(self._judge, Unstamped):
            self._judge.flush()

    def _reset_if_stuck(self) -> str:
        """Reset the device on the USB when it has failed again and again; what came of it, for the error."""
        products = known_driver(self.driver).usb
        due = self._failures >= _RESET_AFTER and (self._failures - _RESET_AFTER) % _RESET_AGAIN == 0
        if not (due and products and self._serial and self._reset):
            return ""
        try:
            self._reset(self._serial, products)
        except DeviceError as error:
            return f"; it could not be reset: {error}"
        return "; it was reset on the USB"
