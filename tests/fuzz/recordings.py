"""What the targets of recordings share: samples, a header, and reading a recording to its end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from harness import instrumented

with instrumented():
    from sdr.index import IndexHeader
    from sdr.recording import open_recording

SAMPLES = np.random.default_rng(1).bytes(512)
MOST_SAMPLES = 1 << 16


def header(fmt: str) -> IndexHeader:
    start = datetime(2026, 3, 24, 3, 14, 15, 926535, tzinfo=UTC)
    return IndexHeader(fmt, 250e3, 137.9e6, start, {"hw": "dongle", "satellite": "METEOR-M2 4"})


def read_all(path: Path, *, follow: bool = False) -> None:
    """Every sample must be a number of a possible size, and there must be an end."""
    with open_recording(path, follow=follow, stale_after_s=0.0) as reader:
        assert 0 < reader.info.sample_rate < float("inf")
        count = 0
        for block in reader.blocks(100):
            assert np.isfinite(block).all()
            count += len(block)
            assert count <= MOST_SAMPLES, "more samples than bytes"
        assert isinstance(reader.notes, tuple)
        assert [gap.sample_index for gap in reader.info.gaps] == sorted(
            g.sample_index for g in reader.info.gaps
        )
