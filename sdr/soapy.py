"""Any radio that SoapySDR has a module for."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sdr.errors import DeviceError
from sdr.formats import bytes_per_sample
from sdr.receiver import Block, Opened, Tuning
from sdr.soapy_library import (
    CORRUPTION,
    HAS_TIME,
    OVERFLOW,
    RX,
    TIMEOUT,
    call,
    call_text,
    enumerate_devices,
    error_text,
    kwargs_text,
    library,
)

_FORMATS = {"CU8": "cu8", "CS8": "cs8", "CS16": "cs16", "CF32": "cf32"}
_CHANNEL = (RX, 0)
_SILENCE_S = 5.0


@dataclass(frozen=True)
class _Handle:
    device: int
    stream: int
    format: str
    sample_rate: float
    mtu: int


class SoapyReceiver:
    """One SoapySDR device, its first channel.

    Args:
        driver: name of SoapySDR's module, for example "rtlsdr".
        serial: serial number, where several devices of the driver are plugged in.
        args: further words for the device.
        format: the recording's format; None takes the device's own.
        clock: POSIX seconds, to tell the time of the samples.
    """

    def __init__(
        self,
        driver: str,
        *,
        serial: str | None = None,
        args: dict[str, str] | None = None,
        format: str | None = None,  # noqa: A002 the word of the configuration
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._filters = ({"serial": serial} if serial else {}) | (args or {})
        self.driver, self._format, self._clock = driver, format, clock
        self._handle: _Handle | None = None
        self._buffer = np.empty(0, np.uint8)
        self._expected_ns: float | None = None
        self._overflowed = False
        self._delivered_at = self._heard_at = 0.0

    def open(self, tuning: Tuning) -> Opened:
        """Find the device, tune it and start its stream; DeviceError when there is none or it refuses."""
        self.close()
        found = enumerate_devices(self.driver, **self._filters)
        if not found:
            wanted = kwargs_text({"driver": self.driver, **self._filters}).decode()
            raise DeviceError(
                f"no radio found for {wanted}; is it plugged in, and is its SoapySDR module installed?"
            )
        if len(found) > 1 and "serial" not in self._filters:
            serials = ", ".join(device.get("serial", "?") for device in found)
            raise DeviceError(
                f"{len(found)} radios of driver {self.driver}; choose one by its serial: {serials}"
            )
        device = call("makeStrArgs", kwargs_text({"driver": self.driver, **self._filters}))
        if not device:
            raise DeviceError(
                f"the radio of driver {self.driver} cannot be opened; is another program using it?"
            )
        try:
            return self._start(device, tuning)
        except BaseException:
            library().SoapySDRDevice_unmake(device)
            self._handle = None
            raise

    def read(self, count: int, timeout_s: float) -> Block:
        """Up to `count` samples; an overflow becomes the loss before the next ones."""
        if self._handle is None:
            raise DeviceError("the radio is not open")
        handle, deadline = self._handle, time.monotonic() + timeout_s
        while True:
            left_s = max(deadline - time.monotonic(), 0.0)
            got, flags, time_ns = self._read_stream(handle, count, left_s)
            if got > 0:
                return self._block(handle, got, flags, time_ns)
            if got in (OVERFLOW, CORRUPTION):
                self._overflowed = True
            elif got not in (0, TIMEOUT):
                raise DeviceError(f"the radio stopped: {error_text(got)}")
            if time.monotonic() >= deadline:
                return self._nothing()

    def close(self) -> None:
        """Stop the stream and let the device go; may be called again."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        loaded = library()
        loaded.SoapySDRDevice_deactivateStream(handle.device, handle.stream, 0, 0)
        loaded.SoapySDRDevice_closeStream(handle.device, handle.stream)
        loaded.SoapySDRDevice_unmake(handle.device)

    def _start(self, device: int, tuning: Tuning) -> Opened:
        if call("getNumChannels", device, RX) < 1:
            raise DeviceError(f"the radio of driver {self.driver} has no receiving channel")
        notes = _tune(device, tuning)
        sample_rate = float(call("getSampleRate", device, *_CHANNEL))
        if not abs(sample_rate - tuning.sample_rate) <= 0.01 * tuning.sample_rate:
            raise DeviceError(f"the radio gives {sample_rate:g} samples/s instead of {tuning.sample_rate:g}")
        fmt = self._stream_format(device)
        channel = ctypes.c_size_t(0)
        stream = call("setupStream", device, RX, fmt.upper().encode(), ctypes.byref(channel), 1, None)
        if not stream:
            raise DeviceError(f"the radio of driver {self.driver} gives no stream of {fmt} samples")
        mtu = int(call("getStreamMTU", device, stream))
        self._handle = _Handle(device, stream, fmt, sample_rate, mtu)
        call("activateStream", device, stream, 0, 0, 0)
        self._expected_ns, self._overflowed = None, False
        self._delivered_at = self._heard_at = time.monotonic()
        gain_db = None if tuning.gain_db is None else float(call("getGain", device, *_CHANNEL))
        return Opened(
            f"SoapySDR {call_text('getHardwareKey', device)} ({self.driver})",
            fmt,
            float(call("getFrequency", device, *_CHANNEL)),
            sample_rate,
            gain_db,
            call_text("getAntenna", device, *_CHANNEL) or None,
            notes,
        )

    def _stream_format(self, device: int) -> str:
        if self._format is not None:
            return self._format
        full_scale = ctypes.c_double()
        native = call_text("getNativeStreamFormat", device, *_CHANNEL, ctypes.byref(full_scale))
        return _FORMATS.get(native, "cs16")

    def _read_stream(self, handle: _Handle, count: int, timeout_s: float) -> tuple[int, int, int]:
        size = count * bytes_per_sample(handle.format)
        if self._buffer.nbytes < size:
            self._buffer = np.empty(size, np.uint8)
        pointer = ctypes.c_void_p(self._buffer.ctypes.data)
        flags, time_ns = ctypes.c_int(0), ctypes.c_longlong(0)
        got = library().SoapySDRDevice_readStream(
            handle.device,
            handle.stream,
            ctypes.byref(pointer),
            count,
            ctypes.byref(flags),
            ctypes.byref(time_ns),
            int(timeout_s * 1e6),
        )
        return int(got), flags.value, time_ns.value

    def _block(self, handle: _Handle, got: int, flags: int, time_ns: int) -> Block:
        now, length_s = time.monotonic(), got / handle.sample_rate
        stamped = bool(flags & HAS_TIME)
        lost, uncertainty = self._lost(handle, time_ns if stamped else None, now - length_s)
        self._overflowed = False
        self._expected_ns = time_ns + 1e9 * length_s if stamped else None
        self._delivered_at = self._heard_at = now
        raw = self._buffer[: got * bytes_per_sample(handle.format)].tobytes()
        return Block(raw, lost, "overflow" if lost else "", uncertainty, self._clock() - length_s)

    def _lost(self, handle: _Handle, time_ns: int | None, began_at: float) -> tuple[int, int]:
        """Samples missing before a block, and ± how many; 0 where the device's own stamps counted them."""
        if time_ns is not None and self._expected_ns is not None:
            return max(round((time_ns - self._expected_ns) * 1e-9 * handle.sample_rate), 0), 0
        if not self._overflowed:
            return 0, 0
        # Without stamps: the time that nothing was delivered, at least one sample since something is missing.
        lost = max(round((began_at - self._delivered_at) * handle.sample_rate), 1)
        return lost, max(round(0.1 * handle.sample_rate), 1)

    def _nothing(self) -> Block:
        silent_s = time.monotonic() - self._heard_at
        if silent_s > _SILENCE_S:
            raise DeviceError(f"the radio has sent nothing for {silent_s:.0f} s; is it still plugged in?")
        return Block(b"")


def _tune(device: int, tuning: Tuning) -> tuple[str, ...]:
    """Set everything that is asked for; wishes that the device does not know come back as sentences."""
    notes = []
    call("setSampleRate", device, *_CHANNEL, tuning.sample_rate)
    if tuning.antenna is not None:
        call("setAntenna", device, *_CHANNEL, tuning.antenna.encode())
    if tuning.bandwidth_hz is not None:
        call("setBandwidth", device, *_CHANNEL, tuning.bandwidth_hz)
    frequency_hz = tuning.frequency_hz
    if tuning.ppm and call("hasFrequencyCorrection", device, *_CHANNEL):
        call("setFrequencyCorrection", device, *_CHANNEL, tuning.ppm)
    elif tuning.ppm:
        notes.append(f"the radio cannot correct its crystal; the {tuning.ppm:g} ppm stay in the recording")
    call("setFrequency", device, *_CHANNEL, frequency_hz, None)
    if call("hasGainMode", device, *_CHANNEL):
        call("setGainMode", device, *_CHANNEL, tuning.gain_db is None)
    if tuning.gain_db is not None:
        call("setGain", device, *_CHANNEL, tuning.gain_db)
    if tuning.bias_tee:
        notes += _switch_bias_tee(device)
    return tuple(notes)


def _switch_bias_tee(device: int) -> list[str]:
    try:
        call("writeSetting", device, b"biastee", b"true")  # the word of SoapyRTLSDR and SoapyAirspy
    except DeviceError as error:
        return [f"the radio does not switch a bias tee ({error}); feed the preamplifier otherwise"]
    return []
