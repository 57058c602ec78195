"""`[self_test]`: the look at receiver and antenna before each pass."""

from __future__ import annotations

from pydantic import Field

from station.config.strict import Name, Positive, Strict


class CarrierSection(Strict):
    """A transmitter that is always on the air: a broadcast station, a beacon, the pilot of a multiplex.

    `level_dbfs` is what it comes with at the configured gain (`tramthu selftest` prints it); left out, it is
    held against what it usually comes with.
    """

    name: Name
    frequency_hz: Positive
    bandwidth_hz: Positive = 200e3
    level_dbfs: float | None = Field(default=None, le=10)
    tolerance_db: Positive = 6.0
    receiver: Name | None = None


class SelfTestSection(Strict):
    """Whether it is made before passes, on how many seconds of samples, and what is always to be heard."""

    before_passes: bool = True
    seconds: float = Field(default=0.5, ge=0.1, le=5)
    carrier: tuple[CarrierSection, ...] = ()
