"""What the SoapySDR modules do differently, as far as it matters to us; as their sources stood in 2026.

Stamps can be trusted where the hardware counts samples at its converter. SoapyRTLSDR stamps every block too,
but from the count of samples that arrived, so losses on the USB do not show in them (rx_callback in
Streaming.cpp; up to 0.3.3 they also count bytes as samples, pull request 69). SoapyAirspy, SoapyAirspyHF,
SoapyHackRF, SoapyPlutoSDR and SoapySDRPlay3 stamp nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Driver:
    """What is known of a module.

    Attributes:
        package: where it comes from: Debian's package, or the project.
        stamps: its stamps come from a counter at the converter, so that they show every loss.
        usb: vendor:product of its devices in hexadecimal; empty where a reset is not ours to do.
        source: where that was read.
    """

    package: str
    stamps: bool = False
    usb: tuple[str, ...] = ()
    source: str = ""


DRIVERS = {
    "rtlsdr": Driver(
        "soapysdr-module-rtlsdr", False, ("0bda:2832", "0bda:2838"), "SoapyRTLSDR Streaming.cpp, rx_callback"
    ),
    "airspy": Driver("soapysdr-module-airspy", False, ("1d50:60a1",), "SoapyAirspy Streaming.cpp"),
    "airspyhf": Driver("SoapyAirspyHF", False, ("03eb:800c",), "SoapyAirspyHF Streaming.cpp"),
    "hackrf": Driver(
        "soapysdr-module-hackrf", False, ("1d50:6089", "1d50:604b"), "SoapyHackRF HackRF_Streaming.cpp"
    ),
    "sdrplay": Driver("SoapySDRPlay3", False, (), "SoapySDRPlay3 Streaming.cpp"),
    "plutosdr": Driver("SoapyPlutoSDR", False, (), "SoapyPlutoSDR PlutoSDR_Streaming.cpp"),
    "bladerf": Driver(
        "soapysdr-module-bladerf", True, ("2cf0:5246", "2cf0:5250"), "bladeRF_Streaming.cpp, md.timestamp"
    ),
    "uhd": Driver("soapysdr-module-uhd", True, (), "SoapyUHDDevice.cpp, md.time_spec"),
    "lime": Driver("soapysdr-module-lms7", True, ("1d50:6108", "0403:601f"), "SoapyLMS7 Streaming.cpp"),
    "tramthu_sim": Driver("make kernels", True, (), "sim/soapy: samples are numbered where they are made"),
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
    return DRIVERS.get(name.lower(), Driver(f"the SoapySDR module for {name}"))
