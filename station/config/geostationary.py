"""`[geostationary]`: how a satellite is recorded that never sets."""

from __future__ import annotations

from pydantic import Field

from station.config.strict import Strict


class GeostationarySection(Strict):
    """Length of a segment, seconds, and how many stay once they are decoded, the growing one among them."""

    segment_s: float = Field(default=600.0, ge=5, le=3600)
    keep_segments: int = Field(default=3, ge=2, le=1000)
