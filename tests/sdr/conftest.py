"""The simulated SoapySDR device for this folder; the library reads its path once, when it loads."""

from __future__ import annotations

import os

import pytest

from sim.errors import SimulationError
from sim.soapy import plugin_folder

try:
    os.environ["SOAPY_SDR_PLUGIN_PATH"] = str(plugin_folder())
    MISSING = ""
except SimulationError as error:
    MISSING = str(error)


@pytest.fixture
def simulated_radio() -> str:
    """The name of the simulated driver; fails with the reason where it is not built."""
    assert not MISSING, MISSING
    return "tramthu_sim"
