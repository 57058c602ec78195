"""`python -m station.archive DATA_DIR …`: recordings that are decoded are compressed, later deleted.

Compressed without loss, as gzip with Huffman coding alone: noise repeats nothing, so that looking for
repetitions costs up to a hundred times the time for a few per cent at most. Measured, share of the size, and
MB/s of one core: cu8 of METEOR-M2 off the air 0.44 at 103 (gzip -6 0.46 at 11, zstd -3 0.47 at 96, zstd -19
0.44 at 1, FLAC 0.375 at 60); simulated LRPT in cu8 0.62 at 102 (zstd -3 0.63 at 148, FLAC 0.605 at 63); 12
bits in cs16 0.62 at 95 (zstd -3 0.62 at 156, FLAC 0.50 at 117). FLAC would save a fifth more of cs16; but
every program reads gzip, `sdr.recording` too, and nothing needs to be installed.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sdr.errors import RecordingError
from station.catalogue import Catalogue, FileEntry, Observation, sha256_of
from station.guard import guarded
from station.rolling import rolling_described

log = logging.getLogger(__name__)

_GZIP_WBITS = 31  # a gzip header and the largest window: zlib.h, deflateInit2
_BLOCK = 1 << 20
_DATA = ".sigmf-data"
_PACKED = ".sigmf-data.gz"


def tidy(
    catalogue: Catalogue, now: datetime, *, compress_after_days: float | None, delete_after_days: float | None
) -> None:
    """Compress and delete what is due; what was done stands in the log and in the catalogue.

    Raises:
        CatalogueError: it cannot be read or written.
        OSError: the disk refuses.
    """
    for observation in catalogue.observations(until=now):
        if not is_decoded(observation):
            continue
        age = now - observation.end
        if delete_after_days is not None and age > timedelta(days=delete_after_days):
            _delete(catalogue, observation, now)
        elif rolling_described(observation) is not None:
            continue  # few are kept, and compressed they could not be read as one
        elif compress_after_days is not None and age > timedelta(days=compress_after_days):
            try:
                _compress(catalogue, observation)
            except RecordingError as error:
                log.error("%s: not compressed: %s", observation.name, error)  # noqa: TRY400 - said whole


def is_decoded(observation: Observation) -> bool:
    """Whether nothing is to be done with its samples any more: frames came out, and every step is over."""
    jobs = {job.step: job.state for job in observation.jobs}
    return (
        jobs["record"] == "done" and jobs["decode"] == "done" and not {"due", "running"} & set(jobs.values())
    )


def compress(data: Path, sha256: str) -> Path:
    """Compress a file of samples; the original is removed once the new file is known to give the same bytes.

    Args:
        data: STEM.sigmf-data.
        sha256: of it, as it was when it was recorded.

    Raises:
        RecordingError: it is not the file it was; both are left alone.
        OSError: the disk refuses.
    """
    packed = data.with_name(f"{data.name}.gz")
    beside = data.with_name(f"{data.name}.gz.new")
    try:
        _write_packed(data, beside)
        if _inflated_sha256(beside) != sha256:
            raise RecordingError(
                f"{data} has not the SHA-256 that it had when it was recorded; look at the disk "
                "(dmesg, smartctl)"
            )
        beside.replace(packed)
    finally:
        beside.unlink(missing_ok=True)
    data.unlink()
    return packed


def _compress(catalogue: Catalogue, observation: Observation) -> None:
    entry = next((entry for entry in observation.files if entry.path.name.endswith(_DATA)), None)
    if entry is None:
        return
    packed = entry.path.with_name(f"{entry.path.name}.gz")
    if entry.path.exists():
        packed = compress(entry.path, entry.sha256)
    elif not packed.exists():
        return  # somebody moved it away
    size = packed.stat().st_size
    fact = {"sha256_uncompressed": entry.sha256, "bytes_uncompressed": entry.bytes}
    catalogue.replace_file(
        observation.name, entry, FileEntry("record", packed, size, sha256_of(packed)), fact
    )
    share = 100 * size / max(entry.bytes, 1)
    log.info("%s: samples compressed to %.0f %%, %s", observation.name, share, _megabytes(size))


def _delete(catalogue: Catalogue, observation: Observation, now: datetime) -> None:
    for entry in observation.files:
        if not entry.path.name.endswith((_DATA, _PACKED)):
            continue
        entry.path.unlink(missing_ok=True)
        fact = {"samples_deleted": now.isoformat(), "sha256_deleted": entry.sha256}
        catalogue.replace_file(observation.name, entry, None, fact)
        log.info("%s: samples deleted, %s; what was decoded stays", observation.name, _megabytes(entry.bytes))


def _write_packed(data: Path, beside: Path) -> None:
    packer = zlib.compressobj(level=6, wbits=_GZIP_WBITS, memLevel=9, strategy=zlib.Z_HUFFMAN_ONLY)
    with beside.open("wb") as file:
        for block in _blocks(data):
            file.write(packer.compress(block))
        file.write(packer.flush())
        file.flush()
        os.fsync(file.fileno())


def _inflated_sha256(packed: Path) -> str:
    inflate, digest = zlib.decompressobj(wbits=_GZIP_WBITS), hashlib.sha256()
    for block in _blocks(packed):
        digest.update(inflate.decompress(block))
    digest.update(inflate.flush())
    return digest.hexdigest() if inflate.eof else ""


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB"


def main() -> int:
    """Run as a worker."""
    parser = argparse.ArgumentParser(prog="station.archive")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--compress-after-days", type=float)
    parser.add_argument("--delete-after-days", type=float)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    catalogue = Catalogue(asked.data_dir)
    try:
        tidy(
            catalogue,
            datetime.now(UTC),
            compress_after_days=asked.compress_after_days,
            delete_after_days=asked.delete_after_days,
        )
    finally:
        catalogue.close()
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
