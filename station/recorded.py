"""What a recording holds and lacks, as its index tells the station; of one in segments, the newest."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from sdr import segment_files
from sdr.errors import RecordingError
from sdr.follow import writer_holds_lock
from sdr.index import IndexReader, read_levels
from sdr.memory_writer import memory_index_path
from sdr.recording_files import beside, segment_stem
from sdr.sigmf import INDEX_SUFFIX
from station.records import Observation
from station.rolling import Rolling
from station.shared import description_of


def data_bytes(observation: Observation) -> int:
    """Bytes of samples on the disk; 0 before the first."""
    return sum(map(segment_files.data_bytes, stems(observation)))


def grown(observation: Observation) -> tuple[int, int]:
    """Number of the newest segment and its bytes: more as long as samples come."""
    stem = observation.recording
    number = segment_files.newest_segment(stem)
    return number, segment_files.data_bytes(segment_stem(stem, number))


def stems(observation: Observation) -> list[Path]:
    """Of the files there are, the newest last; that of the first where there is none."""
    stem = observation.recording
    return [segment_stem(stem, number) for number in segment_files.numbers_of(stem) or [0]]


def recorded_files(observation: Observation) -> list[Path]:
    """Every file of the recording."""
    return sorted(path for stem in stems(observation) for path in stem.parent.glob(f"{stem.name}.*"))


def index_path(observation: Observation) -> Path:
    """The newest index."""
    return beside(stems(observation)[-1], INDEX_SUFFIX)


def grows(observation: Observation) -> bool:
    """Whether samples are there and a recorder lives that may add to them."""
    try:
        return has_samples(observation) and writer_holds_lock(index_path(observation))
    except OSError:
        return False


def has_samples(observation: Observation) -> bool:
    """Whether there is something to decode, on the disk or, where that is full, in memory."""
    return data_bytes(observation) > 0 or in_memory_only(observation) is not None


def in_memory_only(observation: Observation) -> str | None:
    """Why samples were not brought to the disk any more, or from the first one on; None where all were."""
    index = _index(observation)
    return index.ring if index else None


def was_in_memory_only(observation: Observation) -> bool:
    """Whether some of it ever was: what was decoded of that cannot be decoded again."""
    index = _index(observation)
    return (index is not None and index.left > 0) or memory_index_path(observation.recording).exists()


def end_of(observation: Observation) -> str | None:
    """Why the recording ended, as its end mark says; None while it has none."""
    index = _index(observation)
    return index.end if index else None


def recording_start(observation: Observation) -> datetime | None:
    """Aware time of the first sample; None where the index does not tell it."""
    index = _index(observation)
    return index.start if index else None


def close_interrupted(observation: Observation) -> None:
    """Write the metadata of a recording whose recorder died for good; a recording with an end mark has them.

    Raises:
        RecordingError: it is of no use.
        DeviceError: the disk refuses.
    """
    from sdr.recording import finish_interrupted
    from sdr.segment_writer import SegmentWriter

    if end_of(observation) is not None:
        return
    rolling = Rolling.of(description_of(observation))
    if rolling is None:
        finish_interrupted(observation.recording)
    else:
        SegmentWriter.resume(observation.recording, rolling.segment_s).close("the recorder died")


def recording_facts(observation: Observation) -> dict[str, Any]:
    """For the catalogue: length, losses and levels; empty where there is no index.

    Losses and levels are those of the segments that are left.
    `level_dbfs` is the median of the seconds, None where all is zero; `clipped` the worst second's share.
    """
    index = _index(observation)
    if index is None:
        return {}
    gaps = [gap for path in _index_paths(observation) for gap in IndexReader(path).gaps]
    lost = sum(gap.sample_count for gap in gaps)
    rate, samples = index.header.sample_rate, index.header.first_sample + index.committed
    causes = list(dict.fromkeys(gap.cause for gap in gaps))
    return {
        "samples": samples,
        "seconds_recorded": round(samples / rate, 2),
        "gaps": len(gaps),
        "lost_samples": lost,
        "lost_s": round(lost / rate, 3),
        "causes": causes[:5],
    } | _levels(observation)


def _levels(observation: Observation) -> dict[str, Any]:
    levels = [level for path in _index_paths(observation) for level in read_levels(path)]
    heard = [level.dbfs for level in levels if level.dbfs is not None]
    return {
        "level_dbfs": round(median(heard), 1) if heard else None,
        "clipped": round(max((level.clipped for level in levels), default=0.0), 4),
    }


def _index(observation: Observation) -> IndexReader | None:
    for path in reversed(_index_paths(observation)):
        with suppress(RecordingError, OSError):  # a segment that is just being begun has no first line yet
            return IndexReader(path)
    return None


def _index_paths(observation: Observation) -> list[Path]:
    return [beside(stem, INDEX_SUFFIX) for stem in stems(observation)]
