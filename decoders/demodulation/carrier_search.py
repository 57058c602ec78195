"""Where the carrier is, to a few bins, when nothing foretells it: over the whole reach at once."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from decoders.demodulation.edges import Edges, Signal
from decoders.demodulation.spectral_lines import SEGMENTS, segment_power

_TINY = 1e-30
_PAIR_FOUND = 2.7  # mean power of a line above noise over the segments; both lines must pass
_CORRELATION_FOUND = 5.0  # standard deviations


def search_oqpsk(spectrum: NDArray[np.complex64], signal: Signal) -> float | None:
    """Carrier in bins, from the pair of lines one symbol rate either side of twice the carrier.

    Args:
        spectrum: complex64[n] of the block.
        signal: What to look for.
    """
    edges = Edges.wide(spectrum, signal)
    width = len(edges.upper)
    powers = [segment_power(edge * edge) for edge in (edges.upper, edges.lower)]
    size = len(powers[0])
    per_bin = size * SEGMENTS / width  # transform points per cycle per block
    reach = min(int(2 * signal.reach * per_bin / SEGMENTS), size // 2)
    twice = np.arange(-reach, reach + 1)
    shifts = (signal.symbol_bins - 2 * edges.upper_bin, -signal.symbol_bins - 2 * edges.lower_bin)
    pair = [
        power[(twice + round(shift * per_bin / SEGMENTS)) % size] / max(float(np.median(power)), _TINY)
        for power, shift in zip(powers, shifts, strict=True)
    ]
    near = [np.max([np.roll(p, step) for step in (-1, 0, 1)], axis=0) for p in pair]
    score = np.sqrt(near[0] * near[1])
    best = int(score.argmax())
    return float(twice[best] * SEGMENTS / per_bin / 2) if score[best] > _PAIR_FOUND else None


def search_qpsk(spectrum: NDArray[np.complex64], signal: Signal) -> float | None:
    """Carrier in bins, from where along the frequency axis the two edges correlate.

    Args:
        spectrum: complex64[n] of the block.
        signal: What to look for.
    """
    edges = Edges.wide(spectrum, signal)
    width = len(edges.upper)
    line = edges.clock_line(signal)
    time = np.arange(width) / width - 0.5
    aligned = edges.lower * np.exp(1j * (2 * np.pi * line.frequency * time + line.phase)).astype(np.complex64)
    shared = np.asarray((scipy.fft.fft(edges.upper) * scipy.fft.fft(aligned).conj()).real, np.float64)
    template = _edge_shape(width, signal.rolloff * signal.symbol_bins)
    score = scipy.fft.irfft(scipy.fft.rfft(shared) * scipy.fft.rfft(template).conj(), width)
    noise = np.sqrt(np.sum(template**2) * np.mean(shared**2))
    best = int(score.argmax())
    signed = best - width if best >= width // 2 else best
    carrier = signed + (edges.upper_bin + edges.lower_bin) / 2
    found = score[best] > _CORRELATION_FOUND * noise and abs(carrier) <= signal.reach * 1.1
    return float(carrier) if found else None


def _edge_shape(width: int, edge: float) -> NDArray[np.float64]:
    """What both edges share, over `width` bins around zero: a root-raised slope times its mirror image."""
    offset = np.arange(-int(edge / 2), int(edge / 2) + 1)
    shape = np.zeros(width)
    shape[offset] = np.cos(np.pi * offset / edge)
    return shape
