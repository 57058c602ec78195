"""What the SoapySDR modules do differently, as far as it matters to us; as their sources stood in 2026.

Stamps can be trusted where the hardware counts samples at its converter. SoapyRTLSDR stamps every block too,
but from the count of samples that arrived, so losses on the USB do not show in them (rx_callback in
Streaming.cpp; up to 0.3.3 they also count bytes as samples, pull request 69). SoapyAirspy, SoapyAirspyHF,
SoapyHackRF, SoapyPlutoSDR and SoapySDRPlay3 stamp nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SIMULATED = Path(__file__).resolve().parents[1] / "sim" / "soapy" / "module"


@dataclass(frozen=True)
class Driver:
    """What is known of a module.

    Attributes:
        install: what to do where its module is missing.
        stamps: its stamps come from a counter at the converter, so that they show every loss.
        usb: vendor:product of its devices in hexadecimal; empty where a reset is not ours to do.
        source: where that was read.
    """

    install: str
    stamps: bool = False
    usb: tuple[str, ...] = ()
    source: str = ""


def _debian(module: str) -> str:
    return f"sudo apt-get install soapysdr-module-{module}"


def _project(name: str) -> str:
    return f"build and install the project {name}"


DRIVERS = {
    "rtlsdr": Driver(
        _debian("rtlsdr"), False, ("0bda:2832", "0bda:2838"), "SoapyRTLSDR Streaming.cpp, rx_callback"
    ),
    "airspy": Driver(_debian("airspy"), False, ("1d50:60a1",), "SoapyAirspy Streaming.cpp"),
    "airspyhf": Driver(_project("SoapyAirspyHF"), False, ("03eb:800c",), "SoapyAirspyHF Streaming.cpp"),
    "hackrf": Driver(
        _debian("hackrf"), False, ("1d50:6089", "1d50:604b"), "SoapyHackRF HackRF_Streaming.cpp"
    ),
    "sdrplay": Driver(_project("SoapySDRPlay3"), False, (), "SoapySDRPlay3 Streaming.cpp"),
    "plutosdr": Driver(_project("SoapyPlutoSDR"), False, (), "SoapyPlutoSDR PlutoSDR_Streaming.cpp"),
    "bladerf": Driver(
        _debian("bladerf"), True, ("2cf0:5246", "2cf0:5250"), "bladeRF_Streaming.cpp, md.timestamp"
    ),
    "uhd": Driver(_debian("uhd"), True, (), "SoapyUHDDevice.cpp, md.time_spec"),
    "lime": Driver(_debian("lms7"), True, ("1d50:6108", "0403:601f"), "SoapyLMS7 Streaming.cpp"),
    "tramthu_sim": Driver(
        f"make kernels builds it, SOAPY_SDR_PLUGIN_PATH={_SIMULATED} in the environment shows it",
        True,
        (),
        "sim/soapy: samples are numbered where they are made",
    ),
}

# The setting that feeds the preamplifier, by the names that modules give it (getSettingInfo in each).
BIAS_TEE_SETTINGS = (
    "biastee",  # SoapyRTLSDR, SoapyAirspy
    "bias_tx",  # SoapyHackRF; the one antenna port, in receiving too
    "biasT_ctrl",  # SoapySDRPlay3
    "biastee_rx",  # SoapyBladeRF
)


def driver(name: str) -> Driver:
    """What is known of a module; of an unknown one, nothing that could be relied on."""
    return DRIVERS.get(name.lower(), Driver(f"install the SoapySDR module for {name}"))


def no_module(name: str, installed: Iterable[str]) -> tuple[str, str]:
    """What is said of a driver whose module is missing, and what to do.

    Args:
        name: of the driver.
        installed: drivers that are there.
    """
    there = sorted(installed)
    said = f"SoapySDR has no module for driver {name!r}; installed are {', '.join(there) or 'none'}"
    if name.lower() not in DRIVERS and (near := difflib.get_close_matches(name, [*there, *DRIVERS], 1)):
        return said, f"did you mean {near[0]!r}?"
    return said, driver(name).install
