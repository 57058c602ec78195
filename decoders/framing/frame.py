"""A located frame, and how it is made of its bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from decoders.coding.reed_solomon import FAILED
from decoders.downlink import Mode
from decoders.framing.frame_sync import VERSION
from decoders.framing.minor_frames import read_minor_frame
from decoders.framing.uncoded_sync import UncodedFrame

IDLE_VCID = 63


@dataclass(frozen=True)
class Frame:
    """A located frame.

    Attributes:
        cadu: the frame as it is written: marker, then the block derandomised and corrected, parity kept;
            framing "raw16": its 10-bit words as big-endian uint16.
        vcid: virtual channel; 63 is idle. Of NOAA's minor frames the number, 1 to 3. None where there is
        none. scid: spacecraft, or None. counter: frame counter of the virtual channel, 24 bits; of NOAA's
        minor frames the sixth of a second of
            the day, by their time code. None where there is none.
        sample_index: sample of the recording at which the frame's first bit came, or None; in the interleaved
            mode its last bits come 17.92 s later.
        bit_index: number of the frame's first bit in the stream behind the inner decoder.
        ebn0_db: measured Eb/N0 per information bit out of the inner decoder, or None.
        symbols_corrected: coded symbols whose sign differed from what was sent.
        bytes_corrected: per codeword; -1 = failed; empty where there is no Reed-Solomon.
        good: proven in all codewords and with a plausible header; unprotected: between two markers at frame
            distance, and not garbled. Only such frames are passed on.
        state: how the bits had to be turned, or why the frame is not good.
        unprotected: nothing proves the content.
        marker_errors: wrong bits of its marker, or None where no marker was looked for.
        parity_errors: words of NOAA's telemetry with a wrong parity bit; None where there are none.
    """

    cadu: bytes
    vcid: int | None
    scid: int | None
    counter: int | None
    sample_index: float | None
    bit_index: int
    ebn0_db: float | None
    symbols_corrected: int
    bytes_corrected: tuple[int, ...]
    good: bool
    state: str
    unprotected: bool = False
    marker_errors: int | None = None
    parity_errors: int | None = None


@dataclass(frozen=True)
class Reception:
    """What is known of how a frame was received; the fields are those of `Frame`."""

    sample_index: float | None = None
    ebn0_db: float | None = None
    symbols_corrected: int = 0
    marker_errors: int | None = None


def make_frame(
    cadu: bytes,
    corrected: Sequence[int],
    *,
    bit_index: int,
    state: str = "",
    received: Reception | None = None,
) -> Frame:
    """A frame from its derandomised CADU and the outcome of Reed-Solomon.

    48 bits behind the marker: version (2), SCID (8), VCID (6), counter (24), signalling (8). A clean
    Reed-Solomon block does not prove the derandomiser, whose sequence is a codeword; the version tells.
    """
    version, good = cadu[4] >> 6, True
    if FAILED in corrected:
        good, state = False, f"{list(corrected).count(FAILED)} of {len(corrected)} codewords failed"
    elif version != VERSION:
        good, state = False, f"version {version} instead of {VERSION}"
    how = received or Reception()
    return Frame(
        cadu=cadu,
        vcid=cadu[5] & 0x3F,
        scid=(cadu[4] & 0x3F) << 2 | cadu[5] >> 6,
        counter=int.from_bytes(cadu[6:9], "big"),
        sample_index=how.sample_index,
        bit_index=bit_index,
        ebn0_db=how.ebn0_db,
        symbols_corrected=how.symbols_corrected,
        bytes_corrected=tuple(corrected),
        good=good,
        state=state,
        marker_errors=how.marker_errors,
    )


def make_unprotected_frame(found: UncodedFrame, mode: Mode, *, received: Reception | None = None) -> Frame:
    """A frame of bits that nothing protects."""
    how = received or Reception()
    bits, state, good = found.bits, found.state, found.good
    vcid = scid = counter = parity_errors = None
    if mode.framing == "raw16":
        minor = read_minor_frame(bits)
        content = minor.words.astype(">u2").tobytes()
        vcid, scid, counter, parity_errors = (
            minor.number,
            minor.spacecraft,
            minor.counter,
            minor.parity_errors,
        )
        state = ", ".join(filter(None, (state, minor.doubt)))
        good = good and not minor.is_garbled
    else:
        content = np.packbits(bits).tobytes()
    return Frame(
        cadu=content,
        vcid=vcid,
        scid=scid,
        counter=counter,
        sample_index=how.sample_index,
        bit_index=found.bit_index,
        ebn0_db=how.ebn0_db,
        symbols_corrected=0,
        bytes_corrected=(),
        good=good,
        state=state,
        unprotected=True,
        marker_errors=found.marker_errors,
        parity_errors=parity_errors,
    )
