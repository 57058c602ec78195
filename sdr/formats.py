"""Sample formats: interleaved I, Q, little endian, and complex64 with full scale ±1.

name   bytes  integer range   zero    one unit of full scale
cf32   8      -               0       1
cs16   4      -32768 … 32767  0       32768
cs8    2      -128 … 127      0       128
cu8    2      0 … 255         127.5   127.5      (RTL2832U: offset binary without a code for zero)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdr.errors import RecordingError

Samples = npt.NDArray[np.complex64]

LARGEST = 1e6
"""Full scale is 1, and integers that nobody scaled are still taken; beyond it is no sample."""


@dataclass(frozen=True)
class SampleFormat:
    """How one of I and Q is written."""

    name: str
    dtype: np.dtype[np.generic]
    zero: float
    scale: float
    sigmf_datatype: str


_TABLE = {
    fmt.name: fmt
    for fmt in (
        SampleFormat("cf32", np.dtype("<f4"), 0.0, 1.0, "cf32_le"),
        SampleFormat("cs16", np.dtype("<i2"), 0.0, 32768.0, "ci16_le"),
        SampleFormat("cu8", np.dtype("u1"), 127.5, 127.5, "cu8"),
        SampleFormat("cs8", np.dtype("i1"), 0.0, 128.0, "ci8"),
    )
}
FORMATS = tuple(_TABLE)
_LIMITS = {"cs16": (-32768, 32767), "cu8": (0, 255), "cs8": (-128, 127)}


def sample_format(name: str) -> SampleFormat:
    """The format of that name; RecordingError names the known ones."""
    try:
        return _TABLE[name]
    except KeyError:
        raise RecordingError(f"unknown sample format {name!r}; known are {', '.join(FORMATS)}") from None


def bytes_per_sample(fmt: str) -> int:
    """Bytes of one complex sample."""
    return 2 * sample_format(fmt).dtype.itemsize


@dataclass(frozen=True, eq=False)
class Codes:
    """Samples as they are written.

    Attributes:
        values: int16, int8 or uint8 [2 n], I and Q in turn (cf32: float32).
        form: their format.
    """

    values: npt.NDArray[np.generic]
    form: SampleFormat

    def __len__(self) -> int:
        return len(self.values) // 2

    def __getitem__(self, part: slice) -> Codes:
        """Of samples that follow on each other."""
        first, last, _ = part.indices(len(self))
        return Codes(self.values[2 * first : 2 * last], self.form)

    def samples(self) -> Samples:
        """complex64 [n], full scale ±1: a copy."""
        values = self.values.astype(np.float32)
        if self.form.zero:
            values -= np.float32(self.form.zero)
        if self.form.scale != 1.0:
            values *= np.float32(1.0 / self.form.scale)
        return values.view(np.complex64)


def to_codes(raw_bytes: bytes | bytearray | memoryview, fmt: str) -> Codes:
    """Whole raw samples as they are.

    Args:
        raw_bytes: a whole number of samples.
        fmt: one of `FORMATS`.

    Raises:
        RecordingError: the format is unknown, or the bytes end within a sample.
    """
    form = sample_format(fmt)
    size = memoryview(raw_bytes).nbytes
    if size % bytes_per_sample(fmt):
        raise RecordingError(
            f"{size} bytes are no whole number of {fmt} samples of {bytes_per_sample(fmt)} bytes"
        )
    values = np.frombuffer(raw_bytes, form.dtype)
    return Codes(values if values.flags.aligned else values.copy(), form)


def to_samples(raw_bytes: bytes | bytearray | memoryview, fmt: str) -> Samples:
    """Samples complex64 [n], full scale ±1, of whole raw samples; as `to_codes`."""
    return to_codes(raw_bytes, fmt).samples()


def as_samples(samples: Samples | Codes) -> Samples:
    """complex64 [n] of samples however they are given."""
    return samples.samples() if isinstance(samples, Codes) else samples


def usable(samples: Samples) -> tuple[Samples, int]:
    """Samples with zero in place of NaN, infinite and absurdly large ones, and how many those were."""
    samples = np.ascontiguousarray(samples, np.complex64)
    parts = samples.view(np.float32)
    # Never true of NaN, which the extremes pass on.
    if not len(parts) or (parts.max() <= LARGEST and parts.min() >= -LARGEST):
        return samples, 0
    good = (np.abs(samples.real) <= LARGEST) & (np.abs(samples.imag) <= LARGEST)
    return np.where(good, samples, np.complex64(0)), len(good) - int(np.count_nonzero(good))


def from_samples(samples: npt.NDArray[np.complexfloating], fmt: str) -> bytes:
    """Raw bytes of samples, rounded to the nearest code and saturated at full scale.

    Args:
        samples: complex [n], full scale ±1; what is not a number is written as zero in the integer formats.
        fmt: one of `FORMATS`.

    Raises:
        RecordingError: the format is unknown.
    """
    form = sample_format(fmt)
    values = np.ascontiguousarray(samples, np.complex64).view(np.float32)
    if form.dtype.kind == "f":
        return values.astype(form.dtype, copy=False).tobytes()
    low, high = _LIMITS[fmt]
    codes = np.clip(values, -2.0, 2.0)  # before scaling, so that nothing overflows
    np.nan_to_num(codes, copy=False)
    codes *= np.float32(form.scale)
    codes += np.float32(form.zero)
    np.rint(codes, out=codes)
    np.clip(codes, low, high, out=codes)
    return bytes(codes.astype(form.dtype).tobytes())


def zero_bytes(sample_count: int, fmt: str) -> bytes:
    """Raw bytes of zero samples (cu8 has no zero: the code just above it)."""
    return from_samples(np.zeros(1, np.complex64), fmt) * sample_count
