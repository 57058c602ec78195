"""Several channels out of one wide stream of samples: mixed to 0 Hz, filtered, at a lower rate.

Fast convolution (overlap-save; Oppenheim and Schafer, Discrete-Time Signal Processing, 3rd edition, 8.7.3):
one transform per block serves all channels. Each takes its bins about its own centre, weighs them with the
transform of its filter and transforms back at its own length, which filters, mixes by whole bins and lowers
the rate at once; what is left of the mixing is done at the low rate. The blocks lie on a fixed grid of sample
numbers, so the same bits come out in whatever portions the stream comes in.

    x  wide samples at rate R              N  length of a transform of x
    y  channel's samples at rate R p/q     M  = N p/q, length of the transform back
    f  centre of the channel / R           k  = nearest whole number to f N

    y[m] = sum over n of x[n] h[m q/p - n] exp(-2 pi i f n), with h from `channel_filter.low_pass`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import starmap

import numpy as np
import numpy.typing as npt
from scipy import fft

from sdr.channel_bins import cut, response, turned
from sdr.channel_filter import half_length, rate_ratio
from sdr.channel_grid import ROWS, grid_for
from sdr.doppler import DopplerPhase
from sdr.errors import RecordingError
from sdr.formats import Samples

Curve = tuple[npt.ArrayLike, npt.ArrayLike]


@dataclass(frozen=True)
class Channel:
    """What is taken out of a wide recording.

    Attributes:
        center_frequency_hz: on air; it comes to lie at 0 Hz.
        sample_rate: Hz, wanted; `channel_filter.rate_ratio` says which comes out. 84 % of it are flat.
        doppler: POSIX seconds float64 [n] and received minus nominal frequency in Hz [n], to be taken out of
            the carrier; the Doppler shift of the symbol clock stays. None leaves both to the decoder.
        bandwidth_hz: what must lie within the wide recording.
    """

    center_frequency_hz: float
    sample_rate: float
    doppler: Curve | None = None
    bandwidth_hz: float = 0.0


@dataclass(frozen=True)
class _Way:
    """How one channel is taken out of a transform."""

    ratio: Fraction
    first_bin: int
    response: npt.NDArray[np.complex64]  # [M], by bin from the lowest
    turn: Samples  # what is left of the mixing within a block
    shift: Fraction  # centre over the wide rate, cycles per sample
    valid: slice  # outputs that no wrapping reached
    doppler: DopplerPhase | None  # against seconds since the first sample


class ChannelBank:
    """Channels of one wide stream; hand in samples in any portions, then flush.

    Args:
        wide_rate: Hz.
        wide_center_hz: frequency at 0 Hz of the stream.
        channels: at least one.
        start_s: POSIX seconds of the first sample; needed for a Doppler curve.

    Raises:
        RecordingError: a channel that does not lie in the stream, or a curve without time.

    Attributes:
        ratios: channel's rate over the wide one, by channel.
    """

    def __init__(
        self,
        wide_rate: float,
        wide_center_hz: float,
        channels: Sequence[Channel],
        *,
        start_s: float | None = None,
    ) -> None:
        for channel in channels:
            _check(channel, wide_rate, wide_center_hz, start_s)
        self.ratios = tuple(rate_ratio(wide_rate, channel.sample_rate) for channel in channels)
        self._grid = grid_for(wide_rate, self.ratios)
        shifts = [_shift(channel.center_frequency_hz, wide_center_hz, wide_rate) for channel in channels]
        curves = [_curve(channel, start_s) for channel in channels]
        self._ways = tuple(starmap(self._way, zip(self.ratios, shifts, curves, strict=True)))
        self._wide_rate = wide_rate
        self._held = np.zeros(self._grid.held, np.complex64)
        self._filled = self._grid.margin  # before the beginning the input counts as zero
        self._portions = 0  # transforms done, `ROWS` blocks each
        self.taken = 0

    @property
    def needed(self) -> int:
        """Samples until the next ones come out."""
        return self._grid.held - self._filled

    @property
    def reach(self) -> int:
        """Samples of the stream on either side that touch an output, at most."""
        return max(map(half_length, self.ratios))

    @property
    def delay_s(self) -> float:
        """The longest time between a sample and the output at its place."""
        return (self._grid.portion + self._grid.margin) / self._wide_rate

    def process(self, samples: Samples) -> list[Samples]:
        """By channel, what complex64 [n] more settle: output m lies at input sample m / ratio exactly."""
        given: list[list[Samples]] = [[] for _ in self._ways]
        self.taken += len(samples)
        while len(samples):
            part, samples = samples[: self.needed], samples[self.needed :]
            self._held[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            if not self.needed:
                for outputs, output in zip(given, self._transformed(), strict=True):
                    outputs.append(output)
        return [np.concatenate(outputs) if outputs else _nothing() for outputs in given]

    def flush(self) -> list[Samples]:
        """The rest, up to the last output that lies before the end; behind it the input counts as zero."""
        end = self.taken
        done = self._portions * self._grid.portion
        rest = self.process(np.zeros(max(end - done + self._grid.held, 0), np.complex64))
        self.taken = end
        return [
            output[: math.ceil(end * ratio) - int(done * ratio)]
            for output, ratio in zip(rest, self.ratios, strict=True)
        ]

    def _transformed(self) -> list[Samples]:
        """The outputs of the `ROWS` blocks that are held, which are forgotten."""
        grid = self._grid
        blocks = np.lib.stride_tricks.sliding_window_view(self._held, grid.length)[:: grid.step]
        spectra = fft.fft(blocks, axis=-1)
        outputs = [self._output(spectra, way) for way in self._ways]
        kept = 2 * grid.margin
        self._held[:kept] = self._held[-kept:].copy()
        self._filled = kept
        self._portions += 1
        return outputs

    def _output(self, spectra: Samples, way: _Way) -> Samples:
        bins = cut(spectra, way.first_bin, len(way.response))
        bins *= way.response
        block = fft.ifft(bins, axis=-1, overwrite_x=True)[:, way.valid]
        firsts = [(self._portions * ROWS + row) * self._grid.step for row in range(ROWS)]
        begun = np.array([float(way.shift * (first - self._grid.margin) % 1) for first in firsts])
        out = block * way.turn
        out *= np.exp(-2j * np.pi * begun).astype(np.complex64)[:, np.newaxis]
        if way.doppler is not None:
            rate = float(way.ratio) * self._wide_rate
            begun_s = np.array(firsts) / self._wide_rate
            out *= turned(way.doppler.cycles(begun_s, np.arange(out.shape[1]) / rate))
        return np.asarray(out.reshape(-1), np.complex64)

    def _way(self, ratio: Fraction, shift: Fraction, doppler: DopplerPhase | None) -> _Way:
        grid = self._grid
        length = int(grid.length * ratio)
        middle = round(shift * grid.length)
        first = middle - length // 2
        numbers = np.arange(length) * float(1 / ratio)  # of the wide samples at which the outputs lie
        valid = slice(int(grid.margin * ratio), int((grid.margin + grid.step) * ratio))
        left = float(shift - Fraction(middle, grid.length))
        return _Way(
            ratio,
            first % grid.length,
            response(ratio, grid, float(shift), first, length),
            turned(left * numbers[valid]),
            shift,
            valid,
            doppler,
        )


def _check(channel: Channel, wide_rate: float, wide_center_hz: float, start_s: float | None) -> None:
    frequency_hz, width_hz = channel.center_frequency_hz, channel.bandwidth_hz
    if not abs(frequency_hz - wide_center_hz) + width_hz / 2 <= wide_rate / 2:
        low, high = ((wide_center_hz + sign * wide_rate / 2) / 1e6 for sign in (-1, 1))
        raise RecordingError(
            f"a channel at {frequency_hz / 1e6:g} MHz, {width_hz / 1e3:g} kHz wide, does not lie in the "
            f"recording, which holds {low:g} to {high:g} MHz"
        )
    if channel.doppler is not None and start_s is None:
        raise RecordingError(
            "the recording does not say when it began, so a Doppler curve cannot be applied; give --start"
        )


def _curve(channel: Channel, start_s: float | None) -> DopplerPhase | None:
    if channel.doppler is None or start_s is None:
        return None
    time_s, hz = channel.doppler
    # Counted from the first sample: POSIX seconds are too coarse for a phase.
    return DopplerPhase(np.asarray(time_s, np.float64) - start_s, hz)


def _shift(frequency_hz: float, wide_center_hz: float, wide_rate: float) -> Fraction:
    """Exactly what the floats stand for, so that the phase is exact after any time."""
    return (Fraction(frequency_hz) - Fraction(wide_center_hz)) / Fraction(wide_rate)


def _nothing() -> Samples:
    return np.zeros(0, np.complex64)
