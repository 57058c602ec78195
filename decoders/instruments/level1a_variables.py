"""The variables of a level-1a file of MSU-MR; dimensions and global attributes are made by level1a.py."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from decoders.instruments.msu_mr_image import MsuMrImage, Telemetry
from decoders.instruments.msu_mr_packets import FIRST_IMAGE_APID

INSTRUMENT: Final = "MSU-MR"
# Band edges in micrometres by channel (planet.iitp.ru, description of MSU-MR on Meteor-M N1).
WAVELENGTH_UM: Final = {
    1: (0.50, 0.70),
    2: (0.70, 1.10),
    3: (1.60, 1.80),
    4: (3.5, 4.1),
    5: (10.5, 11.5),
    6: (11.5, 12.5),
}
TIME_UNITS: Final = "seconds since 1970-01-01 00:00:00 UTC"
COMPRESSION: Final = {"compression": "zlib", "complevel": 4, "shuffle": True}
# Name, type, dimensions behind "telemetry", values, attributes.
_Row: TypeAlias = tuple[str, str, tuple[str, ...], NDArray[Any], dict[str, str]]


def write_lines(dataset: Any, image: MsuMrImage) -> None:
    """The time of each line and where it comes from."""
    time = dataset.createVariable("line_time", "f8", ("y",), **COMPRESSION)
    time.setncatts(
        {
            "standard_name": "time",
            "long_name": "start of the line",
            "units": TIME_UNITS,
            "calendar": "standard",
            "ancillary_variables": "line_time_source",
        }
    )
    time[:] = image.line_time_s
    source = dataset.createVariable("line_time_source", "u1", ("y",), **COMPRESSION)
    source.setncatts(
        {
            "long_name": "where the line's time comes from",
            "flag_values": np.array([0, 1], np.uint8),
            "flag_meanings": "packet interpolated",
            "comment": "All times lie on the line fitted to the packets' time stamps; "
            "0: the strip has a stamp of its own that agrees with it.",
        }
    )
    source[:] = image.line_time_source


def write_channel(dataset: Any, image: MsuMrImage, channel: int) -> None:
    """Counts and quality of one channel."""
    counts = dataset.createVariable(f"ch{channel}", "u1", ("y", "x"), **COMPRESSION)
    counts.set_auto_maskandscale(False)
    counts.setncatts(
        {
            "long_name": f"{INSTRUMENT} channel {channel} counts",
            "units": "1",
            "apid": np.int32(FIRST_IMAGE_APID + channel - 1),
            "wavelength_um": np.array(WAVELENGTH_UM[channel], np.float64),
            "ancillary_variables": f"ch{channel}_quality",
        }
    )
    counts[:] = image.counts[channel]
    quality = dataset.createVariable(f"ch{channel}_quality", "u1", ("y", "x"), **COMPRESSION)
    quality.set_auto_maskandscale(False)
    quality.setncatts(
        {
            "standard_name": "quality_flag",
            "long_name": f"quality of channel {channel}",
            "flag_values": np.array([0, 1, 2], np.uint8),
            "flag_meanings": "good missing damaged",
        }
    )
    quality[:] = image.quality[channel]


def write_telemetry(dataset: Any, image: MsuMrImage) -> None:
    """The service packets."""
    telemetry = image.telemetry
    for name, kind, dimensions, values, attributes in (*_packet_rows(telemetry), *_orbit_rows(telemetry)):
        variable = dataset.createVariable(name, kind, ("telemetry", *dimensions), **COMPRESSION)
        variable.set_auto_maskandscale(False)
        variable.setncatts(attributes)
        variable[:] = values
    dataset.setncatts(
        {
            "instrument_serial": np.int32(-1 if telemetry.serial is None else telemetry.serial),
            "instrument_set": {None: "unknown", False: "primary", True: "backup"}[telemetry.backup_set],
        }
    )


def _packet_rows(telemetry: Telemetry) -> list[_Row]:
    """The packets as sent, and what they say of the instrument."""
    return [
        ("telemetry_time", "f8", (), telemetry.time_s, {"standard_name": "time", "units": TIME_UNITS}),
        ("telemetry_strip", "i4", (), telemetry.strip, {"long_name": "strip of the picture; -1 outside it"}),
        ("telemetry_is_analog", "u1", (), telemetry.is_analog.astype(np.uint8), {"long_name": "1 analogue"}),
        ("telemetry_bytes", "u1", ("octet",), telemetry.octets, {"long_name": "telemetry as sent"}),
        (
            "calibration_words",
            "u2",
            ("channel", "word"),
            telemetry.words,
            {"long_name": "calibration views by channel: cold or black, hot or white; 10 bits"},
        ),
        ("cold_body_temperature", "f4", ("body",), telemetry.cold_body_k, {"units": "K"}),
        ("hot_body_temperature", "f4", ("body",), telemetry.hot_body_k, {"units": "K"}),
    ]


def _orbit_rows(telemetry: Telemetry) -> list[_Row]:
    """What the packets say of the satellite's own position and attitude."""
    return [
        (
            "position_time",
            "f8",
            (),
            telemetry.position_time_s,
            {"long_name": "time of the satellite's own position", "units": TIME_UNITS},
        ),
        (
            "position",
            "f8",
            ("axis",),
            telemetry.position_m,
            {"long_name": "the satellite's own position, Earth-fixed x, y, z", "units": "m"},
        ),
        (
            "attitude_time",
            "f8",
            (),
            telemetry.attitude_time_s,
            {"long_name": "time of the satellite's own attitude", "units": TIME_UNITS},
        ),
        (
            "attitude",
            "f4",
            ("quaternion",),
            telemetry.attitude,
            {
                "long_name": "the satellite's own attitude: unit quaternion, scalar first, "
                "from axes along track, orbit normal, up to inertial axes of date",
                "units": "1",
            },
        ),
    ]
