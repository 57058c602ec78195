"""`python -m sdr.soapy_probe JSON`: asks SoapySDR what there is, in a process of its own.

A module may crash or hang while it is loaded or looks for devices; then the doctor lives on and says so.

    in   [{"driver", "filters": {…}}, …]
    out  {"library": "0.8.1", "abi": "0.8", "folders": [{"path", "exists"}],
          "modules": [{"path", "version", "error"}], "drivers": {name: error},
          "devices": [{"found": [{…}], "error"}]}          one for each that was asked for
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Mapping
from ctypes import POINTER, c_char_p, c_size_t, c_void_p
from pathlib import Path
from typing import Any

from sdr.errors import DeviceError
from sdr.soapy_find import open_device
from sdr.soapy_library import enumerate_devices, library, loaded_drivers, text, texts


def probe(asked: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that is there.

    Raises:
        DeviceError: the library cannot be loaded.
    """
    loaded = library()
    for name in ("SoapySDR_getLibVersion", "SoapySDR_getABIVersion"):
        getattr(loaded, name).restype = c_char_p
    loaded.SoapySDR_listSearchPaths.restype = POINTER(c_char_p)
    loaded.SoapySDR_getModuleVersion.restype = c_char_p
    loaded.SoapySDR_getModuleVersion.argtypes = [c_char_p]
    # Loaded one by one, because loading them all tells no errors but on stderr.
    loaded.SoapySDR_loadModule.restype = c_void_p
    loaded.SoapySDR_loadModule.argtypes = [c_char_p]
    modules = [_module(loaded, path) for path in _texts(loaded, "SoapySDR_listModules")]
    folders = _texts(loaded, "SoapySDR_listSearchPaths")
    drivers = loaded_drivers()
    return {
        "library": text(loaded.SoapySDR_getLibVersion()),
        "abi": text(loaded.SoapySDR_getABIVersion()),
        "folders": [{"path": path, "exists": Path(path).is_dir()} for path in folders],
        "modules": modules,
        "drivers": drivers,
        "devices": [_device(one["driver"], one["filters"]) for one in asked],
    }


def _texts(loaded: ctypes.CDLL, name: str) -> list[str]:
    length = c_size_t()
    return texts(getattr(loaded, name)(ctypes.byref(length)), length)


def _module(loaded: ctypes.CDLL, path: str) -> dict[str, str]:
    pointer = loaded.SoapySDR_loadModule(path.encode())
    error = text(ctypes.cast(pointer, c_char_p).value) if pointer else ""
    if pointer:
        loaded.SoapySDR_free(pointer)
    return {"path": path, "version": text(loaded.SoapySDR_getModuleVersion(path.encode())), "error": error}


def _device(driver: str, filters: Mapping[str, str]) -> dict[str, Any]:
    """What answers to the words, and why it does not open."""
    found: list[dict[str, str]] = []
    try:
        found = enumerate_devices(driver, **filters)
        library().SoapySDRDevice_unmake(open_device(driver, filters))
    except DeviceError as error:
        return {"found": found, "error": str(error)}
    return {"found": found, "error": ""}


def main() -> int:
    """As a worker."""
    try:
        answer: dict[str, Any] = probe(json.loads(sys.argv[1]))
    except DeviceError as error:
        answer = {"missing": str(error)}
    # Drivers print on stdout as well: the answer is the last line.
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
