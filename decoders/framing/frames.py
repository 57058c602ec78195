"""From soft bits to frames: the whole chain of one mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from decoders.coding.codeblock import Bytes, CodeBlock
from decoders.coding.decoded_window import DecodedBits
from decoders.coding.deinterleaver import Deinterleaver
from decoders.coding.differential import NrzMDecoder
from decoders.coding.inner_decoder import InnerDecoder
from decoders.coding.marker_sync import MarkerSync
from decoders.coding.reed_solomon import TO_DUAL
from decoders.coding.timeline import Timeline
from decoders.coding.viterbi import SoftBits
from decoders.downlink import Mode
from decoders.framing import frame_quality
from decoders.framing.frame import Frame, Reception, make_frame, make_unprotected_frame
from decoders.framing.frame_sync import LOOK_BACK_FRAMES, FoundFrame, FrameFinder
from decoders.framing.gap_filler import GapFiller
from decoders.framing.uncoded_sync import UncodedFinder, UncodedFrame

Floats = npt.NDArray[np.float64]
# Called with the name of a joint and what passed it.
Tap = Callable[[str, npt.NDArray[np.generic]], None]


class FrameDecoder:
    """Decode the soft bits of one mode into frames, in the order in which they were sent."""

    def __init__(self, mode: Mode, *, tap: Tap | None = None, prompt: bool = False) -> None:
        """Set up; with `prompt` frames come as soon as they can, at the price of processor time."""
        self.mode = mode
        self.tap = tap
        self.marker_sync = MarkerSync() if mode.interleaver == "meteor-80k" else None
        self._deinterleaver = Deinterleaver() if self.marker_sync else None
        self._framing: _CodedFraming | UncodedFinder
        self._framing = (
            _CodedFraming(mode, self._give, prompt=prompt) if mode.protected else UncodedFinder(mode)
        )
        self._bits_per_symbol = mode.information_bits_per_symbol
        self._received = 0  # soft bits, those put into gaps included
        self._gaps = GapFiller.for_mode(mode)
        self._samples = Timeline()  # samples of the incoming symbols
        self._levels = Timeline()  # Es/N0 of the incoming symbols, as the demodulator measured it
        self._rows = Timeline()  # symbols of the deinterleaver's rows

    def process(
        self,
        soft_bits: SoftBits,
        sample_index: Floats | None = None,
        esn0_db: npt.NDArray[np.float32] | None = None,
    ) -> list[Frame]:
        """Frames completed by these soft bits.

        Args:
            soft_bits: int8, serial, positive = 1, 0 = erasure.
            sample_index: position in the recording of each channel symbol, shape
                (soft_bits.size // mode.soft_bits_per_symbol,).
            esn0_db: energy per channel symbol over N0 where the demodulator measured it, same shape; it tells
                more than the soft bits, which saturate.
        """
        if sample_index is not None:
            soft_bits, sample_index, esn0_db = self._gaps.process(soft_bits, sample_index, esn0_db)
        symbol = self._received / self.mode.soft_bits_per_symbol
        if sample_index is not None and sample_index.size:
            self._samples.extend(symbol, sample_index)
        if esn0_db is not None and esn0_db.size:
            self._levels.extend(symbol, esn0_db)
            self._framing.wants_level = False
        self._received += soft_bits.size
        return self._frames(self._framing.process(self._deinterleaved(soft_bits, last=False)))

    def flush(self) -> list[Frame]:
        """Frames up to the very end of the recording."""
        rest = self._deinterleaved(np.zeros(0, dtype=np.int8), last=True)
        return self._frames([*self._framing.process(rest), *self._framing.flush()])

    def _deinterleaved(self, soft: SoftBits, *, last: bool) -> SoftBits:
        if self.marker_sync is None or self._deinterleaver is None:
            return soft
        rows = self.marker_sync.process(soft)
        soft = self._deinterleaver.process(rows.soft)
        self._rows.extend(rows.first_row, rows.soft_index / 2)
        if last:
            rows = self.marker_sync.flush()
            self._rows.extend(rows.first_row, rows.soft_index / 2)
            soft = np.concatenate([soft, self._deinterleaver.process(rows.soft), self._deinterleaver.flush()])
        self._give("deinterleaved", soft)
        return soft

    def _frames(self, found: Sequence[_Located | UncodedFrame]) -> list[Frame]:
        if not found:
            return []
        begins = np.array([one.bit_index for one in found], dtype=np.float64)
        symbols = self._symbols_of(begins)
        middles = self._symbols_of(begins + self.mode.frame_bits / 2)
        samples = None if symbols is None else self._samples.at_all(symbols)
        levels = None if middles is None else self._levels.at_all(middles)
        if levels is not None:
            levels = levels - 10 * np.log10(self._bits_per_symbol)
        return [
            self._frame(one, sample, level)
            for one, sample, level in zip(
                found, _listed(samples, len(found)), _listed(levels, len(found)), strict=True
            )
        ]

    def _frame(self, found: _Located | UncodedFrame, sample: float | None, level: float | None) -> Frame:
        received = Reception(
            sample_index=sample,
            ebn0_db=found.ebn0_db if level is None else level,
            symbols_corrected=found.symbol_errors,
            marker_errors=found.marker_errors,
        )
        if isinstance(found, UncodedFrame):
            return make_unprotected_frame(found, self.mode, received=received)
        return make_frame(
            found.cadu, found.corrected, bit_index=found.bit_index, state=found.state, received=received
        )

    def _symbols_of(self, bits: Floats) -> Floats | None:
        """The incoming symbols that decoded bits came from; interleaved: those that their rows began with."""
        if self._deinterleaver is None:
            return bits / self._bits_per_symbol
        return self._rows.at_all(self._deinterleaver.row_of(2 * bits))

    def _give(self, joint: str, passed: npt.NDArray[np.generic]) -> None:
        if self.tap is not None and passed.size:
            self.tap(joint, passed)


@dataclass(frozen=True)
class _Located:
    """A frame behind the inner code, with its quality as the soft bits tell it."""

    bit_index: int
    cadu: bytes
    corrected: tuple[int, ...]
    state: str
    marker_errors: int
    ebn0_db: float | None
    symbol_errors: int


class _CodedFraming:
    """Inner decoder, differential decoder and frame sync of a protected mode."""

    def __init__(self, mode: Mode, give: Tap, *, prompt: bool) -> None:
        self._mode = mode
        self._give = give
        self._inner = InnerDecoder(mode, prompt=prompt)
        self._nrz_m = NrzMDecoder() if mode.differential == "nrz-m" else None
        self._finder = FrameFinder(mode)
        self._marker = mode.marker_bytes
        self.wants_level = True  # the demodulator did not measure it
        self._bits = 0
        self._states: list[tuple[int, str]] = []  # first bit and state of the inner decoder's ambiguities

    def process(self, soft: SoftBits) -> list[_Located]:
        located = self._locate(self._find(self._inner.process(soft)))
        self._forget(self._bits - (LOOK_BACK_FRAMES + 4) * self._mode.frame_bits)
        return located

    def flush(self) -> list[_Located]:
        return self._locate([*self._find(self._inner.flush()), *self._finder.flush()])

    def _find(self, decoded: list[DecodedBits]) -> list[FoundFrame]:
        if not decoded:
            return []
        for block in decoded:
            if not self._states or self._states[-1][1] != block.state:
                self._states.append((self._bits, block.state))
            self._bits += block.bits.size
        bits = np.concatenate([block.bits for block in decoded])
        if self._nrz_m is not None:
            bits = self._nrz_m.process(bits)
        self._give("bits", bits)
        return self._finder.process(bits, np.concatenate([block.soft for block in decoded]))

    def _locate(self, found: list[FoundFrame]) -> list[_Located]:
        if not found:
            return []
        blocks = joined_blocks(np.stack([one.block.words for one in found]), self._mode)
        soft = np.stack([one.soft for one in found if one.soft is not None])
        quality = frame_quality.measure(blocks, soft, self._mode, level=self.wants_level)
        cadus = [self._marker + block.tobytes() for block in blocks]
        return [
            _Located(
                bit_index=one.bit_index,
                cadu=cadu,
                corrected=one.block.corrected,
                state=self._state_at(one.bit_index) + ", inverted" * one.inverted,
                marker_errors=one.marker_errors,
                ebn0_db=ebn0_db if ebn0_db == ebn0_db else None,  # noqa: PLR0124 - not NaN
                symbol_errors=errors,
            )
            for one, cadu, ebn0_db, errors in zip(
                found, cadus, quality.ebn0_db.tolist(), quality.symbol_errors.tolist(), strict=True
            )
        ]

    def _state_at(self, bit_index: int) -> str:
        """The ambiguity with which the frame's first bit was decoded, and those that followed within it."""
        if len(self._states) == 1 and self._states[0][0] <= bit_index:
            return self._states[0][1]
        states = [state for first, state in self._states if first < bit_index + self._mode.frame_bits]
        before = sum(first <= bit_index for first, _ in self._states)
        return ", then ".join(states[max(0, before - 1) :])

    def _forget(self, bit_index: int) -> None:
        keep = max(0, sum(first <= bit_index for first, _ in self._states) - 1)
        self._states = self._states[keep:]


def joined_blocks(words: Bytes, mode: Mode) -> Bytes:
    """Bytes behind the markers, derandomised, shape (n, block_bytes), of codewords (n, interleave, 255)."""
    blocks = np.ascontiguousarray(words.transpose(0, 2, 1)).reshape(len(words), -1)
    return TO_DUAL[blocks] if mode.rs_basis == "dual" else blocks


def cadu_bytes(block: CodeBlock, mode: Mode) -> bytes:
    """One frame with its marker, derandomised, in the basis of the downlink."""
    return mode.marker_bytes + joined_blocks(block.words[np.newaxis], mode).tobytes()


def _listed(values: Floats | None, count: int) -> list[float | None]:
    return [None] * count if values is None else list(values.tolist())
