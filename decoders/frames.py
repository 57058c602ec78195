"""From soft bits to frames: the whole chain of one mode, and of a downlink whose mode is not known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .codeblock import CodeBlock, wire_bits
from .deinterleaver import Deinterleaver
from .differential import NrzMDecoder, nrz_m_encode
from .downlink import Mode
from .frame_sync import MARKER_BITS, VERSION, FoundFrame, FrameFinder
from .inner_decoder import DecodedBits, InnerDecoder
from .marker_sync import MarkerSync
from .reed_solomon import FAILED, TO_DUAL
from .timeline import Timeline
from .viterbi import Bits, SoftBits, encode

IDLE_VCID = 63

Floats = npt.NDArray[np.float64]
# Called with the name of a joint and what passed it.
Tap = Callable[[str, npt.NDArray[np.generic]], None]


@dataclass(frozen=True)
class Frame:
    """A located frame.

    Attributes:
        cadu: marker, then the block derandomised and corrected, parity kept.
        vcid: virtual channel; 63 is idle.
        scid: spacecraft.
        counter: frame counter of the virtual channel, 24 bits.
        sample_index: sample of the recording at which the frame's first bit came, or None; in the interleaved
            mode its last bits come 17.92 s later.
        bit_index: number of the frame's first bit in the stream behind the inner decoder.
        ebn0_db: measured Eb/N0 per information bit out of the inner decoder, or None.
        symbols_corrected: coded symbols whose sign differed from what was sent.
        bytes_corrected: per codeword; -1 = failed.
        good: proven in all codewords and with a plausible header; only such frames are passed on.
        state: how the bits had to be turned, or why the frame is not good.
    """

    cadu: bytes
    vcid: int
    scid: int
    counter: int
    sample_index: float | None
    bit_index: int
    ebn0_db: float | None
    symbols_corrected: int
    bytes_corrected: tuple[int, ...]
    good: bool
    state: str


def make_frame(cadu: bytes, corrected: Sequence[int], *, bit_index: int, state: str = "") -> Frame:
    """A frame from its derandomised CADU and the outcome of Reed-Solomon.

    48 bits behind the marker: version (2), SCID (8), VCID (6), counter (24), signalling (8). A clean
    Reed-Solomon block does not prove the derandomiser, whose sequence is a codeword; the version tells.
    """
    header = int.from_bytes(cadu[4:10], "big")
    version, scid, vcid, counter = (
        header >> 46,
        header >> 38 & 0xFF,
        header >> 32 & 0x3F,
        header >> 8 & 0xFFFFFF,
    )
    if FAILED in corrected:
        good, state = False, f"{list(corrected).count(FAILED)} of {len(corrected)} codewords failed"
    elif version != VERSION:
        good, state = False, f"version {version} instead of {VERSION}"
    else:
        good = True
    return Frame(cadu, vcid, scid, counter, None, bit_index, None, 0, tuple(corrected), good, state)


class FrameDecoder:
    """Decode the soft bits of one mode into frames, in the order in which they were sent."""

    def __init__(self, mode: Mode, *, tap: Tap | None = None) -> None:
        self.mode = mode
        self.tap = tap
        self.inner = InnerDecoder()
        self.marker_sync = MarkerSync() if mode.interleaver == "meteor-80k" else None
        self._deinterleaver = Deinterleaver() if self.marker_sync else None
        self._nrz_m = NrzMDecoder() if mode.differential == "nrz-m" else None
        self._finder = FrameFinder(mode)
        self._samples = Timeline()  # samples of the incoming symbols
        self._soft_received = 0
        self._rows = Timeline()  # symbols of the deinterleaver's rows
        self._state = ""
        self._levels = Timeline()  # Es/N0 as the demodulator measured it

    def process(
        self,
        soft_bits: SoftBits,
        sample_index: Floats | None = None,
        esn0_db: npt.NDArray[np.float32] | None = None,
    ) -> list[Frame]:
        """Frames completed by these soft bits.

        Args:
            soft_bits: int8, serial, positive = 1, 0 = erasure.
            sample_index: position in the recording of each pair, shape (soft_bits.size // 2,).
            esn0_db: Es/N0 of each symbol where the demodulator measured it, same shape; it tells more than
                the soft bits, which saturate.
        """
        if sample_index is not None and sample_index.size:
            self._samples.extend(self._soft_received / 2, sample_index)
        if esn0_db is not None and esn0_db.size:
            self._levels.extend(self._soft_received / 2, esn0_db.astype(np.float64))
        self._soft_received += soft_bits.size
        return self._inner(soft_bits, last=False)

    def flush(self) -> list[Frame]:
        """Frames up to the very end of the recording."""
        return self._inner(np.zeros(0, dtype=np.int8), last=True)

    def _inner(self, soft: SoftBits, *, last: bool) -> list[Frame]:
        if self.marker_sync is not None and self._deinterleaver is not None:
            rows = self.marker_sync.process(soft)
            soft = self._deinterleaver.process(rows.soft)
            self._rows.extend(rows.first_row, rows.soft_index / 2)
            if last:
                rows = self.marker_sync.flush()
                self._rows.extend(rows.first_row, rows.soft_index / 2)
                soft = np.concatenate(
                    [soft, self._deinterleaver.process(rows.soft), self._deinterleaver.flush()]
                )
            self._give("deinterleaved", soft)
        decoded = self.inner.process(soft)
        if last:
            decoded += self.inner.flush()
        found = self._find(decoded)
        if last:
            found += self._finder.flush()
        return [self._frame(one) for one in found]

    def _find(self, decoded: list[DecodedBits]) -> list[FoundFrame]:
        if not decoded:
            return []
        self._state = decoded[-1].state
        bits = np.concatenate([block.bits for block in decoded])
        if self._nrz_m is not None:
            bits = self._nrz_m.process(bits)
        self._give("bits", bits)
        return self._finder.process(bits, np.concatenate([block.soft for block in decoded]))

    def _frame(self, found: FoundFrame) -> Frame:
        state = self._state + (", inverted" if found.inverted else "")
        frame = make_frame(
            cadu_bytes(found.block, self.mode), found.block.corrected, bit_index=found.bit_index, state=state
        )
        ebn0_db, errors = _quality(found, self.mode)
        symbol = self._symbol_of(found.bit_index)
        middle = self._symbol_of(found.bit_index + self.mode.frame_bits // 2)
        measured = None if middle is None else self._levels.at(middle)
        return replace(
            frame,
            ebn0_db=ebn0_db if measured is None else measured,
            symbols_corrected=errors,
            sample_index=None if symbol is None else self._samples.at(symbol),
        )

    def _symbol_of(self, bit_index: int) -> float | None:
        """The incoming symbol that a decoded bit came from; interleaved: the one that its row began with."""
        if self._deinterleaver is None:
            return bit_index
        return self._rows.at(self._deinterleaver.row_of(2 * bit_index))

    def _give(self, joint: str, passed: npt.NDArray[np.generic]) -> None:
        if self.tap is not None and passed.size:
            self.tap(joint, passed)


def cadu_bytes(block: CodeBlock, mode: Mode) -> bytes:
    """The frame with its marker, in the basis of the downlink."""
    words = TO_DUAL[block.words] if mode.rs_basis == "dual" else block.words
    return mode.marker_bytes + words.T.tobytes()


def _quality(found: FoundFrame, mode: Mode) -> tuple[float | None, int]:
    """Eb/N0 in dB and symbol errors, from the symbols of the corrected frame encoded again.

    With mean m and variance v of soft bit times sign: Es/N0 = m^2 / 2v per symbol of half an information bit,
    so Eb/N0 = m^2 / v.
    """
    if found.soft is None:
        return None, 0
    bits = np.concatenate([mode.marker_pattern, wire_bits(found.block, mode)])
    if mode.differential == "nrz-m":
        bits = nrz_m_encode(bits)
    signed = _signed(bits, found.soft)
    if signed.size < 2 * MARKER_BITS:
        return None, 0
    mean = abs(float(signed.mean()))
    errors = int(np.count_nonzero(signed < 0))
    errors = min(errors, signed.size - errors)
    variance = float(signed.var())
    return (10 * float(np.log10(max(mean**2, 1e-9) / max(variance, 1e-2 * mean**2, 1e-9))), errors)


def _signed(bits: Bits, soft: SoftBits) -> Floats:
    symbols = encode(bits)[12:]  # the first six pairs depend on the bits before
    received = soft[12:].astype(np.float64)
    signed: Floats = (received * (2.0 * symbols - 1.0))[received != 0]
    return signed
