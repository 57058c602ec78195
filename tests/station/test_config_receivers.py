"""`[receiver]` sections: every key reaches the receiver, what cannot be is named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sdr.receiver import Tuning
from sdr.rtl_tcp import RtlTcp
from sdr.soapy import SoapyReceiver
from sdr.soapy_settings import Clocks
from station.config import parse_config
from station.errors import ConfigError
from station.registry import make_receiver
from tests.station.conftest import station_table

SOAPY = """
type = "soapy"
driver = "airspy"
serial = "91d064dc27a84eb7"
sample_rate = 10_000_000
gains_db = { LNA = 12, MIX = 9, VGA = 10.5 }
antenna = "RX"
format = "cs16"
filter_hz = 9e6
ppm = -1.5
bias_tee = true
dc_correction = true
iq_correction = false
clock_source = "external"
time_source = "gpsdo"
master_clock_hz = 40e6
settings = { bitpack = "true" }
stream_args = { buffers = "32" }
args = { index = "0" }
trust_stamps = true
usb_reset = false
"""


def _section(tmp_path: Path, text: str) -> Any:
    table = station_table(tmp_path) | {"receiver": tomllib.loads(text)}
    return parse_config(table).receivers[0]


def test_every_key_of_a_soapy_receiver_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def keep(self: SoapyReceiver, driver: str, **words: Any) -> None:
        given.update(words, driver=driver)

    monkeypatch.setattr(SoapyReceiver, "__init__", keep)
    _, tuning = make_receiver(_section(tmp_path, SOAPY), 1.7e9)
    assert tuning == Tuning(
        1.7e9,
        10e6,
        gain_db=32.8,
        antenna="RX",
        bias_tee=True,
        ppm=-1.5,
        bandwidth_hz=9e6,
        gains_db={"LNA": 12, "MIX": 9, "VGA": 10.5},
        dc_correction=True,
        iq_correction=False,
    )
    assert given == {
        "driver": "airspy",
        "serial": "91d064dc27a84eb7",
        "args": {"index": "0"},
        "format": "cs16",
        "settings": {"bitpack": "true"},
        "stream_args": {"buffers": "32"},
        "clocks": Clocks("external", "gpsdo", 40e6),
        "trust_stamps": True,
        "reset": None,
    }


def test_automatic_gain_has_a_word(tmp_path: Path) -> None:
    for kind, expected in (("soapy", SoapyReceiver), ("rtl_tcp", RtlTcp)):
        receiver, tuning = make_receiver(_section(tmp_path, f'type = "{kind}"\ngain_db = "auto"'), 137.9e6)
        assert tuning.gain_db is None
        assert isinstance(receiver, expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('type = "soapy"\ngain_db = "high"', "'high' is no gain; give decibels"),
        ('type = "soapy"\ngain_db = 30\ngains_db = { LNA = 3 }', "gain_db and gains_db exclude each other"),
        ('type = "soapy"\nargs = { serial = "1" }', "driver and serial have keys of their own"),
        ('type = "soapy"\nsettings = { biastee = "true" }', "write bias_tee = true beside them"),
        ('type = "soapy"\nformat = "cs24"', "format"),
        ('type = "soapy"\nppm = 500', "less than or equal to 200"),
        ('type = "soapy"\nsample_rate = nan', "sample_rate"),
        ('type = "soapy"\nbias_te = true', "did you mean 'bias_tee'"),
        ('type = "rtl_tcp"\nport = 0', "port"),
        ('type = "rtl_tcp"\ngains_db = { LNA = 3 }', "unknown key"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        _section(tmp_path, text)
