"""What a recording holds and lacks, as its index tells the station."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from sdr.errors import RecordingError
from sdr.follow import writer_holds_lock
from sdr.index import IndexReader, read_levels
from sdr.memory_writer import memory_index_path
from station.catalogue import Observation


def data_bytes(observation: Observation) -> int:
    """Bytes of samples on the disk; 0 before the first."""
    try:
        return observation.recording.with_name("recording.sigmf-data").stat().st_size
    except OSError:
        return 0


def grows(observation: Observation) -> bool:
    """Whether samples are there and a recorder lives that may add to them."""
    try:
        return has_samples(observation) and writer_holds_lock(_index_path(observation))
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


def close_interrupted(observation: Observation) -> None:
    """Write the metadata of a recording whose recorder died for good; a recording with an end mark has them.

    Raises:
        RecordingError: it is of no use.
        DeviceError: the disk refuses.
    """
    from sdr.recording import finish_interrupted

    if end_of(observation) is None:
        finish_interrupted(observation.recording)


def recording_facts(observation: Observation) -> dict[str, Any]:
    """For the catalogue: length, losses and levels; empty where there is no index.

    `level_dbfs` is the median of the seconds, None where all is zero; `clipped` the worst second's share.
    """
    index = _index(observation)
    if index is None:
        return {}
    lost = sum(gap.sample_count for gap in index.gaps)
    rate = index.header.sample_rate
    causes = list(dict.fromkeys(gap.cause for gap in index.gaps))
    return {
        "samples": index.committed,
        "seconds_recorded": round(index.committed / rate, 2),
        "gaps": len(index.gaps),
        "lost_samples": lost,
        "lost_s": round(lost / rate, 3),
        "causes": causes[:5],
    } | _levels(observation)


def _levels(observation: Observation) -> dict[str, Any]:
    levels = list(read_levels(_index_path(observation)))
    heard = [level.dbfs for level in levels if level.dbfs is not None]
    return {
        "level_dbfs": round(median(heard), 1) if heard else None,
        "clipped": round(max((level.clipped for level in levels), default=0.0), 4),
    }


def _index(observation: Observation) -> IndexReader | None:
    try:
        return IndexReader(_index_path(observation))
    except (RecordingError, OSError):
        return None


def _index_path(observation: Observation) -> Path:
    return observation.recording.with_name("recording.sigmf-index")
