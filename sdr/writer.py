"""Writes a recording so that a power cut or a kill at any byte leaves it readable.

Order of every commit: samples, then fdatasync, then a line of the index. The SigMF metadata are written at
the start and, with the gaps, at the end (new file, then rename); if the end never comes, `finish_interrupted`
makes them from the index. Nothing that exists is ever overwritten.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from sdr.errors import DeviceError, RecordingError
from sdr.formats import bytes_per_sample, from_samples, zero_bytes
from sdr.index import Gap, IndexHeader, IndexReader, commit_line
from sdr.sigmf import DATA_SUFFIX, INDEX_SUFFIX, META_SUFFIX, build_metadata

_ZERO_BLOCK = 1 << 18


class RecordingWriter:
    """STEM.sigmf-data, STEM.sigmf-meta and STEM.sigmf-index, growing.

    Args:
        path_stem: path without suffix; its folder exists, none of the three files does.
        format: one of `sdr.formats.FORMATS`.
        sample_rate: Hz, as the device really delivers.
        center_frequency_hz: tuned frequency, or None.
        start: aware time of the first sample, or None until `set_start`.
        metadata: JSON values; description, author, hw, license, geolocation become SigMF core fields.
        commit_interval_s: samples older than this are committed at the next write.
        durable: wait for the disk at every commit; False where a power cut does not matter (simulation).
        clock: POSIX seconds, for the index.

    Raises:
        RecordingError: one of the files exists, the folder does not, or the format is unknown.
        DeviceError: the disk refuses.
    """

    def __init__(
        self,
        path_stem: Path | str,
        *,
        format: str,  # noqa: A002 the word of the command line
        sample_rate: float,
        center_frequency_hz: float | None,
        start: datetime | None,
        metadata: Mapping[str, Any] | None = None,
        commit_interval_s: float = 0.25,
        durable: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path_stem = Path(path_stem)
        self.header = IndexHeader(
            format, float(sample_rate), center_frequency_hz, start, dict(metadata or {})
        )
        self.start = start
        self.sample_count = 0
        self.gaps: list[Gap] = []
        self.closed = False
        self.bytes_per_sample = bytes_per_sample(format)
        self._interval_s, self._durable, self._clock = commit_interval_s, durable, clock
        self._committed_at = time.monotonic()
        first_line = self.header.to_line()
        self._refuse_existing()
        self._index = _create(self._path(INDEX_SUFFIX))
        fcntl.flock(self._index, fcntl.LOCK_EX)  # tells a follower that the writer lives
        try:
            self._append(first_line)
            self._data = _create(self._path(DATA_SUFFIX))
            self._write_metadata()
            if durable:
                _sync_folder(self.path_stem.parent)
        except BaseException:
            os.close(self._index)
            raise

    @property
    def data_path(self) -> Path:
        """The file of samples."""
        return self._path(DATA_SUFFIX)

    def write(self, samples: npt.NDArray[np.complexfloating]) -> None:
        """Append complex samples, full scale ±1, rounded to the recording's format."""
        self.write_raw(from_samples(samples, self.header.format))

    def write_raw(self, raw: bytes | memoryview) -> None:
        """Append a whole number of samples in the recording's format."""
        if len(raw) % self.bytes_per_sample:
            raise RecordingError(f"{len(raw)} bytes are no whole number of {self.header.format} samples")
        self._write_data(raw)
        self.sample_count += len(raw) // self.bytes_per_sample
        if time.monotonic() - self._committed_at >= self._interval_s:
            self.commit()

    def gap(self, sample_count: int, cause: str) -> None:
        """Samples were lost here: write that many zeros and say why."""
        if sample_count <= 0:
            raise RecordingError(f"a gap of {sample_count} samples; it has at least 1")
        gap = Gap(self.sample_count, int(sample_count), cause)
        left = gap.sample_count
        while left:
            part = min(left, _ZERO_BLOCK)
            self._write_data(zero_bytes(part, self.header.format))
            left -= part
        self.sample_count += gap.sample_count
        self.gaps.append(gap)
        self.commit(gap=gap)

    def set_start(self, start: datetime) -> None:
        """State the exact time of the first sample, once it is known."""
        self.start = start
        self._append(commit_line(self.sample_count, self._clock(), start=start), sync_data=True)

    def commit(self, *, gap: Gap | None = None) -> None:
        """Bring all samples to the disk and enter them in the index; also an idle recorder's heartbeat."""
        self._append(commit_line(self.sample_count, self._clock(), gap=gap), sync_data=True)
        self._committed_at = time.monotonic()

    def close(self, reason: str = "finished") -> None:
        """End the recording: last commit, end mark, final metadata. May be called again."""
        if self.closed:
            return
        self.closed = True
        try:
            # A write that the disk cut short may have left part of a sample that was never counted.
            os.ftruncate(self._data, self.sample_count * self.bytes_per_sample)
            self._sync(self._data)
            self._write_metadata()
            self._append(commit_line(self.sample_count, self._clock(), end=reason))
        finally:
            os.close(self._data)
            os.close(self._index)

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close("finished" if error is None else f"stopped by {type(error).__name__}")

    def _path(self, suffix: str) -> Path:
        return self.path_stem.with_name(self.path_stem.name + suffix)

    def _write_data(self, raw: bytes | memoryview) -> None:
        _write_all(self._data, raw, self._path(DATA_SUFFIX))

    def _append(self, line: bytes, *, sync_data: bool = False) -> None:
        if sync_data:
            self._sync(self._data)
        _write_all(self._index, line, self._path(INDEX_SUFFIX))
        self._sync(self._index)

    def _sync(self, descriptor: int) -> None:
        if self._durable:
            os.fdatasync(descriptor)

    def _refuse_existing(self) -> None:
        for suffix in (DATA_SUFFIX, META_SUFFIX, INDEX_SUFFIX):
            if self._path(suffix).exists():
                raise _exists(self._path(suffix))

    def _write_metadata(self) -> None:
        _write_metadata_file(
            self._path(META_SUFFIX), metadata_text(self.header, self.start, tuple(self.gaps))
        )


def metadata_text(header: IndexHeader, start: datetime | None, gaps: tuple[Gap, ...]) -> bytes:
    """The bytes of the .sigmf-meta file."""
    values = build_metadata(header, start, gaps)
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def finish_interrupted(path_stem: Path) -> None:
    """Write the SigMF metadata of a recording whose writer died, from its index; the rest stays as it is.

    Raises:
        RecordingError: no usable index.
        DeviceError: the disk refuses.
    """
    index = IndexReader(path_stem.with_name(path_stem.name + INDEX_SUFFIX))
    text = metadata_text(index.header, index.start, index.gaps)
    _write_metadata_file(path_stem.with_name(path_stem.name + META_SUFFIX), text)


def _create(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise _exists(path) from None
    except (FileNotFoundError, NotADirectoryError):
        raise RecordingError(f"the folder {path.parent} does not exist; make it, or choose another") from None
    except OSError as error:
        raise DeviceError(f"{path} cannot be written: {error.strerror}") from None


def _sync_folder(folder: Path) -> None:
    """Bring the names of new files to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: Path) -> RecordingError:
    return RecordingError(f"{path} exists; a recording is never overwritten, choose another name")


def _write_all(descriptor: int, raw: bytes | memoryview, path: Path) -> None:
    view = memoryview(raw)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise DeviceError(f"{path}: the disk refuses to take more: {error.strerror}") from None


def _write_metadata_file(path: Path, text: bytes) -> None:
    """Write beside and rename, so that no reader ever sees half a file."""
    beside = path.with_name(path.name + ".new")
    try:
        with beside.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise DeviceError(f"{path} cannot be written: {error.strerror}") from None
