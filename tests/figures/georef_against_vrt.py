"""METEOR-M2, 2022-12-20: our places against the ground control points that georef-lrpt made of the same pass.

    python tests/figures/georef_against_vrt.py [FOLDER]

FOLDER holds 2022-12-20.txt (elements), *.vcdu and 2022_12_20_20_25_30.vrt. Packet time is Moscow time;
taken for UTC the points would lie on another continent.

The author's points are no truth: they are his model, which his source tells (dernasherbrezon/georef-lrpt,
GcpProcessor.java, MeteorLineDatation.java), with options of the command line that the VRT does not name:
- a scan of 110.5 degrees over 1568 columns; ours has 110.1 (SatDump's fit for the later satellites);
- a roll, found here to be 2.01 degrees to the left; SatDump's own fit for this satellite has 2.3: two people
  saw the same lean. It explains nearly all of the difference, and instruments/msu_mr.toml applies it;
- the whole line at one moment, and the last line (199) at the time of its strip, seven lines too early;
- column i at pixel 1568 - i + 0.5, one column beside the picture's;
- the time: 0.9 s after the packets' stamps, or as much pitch (0.3 degrees); nothing in his source adds it,
  and nothing but his points speaks for it, so it is not applied: it is what stays unexplained.
With these (fitted: roll and time) what is left is his precession, nutation, light time and aberration.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from sgp4.api import Satrec

from decoders.framing.packets import PacketAssembler
from decoders.instruments.msu_mr import MsuMrAssembler
from products.geolocation import lonlat, view
from products.instrument import Attitude, Instrument, msu_mr
from products.qa import distance_km

FOLDER = Path(__file__).parents[3] / "shared/data/lrpt/georef-meteor-m2_2022-12-20"
SATELLITE = "METEOR-M2"
VCDU_BYTES = 892
STRIP_LINES = 8
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Distances in km between our places and the author's points, and the parameters fitted to them."""

    points: int
    nominal_median_km: float
    nominal_max_km: float
    default_median_km: float
    default_and_clock_median_km: float
    explained_median_km: float
    explained_max_km: float
    roll_deg: float
    time_s: float
    other_side_median_km: float
    an_hour_off_median_km: float


def control_points(folder: Path) -> Array:
    """Pixel, line, longitude and latitude (n, 4) of the VRT's points."""
    text = (folder / "2022_12_20_20_25_30.vrt").read_text(encoding="utf-8")
    rows = re.findall(r'Pixel="([^"]+)" Line="([^"]+)" X="([^"]+)" Y="([^"]+)"', text)
    return np.array(rows, float)


def line_times(folder: Path) -> Array:
    """Times of the picture's lines, POSIX seconds, as the decoder finds them in the frames."""
    frames = b"".join(path.read_bytes() for path in sorted(folder.glob("*.vcdu")))
    packets = PacketAssembler(insert_zone_bytes=2)
    image = MsuMrAssembler("moscow-no-day", datetime(2022, 12, 20, 20, 25, tzinfo=UTC))
    image.process(packets.process(frames[at : at + VCDU_BYTES] for at in range(0, len(frames), VCDU_BYTES)))
    image.process(packets.flush())
    picture = image.finish()
    if picture is None:
        raise SystemExit(f"no picture in the frames of {folder}")
    return picture.line_time_s


def compare(folder: Path = FOLDER) -> Comparison:
    """Our model and the author's, against his points."""
    points, times = control_points(folder), line_times(folder)
    satrec = Satrec.twoline2rv(*(folder / "2022-12-20.txt").read_text().splitlines()[:2])
    pixel, line = points[:, 0], points[:, 1].astype(int)
    nominal, default = msu_mr().attitudes["nominal"], msu_mr().attitude(SATELLITE)

    def distances(instrument: Instrument, attitude: Attitude, line_time: Array, column: Array) -> Array:
        lon, lat = lonlat(view(satrec, instrument, attitude, line_time, column).ground)
        return distance_km(lon, lat, points[:, 2], points[:, 3])

    def ours(instrument: Instrument, attitude: Attitude, shift_s: float = 0.0) -> Array:
        # The centre of GDAL's first pixel is 0.5.
        return distances(instrument, attitude, times[line] + shift_s, pixel - 0.5)

    scan = replace(msu_mr().scan, total_angle_deg=110.5, turn_per_line_deg=1e12)
    theirs = replace(msu_mr(), scan=scan)
    strip_time = np.where(line == line.max(), times[line.max() // STRIP_LINES * STRIP_LINES], times[line])

    def author(parameters: Array) -> Array:
        roll_deg, time_s = parameters
        return distances(theirs, replace(nominal, roll_deg=roll_deg), strip_time + time_s, pixel - 1.0)

    roll_deg, time_s = least_squares(author, [-1.0, 0.1], diff_step=1e-3).x
    left = replace(msu_mr(), scan=replace(msu_mr().scan, first_column="left"))
    median: Callable[[Array], float] = lambda values: float(np.median(values))  # noqa: E731
    return Comparison(
        points=len(points),
        nominal_median_km=median(ours(msu_mr(), nominal)),
        nominal_max_km=float(ours(msu_mr(), nominal).max()),
        default_median_km=median(ours(msu_mr(), default)),
        default_and_clock_median_km=median(ours(msu_mr(), default, time_s)),
        explained_median_km=median(author([roll_deg, time_s])),
        explained_max_km=float(author([roll_deg, time_s]).max()),
        roll_deg=float(roll_deg),
        time_s=float(time_s),
        other_side_median_km=median(ours(left, nominal)),
        an_hour_off_median_km=median(ours(msu_mr(), nominal, 3 * 3600.0)),
    )


def main() -> None:
    """Print the comparison."""
    found = compare(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    print(f"{found.points} ground control points of the author's VRT")
    print(
        f"nominal (no attitude):      median {found.nominal_median_km:7.2f} km, "
        f"largest {found.nominal_max_km:.1f} km"
    )
    print(
        f"default (with the roll):    median {found.default_median_km:7.2f} km   "
        f"(his roll by this fit: {found.roll_deg:.2f} degrees)"
    )
    print(
        f"default and his clock:      median {found.default_and_clock_median_km:7.2f} km   "
        f"(the unexplained rest: {found.time_s:+.2f} s, not applied)"
    )
    print(
        f"with his model, all of it:  median {found.explained_median_km:7.2f} km, "
        f"largest {found.explained_max_km:.2f} km   (his clock {found.time_s:+.2f} s)"
    )
    print(f"column 0 on the left:       median {found.other_side_median_km:7.0f} km")
    print(f"Moscow time taken for UTC:  median {found.an_hour_off_median_km:7.0f} km")


if __name__ == "__main__":
    main()
