"""The C interface of SoapySDR 0.8 through ctypes: works under every Python, needs no bindings.

Source: SoapySDR/Device.h, Constants.h, Errors.h of SoapySDR 0.8.1.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
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
        return {text(self.keys[i]): text(self.values[i]) for i in range(self.size)}


class Range(ctypes.Structure):
    """SoapySDRRange."""

    _fields_ = [("minimum", c_double), ("maximum", c_double), ("step", c_double)]


class ArgInfo(ctypes.Structure):
    """SoapySDRArgInfo: a setting that a device knows."""

    _fields_ = [
        *((name, c_char_p) for name in ("key", "value", "name", "description", "units")),
        ("type", c_int),
        ("range", Range),
        ("option_count", c_size_t),
        ("options", c_void_p),
        ("option_names", c_void_p),
    ]


_CHANNEL = [c_void_p, c_int, c_size_t]
_TEXTS = POINTER(c_char_p)
_COUNT = POINTER(c_size_t)
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
    "getFrequencyCorrection": (c_double, _CHANNEL),
    "getSampleRateRange": (POINTER(Range), [*_CHANNEL, _COUNT]),
    "listAntennas": (_TEXTS, [*_CHANNEL, _COUNT]),
    "setAntenna": (c_int, [*_CHANNEL, c_char_p]),
    "getAntenna": (c_void_p, _CHANNEL),
    "hasGainMode": (c_bool, _CHANNEL),
    "setGainMode": (c_int, [*_CHANNEL, c_bool]),
    "setGain": (c_int, [*_CHANNEL, c_double]),
    "getGain": (c_double, _CHANNEL),
    "listGains": (_TEXTS, [*_CHANNEL, _COUNT]),
    "setGainElement": (c_int, [*_CHANNEL, c_char_p, c_double]),
    "getGainElement": (c_double, [*_CHANNEL, c_char_p]),
    "setBandwidth": (c_int, [*_CHANNEL, c_double]),
    "getBandwidth": (c_double, _CHANNEL),
    "hasDCOffsetMode": (c_bool, _CHANNEL),
    "setDCOffsetMode": (c_int, [*_CHANNEL, c_bool]),
    "hasIQBalanceMode": (c_bool, _CHANNEL),
    "getIQBalanceMode": (c_bool, _CHANNEL),
    "setMasterClockRate": (c_int, [c_void_p, c_double]),
    "listClockSources": (_TEXTS, [c_void_p, _COUNT]),
    "setClockSource": (c_int, [c_void_p, c_char_p]),
    "listTimeSources": (_TEXTS, [c_void_p, _COUNT]),
    "setTimeSource": (c_int, [c_void_p, c_char_p]),
    "hasHardwareTime": (c_bool, [c_void_p, c_char_p]),
    "getHardwareTime": (c_longlong, [c_void_p, c_char_p]),
    "getSettingInfo": (POINTER(ArgInfo), [c_void_p, _COUNT]),
    "writeSetting": (c_int, [c_void_p, c_char_p, c_char_p]),
    "getStreamFormats": (_TEXTS, [*_CHANNEL, _COUNT]),
    "setupStream": (c_void_p, [c_void_p, c_int, c_char_p, _COUNT, c_size_t, POINTER(Kwargs)]),
    "closeStream": (c_int, [c_void_p, c_void_p]),
    "getStreamMTU": (c_size_t, [c_void_p, c_void_p]),
    "activateStream": (c_int, [c_void_p, c_void_p, c_int, c_longlong, c_size_t]),
    "deactivateStream": (c_int, [c_void_p, c_void_p, c_int, c_longlong]),
    "readStream": (
        c_int,
        [c_void_p, c_void_p, POINTER(c_void_p), c_size_t, POINTER(c_int), POINTER(c_longlong), c_long],
    ),
}

_HELPERS: dict[str, tuple[Any, list[Any]]] = {
    "SoapySDR_free": (None, [c_void_p]),
    "SoapySDR_errToStr": (c_char_p, [c_int]),
    "SoapySDR_loadModules": (None, []),
    "SoapySDR_listModules": (_TEXTS, [_COUNT]),
    "SoapySDR_getLoaderResult": (Kwargs, [c_char_p]),
    "SoapySDRStrings_clear": (None, [POINTER(_TEXTS), c_size_t]),
    "SoapySDRArgInfoList_clear": (None, [POINTER(ArgInfo), c_size_t]),
    "SoapySDRKwargs_clear": (None, [POINTER(Kwargs)]),
    "SoapySDRKwargsList_clear": (None, [POINTER(Kwargs), c_size_t]),
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
    for name, (result, arguments) in _HELPERS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def text(value: bytes | None) -> str:
    """Of the library or of a driver; undecodable bytes are replaced."""
    return (value or b"").decode(errors="replace")


def texts(found: Any, length: c_size_t) -> list[str]:
    """A list of strings that the library gave, which is freed."""
    there = [text(found[i]) for i in range(length.value)]
    library().SoapySDRStrings_clear(ctypes.byref(found), length)
    return there


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
        return text(ctypes.cast(pointer, c_char_p).value)
    finally:
        library().SoapySDR_free(pointer)


def call_texts(name: str, *arguments: Any) -> list[str]:
    """Call a function that returns a list of strings."""
    length = c_size_t()
    return texts(call(name, *arguments, ctypes.byref(length)), length)


def call_ranges(name: str, *arguments: Any) -> list[tuple[float, float]]:
    """Call a function that returns a list of ranges."""
    length = c_size_t()
    found = call(name, *arguments, ctypes.byref(length))
    ranges = [(found[i].minimum, found[i].maximum) for i in range(length.value)]
    library().SoapySDR_free(found)
    return ranges


def setting_names(device: int) -> list[str]:
    """Names of the settings that a device knows."""
    length = c_size_t()
    found = call("getSettingInfo", device, ctypes.byref(length))
    names = [text(found[i].key) for i in range(length.value)]
    library().SoapySDRArgInfoList_clear(found, length)
    return names


def loaded_drivers() -> dict[str, str]:
    """Drivers of the installed modules: name to what went wrong when it was loaded, or to an empty text."""
    loaded = library()
    loaded.SoapySDR_loadModules()
    length = c_size_t()
    modules = loaded.SoapySDR_listModules(ctypes.byref(length))
    drivers: dict[str, str] = {}
    for i in range(length.value):
        result = loaded.SoapySDR_getLoaderResult(modules[i])
        drivers |= result.to_dict()
        loaded.SoapySDRKwargs_clear(ctypes.byref(result))
    loaded.SoapySDRStrings_clear(ctypes.byref(modules), length)
    return drivers


def kwargs(values: Mapping[str, str]) -> Kwargs:
    """A map for the library to read; it lives as long as the result."""
    keys = (c_char_p * len(values))(*(key.encode() for key in values))
    words = (c_char_p * len(values))(*(value.encode() for value in values.values()))
    return Kwargs(len(values), ctypes.cast(keys, _TEXTS), ctypes.cast(words, _TEXTS))


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
