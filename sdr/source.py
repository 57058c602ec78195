"""Finds out what kind of recording a file is, and opens its bytes: raw, WAV, SigMF pair or archive."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sdr.byte_source import ByteSource, SourceHeader, StreamSource
from sdr.bytestream import ByteStream, open_bytes
from sdr.errors import RecordingError
from sdr.formats import FORMATS, bytes_per_sample
from sdr.recording_files import beside, real_path
from sdr.sigmf import ARCHIVE_SUFFIX, DATA_SUFFIX, INDEX_SUFFIX
from sdr.sigmf_source import data_file, open_archive, open_growing, open_pair, sigmf_stem
from sdr.wav import MAGICS, WavHeader, is_end_of_data, read_wav_header

# Endings that other programs give to raw samples; "raw", "iq", "bin" say nothing about the format.
_SUFFIXES = {name: name for name in FORMATS} | {
    "fc32": "cf32", "cfile": "cf32", "sc16": "cs16", "sc8": "cs8", "uc8": "cu8", "s8": "cs8", "u8": "cu8",
}  # fmt: skip


def opened_source(
    path: Path, fmt: str | None, *, follow: bool, stale_after_s: float
) -> tuple[SourceHeader, ByteSource]:
    """What the file says, and its bytes from the first sample on; see `sdr.recording.open_recording`."""
    stem = sigmf_stem(path) if fmt in (None, "sigmf") else None
    index_path = None if stem is None else beside(stem, INDEX_SUFFIX)
    # What was compressed at rest is over, and its metadata say all that the index does.
    packed = stem is not None and beside(stem, DATA_SUFFIX + ".gz").exists() and not follow
    if stem is not None and index_path is not None and index_path.exists() and not packed:
        return open_growing(stem, index_path, follow=follow, stale_after_s=stale_after_s)
    if follow:
        raise RecordingError(
            f"{path}: only a recording with its {INDEX_SUFFIX} beside it can be followed while it grows"
        )
    if stem is not None:
        return open_pair(stem)
    kind = _kind(path, fmt)
    if kind == "sigmf":
        return open_archive(path)
    if kind == "wav":
        return _wav(path)
    return SourceHeader(kind), StreamSource(stream := open_bytes(path), sample_count=_count(stream, kind, 0))


def data_path(path: Path) -> Path:
    """The file that holds the samples of a recording."""
    stem = sigmf_stem(path)
    return path if stem is None else data_file(stem, None)


def recording_name(path: Path) -> str:
    """What a recording is called, however its path is spelled: of SigMF the stem, else its file.

    A pipe is called as it was spelled: the file behind that has another name at every run.
    """
    stem = sigmf_stem(path)
    if stem is not None:
        return stem.name
    return real_path(path).name if path.is_file() else path.name


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
    size, notes = _data_size(path, stream, header)
    stream.limit(size)
    metadata = {"start_source": "auxi chunk of the WAV file"} if header.start else {}
    source = StreamSource(
        stream, sample_count=_count(stream, header.format, header.data_offset, size), notes=notes
    )
    return SourceHeader(
        header.format, header.sample_rate, header.center_frequency_hz, header.start, metadata
    ), source


def _data_size(path: Path, stream: ByteStream, header: WavHeader) -> tuple[int | None, tuple[str, ...]]:
    """Bytes of samples; a header that counts too few of them is not believed, and that is said."""
    if header.data_size is None or stream.size is None:
        return header.data_size, ()
    behind = stream.size - header.data_offset - header.data_size
    if behind <= 1:
        return header.data_size, ()
    with closing(open_bytes(path)) as look:
        look.skip(header.data_offset + header.data_size + header.data_size % 2)
        if is_end_of_data(look, behind - header.data_size % 2):
            return header.data_size, ()
    return None, (f"the header counts {behind} bytes too few; the samples are read to the end of the file",)


def _count(stream: ByteStream, fmt: str, offset: int, data_size: int | None = None) -> int | None:
    """Samples in a plain file; None in a gzip'd one, which does not say."""
    if stream.size is None:
        return None
    size = max(stream.size - offset, 0)
    return min(size, size if data_size is None else data_size) // bytes_per_sample(fmt)
