"""How a satellite sends, and what follows from it: rates, sizes, periods."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import radians, sin

from sim.coding import (
    INTERLEAVER_SPAN_BITS,
    RS_MESSAGE_BYTES,
    RS_PARITY_BYTES,
    SYNC_PAYLOAD_BITS,
    SYNC_PERIOD_BITS,
)

MARKER_BYTES = 4
HEADER_BYTES = 6
POINTER_BYTES = 2
CODEWORD_BYTES = RS_MESSAGE_BYTES + RS_PARITY_BYTES
UNCODED_BYTES = 1020  # behind the marker
HRPT_FRAME_BITS = 110_900
INTERLEAVED_SHARE = Fraction(SYNC_PAYLOAD_BITS, SYNC_PERIOD_BITS)


@dataclass(frozen=True)
class Mode:
    """How a satellite sends.

    Attributes:
        name: as the station's downlink.
        modulation: "qpsk", "oqpsk", "bpsk", or "split-phase-pm".
        symbol_rate: Bd; bits per second of split phase.
        frequency_hz: carrier as sent, unless a request says otherwise.
        sample_rate: of the receiver, unless a request says otherwise.
        rolloff: of the root-raised cosine; 0 for split phase.
        deviation_deg: of the phase of split phase.
        filter_hz: width between the -3 dB points of the transmitter's filter; 0: none.
        code: rate of the convolutional code, "none", "1/2" … "7/8".
        rail_order: "serial", or "metop": I carries the first generator's bits and Q the second's.
        second_inverted: the second generator's bits leave inverted.
        differential: NRZ-M ahead of the convolutional code.
        interleaved: by the 36 branches of the METEOR 80k mode, with its sync words.
        randomised: behind the marker.
        framing: "cadu", "noaa-hrpt" or "meteor-hrpt".
        rs_interleave: Reed-Solomon codewords (255, 223) of a frame; 0: uncoded.
        rs_dual: in Berlekamp's dual basis.
        insert_zone_bytes: behind the header of a frame.
        trailer_bytes: behind its packet zone.
        scid: spacecraft.
        camera: MSU-MR of a METEOR-M on VHF is what sends.
    """

    name: str
    modulation: str
    symbol_rate: float
    frequency_hz: float
    sample_rate: float
    rolloff: float = 0.0
    deviation_deg: float = 0.0
    filter_hz: float = 0.0
    code: str = "1/2"
    rail_order: str = "serial"
    second_inverted: bool = False
    differential: bool = False
    interleaved: bool = False
    randomised: bool = True
    framing: str = "cadu"
    rs_interleave: int = 4
    rs_dual: bool = False
    insert_zone_bytes: int = 0
    trailer_bytes: int = 0
    scid: int = 0
    camera: bool = False

    @property
    def lag(self) -> float:
        """By how many symbols Q comes later than I."""
        return 0.5 if self.modulation == "oqpsk" else 0.0

    @property
    def pulse_rate(self) -> float:
        """Pulses per second of a rail: symbols, or half-bits of split phase."""
        return self.symbol_rate * (2 if self.split_phase else 1)

    @property
    def split_phase(self) -> bool:
        """Whether the phase of a carrier is switched by half-bits."""
        return self.modulation == "split-phase-pm"

    @property
    def code_rate(self) -> Fraction:
        """Information bits per coded bit; 1 without a code."""
        return Fraction(1) if self.code == "none" else Fraction(self.code)

    @property
    def pulses_per_bit(self) -> Fraction:
        """Pulses of a rail for an information bit, sync words of the interleaver counted."""
        if self.split_phase:
            return Fraction(2)
        coded_per_pulse = 1 if self.modulation == "bpsk" else 2
        pulses = 1 / self.code_rate / coded_per_pulse
        return pulses / INTERLEAVED_SHARE if self.interleaved else pulses

    @property
    def bit_rate(self) -> float:
        """Information bits per second, markers and parity of the frames counted."""
        return float(Fraction(self.pulse_rate) / self.pulses_per_bit)

    @property
    def energy_rate(self) -> float:
        """Bits per second that share the power in Eb/N0; sync words of the interleaver count like data."""
        return self.bit_rate / float(INTERLEAVED_SHARE) if self.interleaved else self.bit_rate

    @property
    def data_share(self) -> float:
        """Share of the power that carries data, ahead of any filter: sin² of the deviation (KLM 4.1.2)."""
        return sin(radians(self.deviation_deg)) ** 2 if self.split_phase else 1.0

    @property
    def raw_words(self) -> bool:
        """Whether frames are 10-bit words, logged as big-endian 16-bit words (.sent.raw16)."""
        return self.framing == "noaa-hrpt"

    @property
    def vcdu_bytes(self) -> int:
        """Of a frame without marker and parity."""
        return self.rs_interleave * RS_MESSAGE_BYTES

    @property
    def zone_bytes(self) -> int:
        """Of a frame's packet zone."""
        fixed = HEADER_BYTES + self.insert_zone_bytes + POINTER_BYTES + self.trailer_bytes
        return self.vcdu_bytes - fixed

    @property
    def frame_bits(self) -> int:
        """Of a frame with its marker."""
        if self.raw_words:
            return HRPT_FRAME_BITS
        return 8 * (MARKER_BYTES + (self.rs_interleave * CODEWORD_BYTES or UNCODED_BYTES))

    @property
    def frame_period_s(self) -> float:
        """From frame to frame."""
        return self.frame_bits / self.bit_rate

    @property
    def warm_up_s(self) -> float:
        """How long the stream must have run before every branch of the interleaver holds data."""
        return INTERLEAVER_SPAN_BITS / (2 * self.bit_rate) if self.interleaved else 0.0

    @property
    def least_sample_rate(self) -> float:
        """Below it the signal's own band does not fit, or of split phase the band within ±1.1 MHz."""
        return 1.7 * self.pulse_rate if self.split_phase else self.symbol_rate * (1 + self.rolloff)
