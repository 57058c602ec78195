"""Level 1a of MSU-MR: one CF NetCDF file with the counts of a pass and everything needed to use them.

Conventions: CF-1.10, sections 3.5 (flags), 4.4 (time). Besides the counts it carries the orbital elements,
the station, the recording's hash, the versions and the frame report, so that the file stands by itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from decoders.errors import OutputError
from decoders.instruments.level1a_variables import INSTRUMENT, write_channel, write_lines, write_telemetry
from decoders.instruments.msu_mr_image import COLUMNS, MsuMrImage
from decoders.instruments.msu_mr_telemetry import SATELLITES
from decoders.instruments.msu_mr_times import LINES_PER_STRIP


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the data come from; what is not known stays empty.

    Attributes:
        satellite: name as in the element sets; empty: told by the instrument's serial number.
        norad_id: catalogue number; 0: told by the instrument's serial number.
        downlink: name of the downlink definition.
        mode: name of the mode that was received.
        elements_omm: orbital elements as an OMM mapping.
        station: name, latitude_deg, longitude_deg, altitude_m.
        recording_name: file name of the input, of SigMF the stem.
        recording_sha256: its hash, hexadecimal.
        software: versions by name.
        frame_report: counters of frames.
        history: the command, as CF wants it.
    """

    satellite: str = ""
    norad_id: int = 0
    downlink: str = ""
    mode: str = ""
    elements_omm: Mapping[str, Any] | None = None
    station: Mapping[str, Any] | None = None
    recording_name: str = ""
    recording_sha256: str = ""
    software: Mapping[str, Any] = field(default_factory=dict)
    frame_report: Mapping[str, Any] = field(default_factory=dict)
    history: str = ""


def level1a_name(image: MsuMrImage, provenance: Provenance) -> str:
    """File name `<SATELLITE>_MSU-MR_<time of the first line>_l1a.nc`, safe in any folder."""
    satellite, _ = _satellite(image, provenance)
    safe = re.sub(r"[^A-Za-z0-9.+-]+", "_", satellite).strip("._") or "UNKNOWN"
    return f"{safe}_{INSTRUMENT}_{image.start:%Y%m%dT%H%M%SZ}_l1a.nc"


def write_level1a(path: Path, image: MsuMrImage, provenance: Provenance) -> Path:
    """Writes the file; it appears under its name only when it is whole.

    Args:
        path: the file, or an existing folder, in which it gets the name of `level1a_name`.
        image: the pass.
        provenance: what else to tell.

    Returns:
        The file's path.

    Raises:
        OutputError: the folder is missing, full or read-only.
    """
    target = path / level1a_name(image, provenance) if path.is_dir() else path
    unfinished = target.with_name(target.name + ".part")
    try:
        # The NetCDF library hides the cause of a failed create: let the system say it.
        unfinished.open("wb").close()
        with netCDF4.Dataset(os.fspath(unfinished), "w", format="NETCDF4") as dataset:
            _write(dataset, image, provenance)
        unfinished.replace(target)
    except (OSError, RuntimeError) as error:
        raise OutputError(
            f"{target} cannot be written ({error}); free space there or choose another --out"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    return target


def _satellite(image: MsuMrImage, provenance: Provenance) -> tuple[str, int]:
    serial = image.telemetry.serial
    told, norad_id = SATELLITES.get(-1 if serial is None else serial, ("UNKNOWN", 0))
    if provenance.satellite and provenance.satellite != told:
        return provenance.satellite, provenance.norad_id
    return told, provenance.norad_id or norad_id


def _write(dataset: Any, image: MsuMrImage, provenance: Provenance) -> None:
    dataset.createDimension("y", len(image.line_time_s))
    dataset.createDimension("x", COLUMNS)
    dataset.createDimension("strip", len(image.line_time_s) // LINES_PER_STRIP)
    dataset.createDimension("telemetry", len(image.telemetry.time_s))
    dataset.createDimension("word", 2)
    dataset.createDimension("octet", image.telemetry.octets.shape[1])
    dataset.createDimension("channel", 6)
    dataset.createDimension("body", 3)
    dataset.createDimension("axis", 3)
    dataset.createDimension("quaternion", 4)
    _write_globals(dataset, image, provenance)
    write_lines(dataset, image)
    for channel in image.channels:
        write_channel(dataset, image, channel)
    write_telemetry(dataset, image)


def _write_globals(dataset: Any, image: MsuMrImage, provenance: Provenance) -> None:
    satellite, norad_id = _satellite(image, provenance)
    dataset.setncatts(
        {
            "Conventions": "CF-1.10",
            "title": f"{satellite} {INSTRUMENT} counts, {image.start:%Y-%m-%d %H:%M:%S} UTC",
            "satellite": satellite,
            "norad_id": np.int32(norad_id),
            "instrument": INSTRUMENT,
            "downlink": provenance.downlink,
            "mode": provenance.mode,
            "time_coverage_start": _iso(image.start),
            "time_coverage_end": _iso(image.end),
            "date_known": np.int8(image.report.date_known),
            "elements_omm": json.dumps(dict(provenance.elements_omm)) if provenance.elements_omm else "",
            "station": json.dumps(dict(provenance.station)) if provenance.station else "",
            "recording_name": provenance.recording_name,
            "recording_sha256": provenance.recording_sha256,
            "software": json.dumps(dict(provenance.software), sort_keys=True),
            "frame_report": json.dumps(dict(provenance.frame_report), sort_keys=True),
            "packet_report": json.dumps(packet_report(image), sort_keys=True),
            "history": provenance.history,
            "processing_level": "1a",
        }
    )


def packet_report(image: MsuMrImage) -> dict[str, Any]:
    """The image's report as plain JSON types."""
    report = image.report
    return {
        "packets": {str(apid): number for apid, number in report.packets.items()},
        "implausible": report.implausible,
        "misplaced": report.misplaced,
        "repeated": report.repeated,
        "damaged": report.damaged,
        "strips": report.strips,
        "strips_lost": report.strips_lost,
        "counts_per_strip": list(report.counts_per_strip),
        "clock": [
            {
                "first_strip": piece.first,
                "last_strip": piece.last,
                "strips": piece.strips,
                "strip_s": piece.strip_s,
                "rms_s": piece.rms_s,
            }
            for piece in report.clock
        ],
        "clock_outliers": report.clock_outliers,
        "date_known": report.date_known,
        "notes": list(report.notes),
    }


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
