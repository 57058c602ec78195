"""The C interface of SoapySDR 0.8 through ctypes: works under every Python, needs no bindings.

Source: SoapySDR/Device.h, Constants.h, Errors.h of SoapySDR 0.8.1.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_double, c_int, c_long, c_longlong, c_size_t, c_void_p
from functools import cache
from typing import Any

from sdr.errors import DeviceError

LIBRARY = "libSoapySDR.so.0.8"
RX = 1
HAS_TIME = 1 << 2
TIMEOUT, STREAM_ERROR, CORRUPTION, OVERFLOW, NOT_SUPPORTED = -1, -2, -3, -4, -5
INSTALL = (
    "install SoapySDR and your radio's module, for example: "
    "apt-get install libsoapysdr0.8 soapysdr-module-rtlsdr"
)


class Kwargs(ctypes.Structure):
    """SoapySDRKwargs: a map of strings."""

    _fields_ = [("size", c_size_t), ("keys", POINTER(c_char_p)), ("values", POINTER(c_char_p))]

    def to_dict(self) -> dict[str, str]:
        """As a dict; undecodable bytes are replaced."""
        return {
            (self.keys[i] or b"").decode(errors="replace"): (self.values[i] or b"").decode(errors="replace")
            for i in range(self.size)
        }


_CHANNEL = [c_void_p, c_int, c_size_t]
# name without its prefix SoapySDRDevice_: result, arguments. A char* that we must free is a c_void_p.
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "enumerateStrArgs": (POINTER(Kwargs), [c_char_p, POINTER(c_size_t)]),
    "makeStrArgs": (c_void_p, [c_char_p]),
    "unmake": (c_int, [c_void_p]),
    "lastStatus": (c_int, []),
    "lastError": (c_char_p, []),
    "getHardwareKey": (c_void_p, [c_void_p]),
    "getNumChannels": (c_size_t, [c_void_p, c_int]),
    "getNativeStreamFormat": (c_void_p, [*_CHANNEL, POINTER(c_double)]),
    "setSampleRate": (c_int, [*_CHANNEL, c_double]),
    "getSampleRate": (c_double, _CHANNEL),
    "setFrequency": (c_int, [*_CHANNEL, c_double, c_void_p]),
    "getFrequency": (c_double, _CHANNEL),
    "hasFrequencyCorrection": (c_bool, _CHANNEL),
    "setFrequencyCorrection": (c_int, [*_CHANNEL, c_double]),
    "setAntenna": (c_int, [*_CHANNEL, c_char_p]),
    "getAntenna": (c_void_p, _CHANNEL),
    "hasGainMode": (c_bool, _CHANNEL),
    "setGainMode": (c_int, [*_CHANNEL, c_bool]),
    "setGain": (c_int, [*_CHANNEL, c_double]),
    "getGain": (c_double, _CHANNEL),
    "setBandwidth": (c_int, [*_CHANNEL, c_double]),
    "writeSetting": (c_int, [c_void_p, c_char_p, c_char_p]),
    "setupStream": (c_void_p, [c_void_p, c_int, c_char_p, POINTER(c_size_t), c_size_t, c_void_p]),
    "closeStream": (c_int, [c_void_p, c_void_p]),
    "getStreamMTU": (c_size_t, [c_void_p, c_void_p]),
    "activateStream": (c_int, [c_void_p, c_void_p, c_int, c_longlong, c_size_t]),
    "deactivateStream": (c_int, [c_void_p, c_void_p, c_int, c_longlong]),
    "readStream": (
        c_int,
        [c_void_p, c_void_p, POINTER(c_void_p), c_size_t, POINTER(c_int), POINTER(c_longlong), c_long],
    ),
}


@cache
def library() -> ctypes.CDLL:
    """The loaded library with declared functions; DeviceError says what to install."""
    try:
        loaded = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise DeviceError(f"{LIBRARY} cannot be loaded ({error}); {INSTALL}") from None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(loaded, f"SoapySDRDevice_{name}")
        function.restype, function.argtypes = result, arguments
    loaded.SoapySDR_free.restype, loaded.SoapySDR_free.argtypes = None, [c_void_p]
    loaded.SoapySDR_errToStr.restype, loaded.SoapySDR_errToStr.argtypes = c_char_p, [c_int]
    loaded.SoapySDRKwargsList_clear.restype = None
    loaded.SoapySDRKwargsList_clear.argtypes = [POINTER(Kwargs), c_size_t]
    return loaded


def call(name: str, *arguments: Any) -> Any:
    """Call SoapySDRDevice_<name>; a failure status of the library becomes a DeviceError."""
    loaded = library()
    result = getattr(loaded, f"SoapySDRDevice_{name}")(*arguments)
    if loaded.SoapySDRDevice_lastStatus() != 0:
        message = loaded.SoapySDRDevice_lastError() or b"no reason given"
        raise DeviceError(f"SoapySDR {name}: {message.decode(errors='replace')}")
    return result


def call_text(name: str, *arguments: Any) -> str:
    """Call a function that returns a string of ours to free."""
    pointer = call(name, *arguments)
    if not pointer:
        return ""
    try:
        return (ctypes.cast(pointer, c_char_p).value or b"").decode(errors="replace")
    finally:
        library().SoapySDR_free(pointer)


def error_text(code: int) -> str:
    """The library's word for a negative result."""
    return (library().SoapySDR_errToStr(code) or b"unknown").decode(errors="replace")


def enumerate_devices(driver: str, **filters: str) -> list[dict[str, str]]:
    """Devices of one driver.

    A driver must be named: without one SoapySDR asks every module, the remote one the whole network.
    """
    if not driver:
        raise DeviceError("name the SoapySDR driver, for example driver=rtlsdr")
    length = c_size_t()
    found = call("enumerateStrArgs", kwargs_text({"driver": driver, **filters}), ctypes.byref(length))
    try:
        return [found[i].to_dict() for i in range(length.value)]
    finally:
        if found:
            library().SoapySDRKwargsList_clear(found, length)


def kwargs_text(values: dict[str, str]) -> bytes:
    """SoapySDR's markup of a map."""
    return ", ".join(f"{key}={value}" for key, value in values.items()).encode()
