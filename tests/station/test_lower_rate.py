"""A disk that is short: the first of the lower rates that a receiver allows is recorded at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scheduler.elements import load_elements
from sdr import disk
from sdr.receiver import Opened
from station.commands.options import SITES
from station.config import RtlTcpReceiver
from station.record import Assignment, _lower_rate
from tests.station.conftest import ELEMENTS

MIB = 1 << 20


@pytest.mark.parametrize(
    ("free_mib", "begun_with", "expected"),
    [
        (
            10_000,
            None,
            None,
        ),  # 600 s of cu8: 2344 MiB at 2.048 MHz, 1172 and 286 at the others, and the reserve
        (2599, None, 1.024e6),
        (1427, None, 250e3),
        (500, None, None),  # none helps: memory only
        (10_000, 1_024_000.0, 1.024e6),  # it was begun so
        (500, 2_048_000.0, None),
    ],
)
def test_the_rate_that_fits(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    free_mib: int,
    begun_with: float | None,
    expected: float | None,
) -> None:
    monkeypatch.setattr(disk, "free_bytes", lambda _: free_mib * MIB)
    now = datetime.now(UTC)
    wanted = Assignment(
        satellite="METEOR-M2 4",
        frequency_hz=137.9e6,
        site=SITES["lai-chau"],
        elements=load_elements(ELEMENTS)[1],
        start=now,
        end=now + timedelta(seconds=600),
        receiver=RtlTcpReceiver(type="rtl_tcp", sample_rate=2.048e6, lower_rates=(1.024e6, 250e3)),
        reserve_bytes=256 * MIB,
    )
    opened = Opened("a dongle", "cu8", 137.9e6, 2.048e6)
    assert _lower_rate(wanted, opened, tmp_path, begun_with) == expected
    assert ("the disk is short" in capsys.readouterr().err) == (expected is not None and begun_with is None)
