"""Files of JSON that are there as a whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdr.recording_files import sync_folder


def write_table(path: Path, table: Mapping[str, Any] | Sequence[Any], *, durable: bool = False) -> None:
    """Replace a file: written beside and renamed, so that readers see the old one or the new.

    Args:
        path: of the file.
        table: what JSON can hold.
        durable: also after a power cut, for what is written once and relied on later. What is told again
            soon, or stands in a row of the catalogue as well, does not wait for a slow disk.

    Raises:
        OSError: the disk refuses.
    """
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        if durable:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(path)
    if durable:
        sync_folder(path.parent)
