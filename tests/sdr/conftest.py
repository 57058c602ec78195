"""The simulated SoapySDR device, whose path its library reads once, when it loads; disks that fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sim.errors import SimulationError
from sim.soapy import plugin_folder
from tests.sdr.disks import Disk, Room

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


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """That of the test's folder."""
    return Disk(tmp_path, monkeypatch)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """Enough, until it is taken."""
    return Room(monkeypatch)
