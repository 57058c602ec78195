"""Finds out what kind of recording a file is, and opens its bytes: raw, WAV, SigMF pair or archive."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol, cast

from sdr.bytestream import ByteStream, open_bytes
from sdr.errors import RecordingError
from sdr.follow import IndexedSource
from sdr.formats import FORMATS, bytes_per_sample
from sdr.index import Gap, IndexReader
from sdr.sigmf import ARCHIVE_SUFFIX, DATA_SUFFIX, INDEX_SUFFIX, META_SUFFIX, SigmfHeader, parse_metadata
from sdr.wav import MAGICS, read_wav_header

_MAX_METADATA = 64 << 20
# Endings that other programs give to raw samples; "raw", "iq", "bin" say nothing about the format.
_SUFFIXES = {name: name for name in FORMATS} | {
    "fc32": "cf32", "cfile": "cf32", "sc16": "cs16", "sc8": "cs8", "uc8": "cu8", "s8": "cs8", "u8": "cu8",
}  # fmt: skip


class ByteSource(Protocol):
    """Raw samples in order, and what is known about them."""

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Gaps known so far, in order."""

    @property
    def sample_count(self) -> int | None:
        """Samples in all, None while unknown."""

    @property
    def end(self) -> str | None:
        """Why the recording ended, where that is known."""

    @property
    def notes(self) -> Sequence[str]:
        """What was odd so far."""

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""

    def close(self) -> None:
        """Close the files."""


@dataclass(frozen=True)
class SourceHeader:
    """What the file says about its samples."""

    format: str
    sample_rate: float | None = None
    center_frequency_hz: float | None = None
    start: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class StreamSource:
    """A finished file, plain or gzip'd."""

    end = None

    def __init__(
        self,
        stream: ByteStream,
        *,
        sample_count: int | None,
        gaps: tuple[Gap, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        self._stream = stream
        self._notes = notes
        self.sample_count = sample_count
        self.gaps = gaps

    @property
    def notes(self) -> Sequence[str]:
        """What was odd so far."""
        return (*self._notes, self._stream.note) if self._stream.note else self._notes

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, fewer only at the end."""
        return self._stream.read(count)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def opened_source(
    path: Path, fmt: str | None, *, follow: bool, stale_after_s: float
) -> tuple[SourceHeader, ByteSource]:
    """What the file says, and its bytes from the first sample on; see `sdr.recording.open_recording`."""
    stem = _sigmf_stem(path) if fmt in (None, "sigmf") else None
    index_path = None if stem is None else _beside(stem, INDEX_SUFFIX)
    if stem is not None and index_path is not None and index_path.exists():
        return _indexed(stem, index_path, follow=follow, stale_after_s=stale_after_s)
    if follow:
        raise RecordingError(
            f"{path}: only a recording with its {INDEX_SUFFIX} beside it can be followed while it grows"
        )
    if stem is not None:
        return _sigmf_pair(stem)
    kind = _kind(path, fmt)
    if kind == "sigmf":
        return _sigmf_archive(path)
    if kind == "wav":
        return _wav(path)
    return SourceHeader(kind), StreamSource(stream := open_bytes(path), sample_count=_count(stream, kind, 0))


def data_path(path: Path) -> Path:
    """The file that holds the samples of a recording."""
    stem = _sigmf_stem(path)
    return path if stem is None else _data_file(stem, None)


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _sigmf_stem(path: Path) -> Path | None:
    """The common stem of a SigMF pair, from any of its files or from the stem itself."""
    match = re.fullmatch(r"(.+)\.sigmf-(meta|data|index)(\.gz)?", path.name)
    if match:
        return path.with_name(match[1])
    if not path.exists() and any(_beside(path, suffix).exists() for suffix in (META_SUFFIX, INDEX_SUFFIX)):
        return path
    return None


def _data_file(stem: Path, name: str | None) -> Path:
    candidates = (
        [stem.with_name(name)] if name else [_beside(stem, DATA_SUFFIX), _beside(stem, DATA_SUFFIX + ".gz")]
    )
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise RecordingError(f"{candidates[0]}: the file of samples is missing beside its metadata")


def _indexed(
    stem: Path, index_path: Path, *, follow: bool, stale_after_s: float
) -> tuple[SourceHeader, ByteSource]:
    index = IndexReader(index_path)
    index.poll()
    if not follow and index.committed == 0:
        raise RecordingError(f"{stem} is empty; nothing was recorded")
    head = index.header
    source = IndexedSource(
        _beside(stem, DATA_SUFFIX),
        index,
        bytes_per_sample(head.format),
        follow=follow,
        stale_after_s=stale_after_s,
    )
    header = SourceHeader(head.format, head.sample_rate, head.center_frequency_hz, index.start, head.metadata)
    return header, source


def _sigmf_pair(stem: Path) -> tuple[SourceHeader, ByteSource]:
    meta_path = _beside(stem, META_SUFFIX)
    if not meta_path.exists():
        raise RecordingError(
            f"{meta_path}: the metadata are missing; give --format and --rate to read without them"
        )
    stream = open_bytes(meta_path)
    try:
        header = parse_metadata(stream.read(_MAX_METADATA))
    except RecordingError as error:
        raise RecordingError(f"{meta_path}: {error}") from None
    finally:
        stream.close()
    return _sigmf(header, open_bytes(_data_file(stem, header.data_file)))


def _sigmf(header: SigmfHeader, stream: ByteStream) -> tuple[SourceHeader, ByteSource]:
    """Stream at the start of the data file; leaves it at the first sample."""
    stream.skip(header.header_bytes)
    size = stream.size
    if size is not None:
        size = max(size - header.header_bytes - header.trailing_bytes, 0)
        stream.limit(size)
    count = None if size is None else size // bytes_per_sample(header.format)
    notes: tuple[str, ...] = ()
    last = max((gap.sample_index + gap.sample_count for gap in header.gaps), default=0)
    if count is not None and last > count:
        notes = (f"the metadata speak of {last} samples, the file holds {count}",)
    source = StreamSource(stream, sample_count=count, gaps=header.gaps, notes=notes)
    return (
        SourceHeader(
            header.format, header.sample_rate, header.center_frequency_hz, header.start, header.metadata
        ),
        source,
    )


def _kind(path: Path, fmt: str | None) -> str:
    """Raw format, "wav" or "sigmf" of a single file; RecordingError when nothing tells it."""
    stream = open_bytes(path)
    head = stream.read(512)
    stream.close()
    if not head:
        raise RecordingError(f"{path} holds no samples{': ' + stream.note if stream.note else ''}")
    is_wav = head[:4] in MAGICS and head[8:12] == b"WAVE"
    found = (
        "wav" if is_wav else "sigmf" if head[257:262] == b"ustar" or path.suffix == ARCHIVE_SUFFIX else None
    )
    if found and fmt not in (None, found):
        raise RecordingError(
            f"{path} is a {found} file, not {fmt}; leave --format out, or give the right file"
        )
    ending = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    kind = fmt or found or _SUFFIXES.get(ending) or ("wav" if ending == "wav" else None)
    if kind is None:
        raise RecordingError(
            f"{path}: nothing says what its samples are; give --format ({', '.join(FORMATS)}) and --rate"
        )
    return kind


def _wav(path: Path) -> tuple[SourceHeader, ByteSource]:
    stream = open_bytes(path)
    try:
        header = read_wav_header(stream)
    except RecordingError as error:
        stream.close()
        raise RecordingError(f"{path}: {error}") from None
    stream.limit(header.data_size)
    metadata = {"start_source": "auxi chunk of the WAV file"} if header.start else {}
    source = StreamSource(
        stream, sample_count=_count(stream, header.format, header.data_offset, header.data_size)
    )
    return SourceHeader(
        header.format, header.sample_rate, header.center_frequency_hz, header.start, metadata
    ), source


def _count(stream: ByteStream, fmt: str, offset: int, data_size: int | None = None) -> int | None:
    """Samples in a plain file; None in a gzip'd one, which does not say."""
    if stream.size is None:
        return None
    size = max(stream.size - offset, 0)
    return min(size, size if data_size is None else data_size) // bytes_per_sample(fmt)


def _sigmf_archive(path: Path) -> tuple[SourceHeader, ByteSource]:
    """A .sigmf archive: a tar file that holds one pair (in either order)."""
    stream = open_bytes(path)
    header, data_offset, data_size = None, None, 0
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None and member.name.endswith(META_SUFFIX):
                    if header is not None:
                        raise RecordingError(
                            f"{path} holds several recordings; unpack it and name one of them"
                        )
                    header = parse_metadata(file.read(_MAX_METADATA))
                elif file is not None and member.name.endswith(DATA_SUFFIX):
                    data_offset, data_size = member.offset_data, member.size
    except (tarfile.TarError, OSError, EOFError) as error:
        if header is None or data_offset is None:
            raise RecordingError(
                f"{path}: no SigMF archive, or cut off before its metadata ({error})"
            ) from None
    finally:
        stream.close()
    if header is None or data_offset is None:
        raise RecordingError(
            f"{path}: a SigMF archive holds a {META_SUFFIX} and a {DATA_SUFFIX}; this one does not"
        )
    data = open_bytes(path)
    data.skip(data_offset)
    data.limit(data_size)
    size = None if data.size is None else min(data_size, max(data.size - data_offset, 0))
    count = None if size is None else size // bytes_per_sample(header.format)
    source = StreamSource(data, sample_count=count, gaps=header.gaps)
    return (
        SourceHeader(
            header.format, header.sample_rate, header.center_frequency_hz, header.start, header.metadata
        ),
        source,
    )
