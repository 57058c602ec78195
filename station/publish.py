"""The last step: a manifest of the observation, and a copy of its products where others read them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.config import StationConfig
from station.records import Observation
from station.table_file import write_table

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Published:
    """What publishing left behind."""

    files: tuple[Path, ...]
    copied: str


def publish_files(observation: Observation, config: StationConfig) -> Published:
    """Write the manifest; copy the products when a folder is configured. Raises OSError."""
    manifest = observation.folder / MANIFEST
    write_table(manifest, _manifest(observation), durable=True)  # nobody writes it again
    copied = ""
    if config.publish.folder is not None:
        copied = str(_copy(observation, manifest, config.publish.folder))
    return Published((manifest,), copied)


def _manifest(observation: Observation) -> dict[str, Any]:
    """What was observed and every file with its hash."""
    return {
        "observation": observation.name,
        "satellite": observation.satellite,
        "norad_id": observation.norad_id,
        "downlink": observation.downlink,
        "site": dict(observation.site),
        "aos": observation.aos.isoformat(),
        "tca": observation.tca.isoformat(),
        "los": observation.los.isoformat(),
        "max_elevation_deg": observation.max_elevation_deg,
        "files": [
            {
                "step": entry.step,
                "path": str(entry.path.relative_to(observation.folder)),
                "bytes": entry.bytes,
                "sha256": entry.sha256,
            }
            for entry in observation.files
        ],
    }


def _copy(observation: Observation, manifest: Path, target: Path) -> Path:
    """Copied beside and renamed, so that nobody reads half a pass."""
    target.mkdir(parents=True, exist_ok=True)
    final, beside = target / observation.name, target / f".{observation.name}.new"
    if final.exists():
        return final
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    shutil.copy2(manifest, beside / manifest.name)
    for entry in observation.files:
        if entry.step == "image":
            copy = beside / Path(*entry.path.relative_to(observation.folder).parts[1:])  # of which segment
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(entry.path, copy)
    beside.rename(final)
    return final
