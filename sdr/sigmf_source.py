"""Opens SigMF recordings: pairs of files, archives, and pairs that still grow."""

from __future__ import annotations

import re
import tarfile
import time
from pathlib import Path
from typing import IO, cast

from sdr.byte_source import ByteSource, SourceHeader, StreamSource
from sdr.bytestream import ByteStream, open_bytes
from sdr.errors import RecordingError
from sdr.follow import writer_holds_lock
from sdr.formats import bytes_per_sample
from sdr.index import IndexReader
from sdr.recording_files import beside, real_path
from sdr.segments import SegmentedSource, oldest_segment
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX, META_SUFFIX, SigmfHeader, parse_metadata

__all__ = ["beside", "data_file", "open_archive", "open_growing", "open_pair", "sigmf_stem"]

_SUFFIXES = (META_SUFFIX, INDEX_SUFFIX, DATA_SUFFIX, DATA_SUFFIX + ".gz")
_MAX_METADATA = 64 << 20


def sigmf_stem(path: Path) -> Path | None:
    """The common stem of a SigMF pair, from any of its files or from the stem itself.

    Where all that is there of it are symbolic links, it is where the pair lies behind them: there are its
    index and its further segments.
    """
    stem = _stem(path) or (_stem(real_path(path)) if path.is_symlink() else None)
    named = [beside(stem, suffix) for suffix in _SUFFIXES] if stem is not None else []
    links = [link for link in named if link.is_symlink()]
    if any(file.exists() for file in named if file not in links):
        return stem
    for link in links:
        real = _stem(real_path(link))
        if real is not None and sum(beside(real, suffix).exists() for suffix in _SUFFIXES) > 1:
            return real
    return stem


def _stem(path: Path) -> Path | None:
    match = re.fullmatch(r"(.+)\.sigmf-(meta|data|index)(\.gz)?", path.name)
    if match:
        return path.with_name(match[1])
    if not path.exists() and any(beside(path, suffix).exists() for suffix in _SUFFIXES):
        return path
    return None if path.exists() else oldest_segment(path)


def data_file(stem: Path, name: str | None) -> Path:
    """The file of samples, of that name or as SigMF names it; RecordingError when it is missing."""
    candidates = (
        [stem.with_name(name)] if name else [beside(stem, DATA_SUFFIX), beside(stem, DATA_SUFFIX + ".gz")]
    )
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise RecordingError(f"{candidates[0]}: the file of samples is missing beside its metadata")


def open_growing(
    stem: Path, index_path: Path, *, follow: bool, stale_after_s: float
) -> tuple[SourceHeader, ByteSource]:
    """A recording with its index, finished or not, and the segments that follow it."""
    index, source = _with_index(stem, index_path, follow, stale_after_s)
    head = index.header
    # The source tells the start: it may become known, or more exact, while the recording grows.
    header = SourceHeader(head.format, head.sample_rate, head.center_frequency_hz, None, head.metadata)
    return header, source


def _with_index(
    stem: Path, index_path: Path, follow: bool, stale_after_s: float
) -> tuple[IndexReader, SegmentedSource]:
    """A follower may come before the index has its first line, or before the data file: it waits."""
    deadline = time.monotonic() + (stale_after_s if follow else 0.0)
    while True:
        try:
            index = IndexReader(index_path)
            return index, SegmentedSource(stem, index, follow=follow, stale_after_s=stale_after_s)
        except RecordingError:
            if time.monotonic() >= deadline and not (
                follow and index_path.exists() and writer_holds_lock(index_path)
            ):
                raise
        time.sleep(0.02)


def open_pair(stem: Path) -> tuple[SourceHeader, ByteSource]:
    """A finished pair of any program; RecordingError when either file is missing or of no use."""
    meta_path = beside(stem, META_SUFFIX)
    if not meta_path.exists():
        raise RecordingError(
            f"{meta_path}: the metadata are missing; "
            "to read without them name the data file and give --format and --rate"
        )
    stream = open_bytes(meta_path)
    try:
        header = parse_metadata(stream.read(_MAX_METADATA))
    except RecordingError as error:
        raise RecordingError(f"{meta_path}: {error}") from None
    finally:
        stream.close()
    # Compressed at rest it is the same recording, and is known by the same hash.
    return _sigmf(header, open_bytes(data_file(stem, header.data_file), hash_inflated=True))


def _sigmf(header: SigmfHeader, stream: ByteStream) -> tuple[SourceHeader, ByteSource]:
    """Stream at the start of the data file; leaves it at the first sample."""
    stream.skip(header.header_bytes)
    size = stream.size
    if size is not None:
        size = max(size - header.header_bytes - header.trailing_bytes, 0)
        stream.limit(size)
    count = None if size is None else size // bytes_per_sample(header.format)
    notes: tuple[str, ...] = ()
    if count is not None and header.least_samples > count:
        notes = (f"the metadata speak of at least {header.least_samples} samples, the file holds {count}",)
    source = StreamSource(stream, sample_count=count, gaps=header.gaps, notes=notes)
    return _source_header(header), source


def _source_header(header: SigmfHeader) -> SourceHeader:
    return SourceHeader(
        header.format, header.sample_rate, header.center_frequency_hz, header.start, header.metadata
    )


def open_archive(path: Path) -> tuple[SourceHeader, ByteSource]:
    """A .sigmf archive: a tar file that holds one pair, in either order."""
    header, data_offset, data_size = _archive_parts(path)
    stream = open_bytes(path)
    stream.skip(data_offset)
    stream.limit(data_size)
    size = None if stream.size is None else min(data_size, max(stream.size - data_offset, 0))
    count = None if size is None else size // bytes_per_sample(header.format)
    return _source_header(header), StreamSource(stream, sample_count=count, gaps=header.gaps)


def _archive_parts(path: Path) -> tuple[SigmfHeader, int, int]:
    """Metadata, and where in the archive the samples lie; a cut behind both is the reader's to note."""
    headers: list[SigmfHeader] = []
    data: list[tuple[int, int]] = []
    stream, cut = open_bytes(path), ""
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None and member.name.endswith(META_SUFFIX):
                    headers.append(parse_metadata(file.read(_MAX_METADATA)))
                elif file is not None and member.name.endswith(DATA_SUFFIX):
                    data.append((member.offset_data, member.size))
    except (tarfile.TarError, OSError, EOFError) as error:
        cut = f", or cut off ({error})"
    finally:
        stream.close()
    if len(headers) != 1 or len(data) != 1:
        raise RecordingError(
            f"{path}: no SigMF archive{cut}; one holds a single {META_SUFFIX} and a single {DATA_SUFFIX}, "
            f"here are {len(headers)} and {len(data)}"
        )
    return headers[0], *data[0]
