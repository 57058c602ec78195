"""Finds and opens the one SoapySDR device that is meant, and says what to do when that fails."""

from __future__ import annotations

from collections.abc import Mapping

from sdr.errors import DeviceError
from sdr.soapy_drivers import no_module
from sdr.soapy_library import call, enumerate_devices, kwargs_text, loaded_drivers


def open_device(driver: str, filters: Mapping[str, str]) -> int:
    """The library's handle of the one device.

    Args:
        driver: name of SoapySDR's module.
        filters: "serial" and further words.

    Raises:
        DeviceError: the module is missing or broken, no device, several, or it is in use.
    """
    words = {"driver": driver, **filters}
    found = enumerate_devices(driver, **filters)
    if not found:
        _refuse_missing_module(driver)
        raise DeviceError(
            f"no radio found for {kwargs_text(words).decode()}; is it plugged in, and does it have power? "
            f"SoapySDRUtil --find=driver={driver} lists what is there"
        )
    if len(found) > 1:
        raise DeviceError(_several(driver, filters, found))
    try:
        device = call("makeStrArgs", kwargs_text(words))
    except DeviceError as error:
        device, reason = None, str(error)
    else:
        reason = "no reason given"
    if not device:
        raise DeviceError(
            f"the radio of driver {driver} is there but cannot be opened ({reason}); is another program "
            "using it, or may this user not write to it (udev rules)?"
        )
    return int(device)


def _refuse_missing_module(driver: str) -> None:
    drivers = loaded_drivers()
    broken = drivers.get(driver)
    if broken:
        raise DeviceError(f"SoapySDR's module for {driver} cannot be loaded: {broken}")
    if broken is None:
        raise DeviceError(": ".join(no_module(driver, drivers)))


def _several(driver: str, filters: Mapping[str, str], found: list[dict[str, str]]) -> str:
    if "serial" in filters:
        return (
            f"{len(found)} radios of driver {driver} have the serial {filters['serial']}; give each a serial "
            "of its own (RTL dongles: rtl_eeprom -s), or leave only one plugged in"
        )
    serials = ", ".join(device.get("serial", "?") for device in found)
    return f"{len(found)} radios of driver {driver}; choose one by its serial: {serials}"
