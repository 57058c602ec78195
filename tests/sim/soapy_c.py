"""SoapySDR's C interface as another program uses it, for tests of our device; nothing of `sdr` is in it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_long, c_longlong, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.soapy import device_string, plugin_folder

RX, HAS_TIME = 1, 4
TIMEOUT, STREAM_ERROR, OVERFLOW, NOT_SUPPORTED = -1, -2, -4, -5
DTYPES = {"CS16": "<i2", "CS8": "i1", "CU8": "u1", "CF32": "<f4"}
_CHANNEL = [c_void_p, c_int, c_size_t]
_READ = [c_void_p, c_void_p, POINTER(c_void_p), c_size_t, POINTER(c_int), POINTER(c_longlong), c_long]
_DEVICE: dict[str, tuple[Any, list[Any]]] = {
    "makeStrArgs": (c_void_p, [c_char_p]),
    "unmake": (c_int, [c_void_p]),
    "enumerateStrArgs": (c_void_p, [c_char_p, POINTER(c_size_t)]),
    "lastError": (c_char_p, []),
    "setSampleRate": (c_int, [*_CHANNEL, c_double]),
    "getSampleRate": (c_double, _CHANNEL),
    "setFrequency": (c_int, [*_CHANNEL, c_double, c_void_p]),
    "getFrequency": (c_double, _CHANNEL),
    "setGain": (c_int, [*_CHANNEL, c_double]),
    "getGain": (c_double, _CHANNEL),
    "setAntenna": (c_int, [*_CHANNEL, c_char_p]),
    "setDCOffsetMode": (c_int, [*_CHANNEL, ctypes.c_bool]),
    "writeSetting": (c_int, [c_void_p, c_char_p, c_char_p]),
    "getHardwareTime": (c_longlong, [c_void_p, c_char_p]),
    "setHardwareTime": (c_int, [c_void_p, c_longlong, c_char_p]),
    "setupStream": (c_void_p, [c_void_p, c_int, c_char_p, POINTER(c_size_t), c_size_t, c_void_p]),
    "closeStream": (c_int, [c_void_p, c_void_p]),
    "activateStream": (c_int, [c_void_p, c_void_p, c_int, c_longlong, c_size_t]),
    "deactivateStream": (c_int, [c_void_p, c_void_p, c_int, c_longlong]),
    "readStream": (c_int, _READ),
}


class SoapyError(Exception):
    """The library refused."""


def headers_or_skip() -> None:
    """Skip where the driver cannot have been built, except in CI."""
    if not Path("/usr/include/SoapySDR/Device.hpp").exists():
        assert "TRAMTHU_CI" not in os.environ, "CI must have SoapySDR's headers (libsoapysdr-dev)"
        pytest.skip("needs SoapySDR's headers (apt-get install libsoapysdr-dev)")


@cache
def library() -> ctypes.CDLL:
    """The library, with our driver loaded into it: the search path may have been read long ago."""
    loaded = ctypes.CDLL("libSoapySDR.so.0.8")
    for name, (result, arguments) in _DEVICE.items():
        function = getattr(loaded, f"SoapySDRDevice_{name}")
        function.restype, function.argtypes = result, arguments
    loaded.SoapySDR_loadModule.restype = c_char_p
    loaded.SoapySDR_loadModule(str(plugin_folder() / "libtramthu_sim.so").encode())
    loaded.SoapySDR_setLogLevel(c_int(2))  # errors come back as such; the log would only repeat them
    return loaded


def found(args: Mapping[str, str]) -> int:
    """How many devices are found."""
    count = c_size_t()
    library().SoapySDRDevice_enumerateStrArgs(device_string(args).encode(), byref(count))
    return count.value


class Radio:
    """A device, opened."""

    def __init__(self, args: Mapping[str, str]) -> None:
        self.device = library().SoapySDRDevice_makeStrArgs(device_string(args).encode())
        self.stream: int | None = None
        if not self.device:
            raise SoapyError(_error())

    def call(self, name: str, *arguments: Any) -> Any:
        """SoapySDRDevice_<name>(device, …); SoapyError where it reports a failure."""
        result = getattr(library(), f"SoapySDRDevice_{name}")(self.device, *arguments)
        if library().SoapySDRDevice_lastStatus() != 0:
            raise SoapyError(_error())
        return result

    def start(self, rate: float | None = None, stream_format: str = "CS16", *, activate: bool = True) -> None:
        """Set up the stream and begin."""
        if rate is not None:
            self.call("setSampleRate", RX, 0, rate)
        self.format = stream_format
        self.stream = self.call("setupStream", RX, stream_format.encode(), None, 0, None)
        if activate:
            self.activate()

    def activate(self) -> None:
        """Begin; SoapyError when the device refuses."""
        if code := self.call("activateStream", self.stream, 0, 0, 0):
            raise SoapyError(str(code))

    def deactivate(self) -> None:
        """Pause."""
        self.call("deactivateStream", self.stream, 0, 0)

    def read(self, count: int, timeout_s: float = 10.0) -> tuple[int, np.ndarray, int | None]:
        """Result, samples as [n, 2], time in ns where it is stamped."""
        values = np.empty((count, 2), DTYPES[self.format])
        pointer, flags, time_ns = c_void_p(values.ctypes.data), c_int(), c_longlong()
        code = library().SoapySDRDevice_readStream(
            self.device,
            self.stream,
            byref(pointer),
            count,
            byref(flags),
            byref(time_ns),
            int(timeout_s * 1e6),
        )
        return code, values[: max(code, 0)], time_ns.value if flags.value & HAS_TIME else None

    def numbers(self, count: int, timeout_s: float = 10.0) -> tuple[int, np.ndarray, int | None]:
        """Likewise, of a device whose samples are their own numbers."""
        code, values, time_ns = self.read(count, timeout_s)
        return code, np.ascontiguousarray(values).view("<u4").reshape(-1), time_ns

    def close(self) -> None:
        """Let the device go; may be called again."""
        if self.device:
            if self.stream:
                library().SoapySDRDevice_closeStream(self.device, self.stream)
            library().SoapySDRDevice_unmake(self.device)
        self.device = None

    def __enter__(self) -> Radio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _error() -> str:
    return (library().SoapySDRDevice_lastError() or b"").decode(errors="replace")
