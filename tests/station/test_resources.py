"""What a station has, in the words of the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from station.config import parse_config
from station.resources import recording_bytes_per_s
from tests.station.conftest import station_table


@pytest.mark.parametrize(
    ("receiver", "bytes_per_sample"),
    [
        ({"type": "rtl_tcp"}, 2),
        ({"type": "soapy"}, 4),  # as most radios give, where nothing is said
        ({"type": "soapy", "format": "cs8"}, 2),
        ({"type": "soapy", "format": "cf32"}, 8),
        ({"type": "simulator", "format": "cs16"}, 4),
        ({"type": "playback", "file": "pass.raw", "format": "cu8"}, 2),
        ({"type": "playback", "file": "pass.wav", "format": "wav"}, 4),
    ],
)
def test_a_recording_takes_as_much_as_its_samples(
    tmp_path: Path, receiver: dict[str, Any], bytes_per_sample: int
) -> None:
    (section,) = parse_config(station_table(tmp_path, **receiver, sample_rate=1e6)).receivers
    assert recording_bytes_per_s(section) == 1e6 * bytes_per_sample
