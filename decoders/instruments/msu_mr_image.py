"""What comes out of a pass of MSU-MR: counts, mask, times, telemetry, and where every packet went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoders.instruments.msu_mr_telemetry import ServiceRecord
from decoders.instruments.msu_mr_times import ClockPiece

COLUMNS: Final = 1568
# Quality of a sample.
GOOD: Final = 0
MISSING: Final = 1
DAMAGED: Final = 2
# Source of a line's time.
FROM_PACKET: Final = 0
FROM_FIT: Final = 1


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The service packets of a pass: n of them, in order of time.

    Attributes:
        time_s: float64 [n], POSIX seconds.
        strip: int32 [n], strip of the picture; -1 outside it.
        is_analog: bool [n].
        octets: uint8 [n, 21].
        words: uint16 [n, 6, 2], calibration views by channel.
        cold_body_k, hot_body_k: float32 [n, 3], NaN where the telemetry is digital.
        position_time_s: float64 [n], POSIX seconds of the satellite's own position; NaN where it sends none.
        position_m: float64 [n, 3], that position, Earth-fixed.
        attitude_time_s: float64 [n], POSIX seconds of the attitude.
        attitude: float32 [n, 4], see `Navigation.attitude`.
        serial: serial number of the instrument, by majority; None without any packet.
        backup_set: the backup half works, by majority.
    """

    time_s: NDArray[np.float64]
    strip: NDArray[np.int32]
    is_analog: NDArray[np.bool_]
    octets: NDArray[np.uint8]
    words: NDArray[np.uint16]
    cold_body_k: NDArray[np.float32]
    hot_body_k: NDArray[np.float32]
    position_time_s: NDArray[np.float64]
    position_m: NDArray[np.float64]
    attitude_time_s: NDArray[np.float64]
    attitude: NDArray[np.float32]
    serial: int | None
    backup_set: bool | None


@dataclass(frozen=True, slots=True)
class MsuMrReport:
    """Where every packet went, and how the times were found.

    Attributes:
        packets: image packets by APID, whole or cut, that were offered.
        implausible: packets of image APIDs whose fixed fields are wrong.
        misplaced: plausible packets that neither counter nor clock could place.
        repeated: packets for a place that a better one holds already.
        damaged: placed packets of which not all blocks could be read.
        strips: strips of the picture, lost ones included.
        strips_lost: strips of which no channel has anything.
        counts_per_strip: periods of the packet counter, normally one.
        clock: the lines fitted to the time stamps; more than one where the satellite's clock stepped.
        clock_outliers: strips whose stamp was not believed.
        date_known: False when the satellite sends no day and no start was given; the day is then 1970-01-01.
        notes: in words, what a reader of the times should know.
    """

    packets: dict[int, int]
    implausible: int
    misplaced: int
    repeated: int
    damaged: int
    strips: int
    strips_lost: int
    counts_per_strip: tuple[int, ...]
    clock: tuple[ClockPiece, ...]
    clock_outliers: int
    date_known: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MsuMrImage:
    """A pass of MSU-MR.

    Attributes:
        channels: channels on air, 1 to 6, ascending.
        counts: uint8 [lines, 1568] by channel; 0 where not good.
        quality: uint8 [lines, 1568] by channel: 0 good, 1 missing, 2 damaged.
        line_time_s: float64 [lines], POSIX seconds (UTC), start of each line; ascending but for clock steps.
        line_time_source: uint8 [lines]: 0 the strip's packets carry this time, 1 from the fit alone.
        telemetry: service packets.
        report: counters.
    """

    channels: tuple[int, ...]
    counts: dict[int, NDArray[np.uint8]]
    quality: dict[int, NDArray[np.uint8]]
    line_time_s: NDArray[np.float64]
    line_time_source: NDArray[np.uint8]
    telemetry: Telemetry
    report: MsuMrReport

    @property
    def start(self) -> datetime:
        """Time of the first line."""
        return datetime.fromtimestamp(float(np.min(self.line_time_s)), UTC)

    @property
    def end(self) -> datetime:
        """Time of the last line."""
        return datetime.fromtimestamp(float(np.max(self.line_time_s)), UTC)


def telemetry_table(rows: Sequence[tuple[float, int, ServiceRecord]]) -> Telemetry:
    """Makes the table of (POSIX seconds, strip of the picture or -1, record), already in order of time."""
    unknown = (np.nan, np.nan, np.nan)
    records = [record for _, _, record in rows]
    fixes = [record.navigation for record in records]
    serials = [record.serial for record in records]
    sets = [record.backup_set for record in records if record.backup_set is not None]
    return Telemetry(
        time_s=np.array([second for second, _, _ in rows], np.float64),
        strip=np.array([strip for _, strip, _ in rows], np.int32),
        is_analog=np.array([bool(record.is_analog) for record in records], np.bool_),
        octets=np.array([list(record.telemetry) for record in records], np.uint8).reshape(-1, 21),
        words=np.array([record.words for record in records], np.uint16).reshape(-1, 6, 2),
        cold_body_k=np.array([record.cold_bodies_k or unknown for record in records], np.float32).reshape(
            -1, 3
        ),
        hot_body_k=np.array([record.hot_bodies_k or unknown for record in records], np.float32).reshape(
            -1, 3
        ),
        position_time_s=np.array([fix.time_s if fix else np.nan for fix in fixes], np.float64),
        position_m=np.array([fix.position_m if fix else unknown for fix in fixes], np.float64).reshape(-1, 3),
        attitude_time_s=np.array([fix.attitude_time_s if fix else np.nan for fix in fixes], np.float64),
        attitude=np.array([fix.attitude if fix else (np.nan,) * 4 for fix in fixes], np.float32).reshape(
            -1, 4
        ),
        serial=max(set(serials), key=serials.count) if serials else None,
        backup_set=max(set(sets), key=sets.count) if sets else None,
    )
