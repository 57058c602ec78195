"""Whether a segment of a recording of many is decoded; for whoever lets segments go, without the decoder."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path


def is_done(folder: Path) -> bool:
    """Whether the results of a whole segment lie there."""
    with suppress(OSError, ValueError, AttributeError):
        return json.loads((folder / "run.json").read_text("utf-8")).get("end") is not None
    return False
