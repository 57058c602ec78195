"""Downlink definitions: data in `downlinks/*.toml`, loaded strictly."""

from __future__ import annotations

import difflib
import string
import tomllib
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import numpy.typing as npt

from decoders.errors import DownlinkError

FOLDER = Path(__file__).with_name("downlinks")

# Information bits per coded bit of every inner code.
CODE_RATES = {
    "none": Fraction(1),
    "ccsds-k7-r1/2": Fraction(1, 2),
    "ccsds-k7-r2/3": Fraction(2, 3),
    "ccsds-k7-r3/4": Fraction(3, 4),
    "ccsds-k7-r5/6": Fraction(5, 6),
    "ccsds-k7-r7/8": Fraction(7, 8),
}
# Soft bits per channel symbol of every modulation.
SOFT_BITS = {"qpsk": 2, "oqpsk": 2, "bpsk": 1, "split-phase-pm": 1}

# Every word that a definition may use; the chain's stages look the words up, so this is the whole list.
WORDS: dict[str, tuple[str, ...]] = {
    "modulation": tuple(SOFT_BITS),
    "differential": ("none", "nrz-m"),
    "code": tuple(CODE_RATES),
    "rail_order": ("serial", "metop"),
    "interleaver": ("none", "meteor-80k"),
    "randomiser": ("none", "ccsds-255"),
    "framing": ("cadu", "raw16"),
    "rs_basis": ("conventional", "dual", "none"),
    "instrument": ("msu-mr", "none"),
    "time": ("utc", "moscow-no-day", "none"),
    "maturity": ("real recordings", "simulated only", "planned"),
}
RS_CODEWORD_BYTES = 255
RAW16_WORD_BITS = 10

# A crystal 50 ppm off, and the Doppler shift of an orbit 820 km high with the Earth's rotation: 24 ppm; the
# rest is margin. That shift changes by at most 0.2 ppm per second, at the zenith; 0.44 admits lower orbits.
CARRIER_REACH, CARRIER_DRIFT_PER_S = 90e-6, 4.4e-7


@cache
def _pattern(marker: str) -> npt.NDArray[np.uint8]:
    """Bits of hexadecimal digits."""
    bits = np.array([int(bit) for digit in marker for bit in f"{int(digit, 16):04b}"], dtype=np.uint8)
    bits.flags.writeable = False
    return bits


@dataclass(frozen=True)
class Mode:
    """How one mode of a downlink is modulated, coded and framed.

    Attributes:
        name: unique within the downlink.
        carrier_hz: nominal carrier; what is searched scales with it.
        modulation: "qpsk", "oqpsk", "bpsk" or "split-phase-pm".
        symbol_rate: channel symbols per second (Bd); split phase: bits per second.
        rolloff: of the root-raised cosine, 0.2 … 1; 0 for split phase, which is not shaped.
        deviation_deg: phase deviation of split-phase PM in degrees, else 0.
        code: inner code; "none" where the symbols carry the bits themselves.
        rail_order: how punctured symbols lie on the rails: "serial" one after the other, or as MetOp sends
            them, all of C1 on I and all of C2 on Q.
        differential: code between framing and inner code.
        interleaver: of the coded bits.
        randomiser: of the frame behind its marker.
        framing: "cadu" or "raw16" (10-bit words, each written as big-endian uint16); names the output file.
        frame_bits: of a frame with its marker.
        marker: hexadecimal digits of the attached sync marker, four bits each.
        rs_basis: of the Reed-Solomon symbols; "none" where frames carry no parity and nothing proves them.
        rs_interleave: codewords of a frame; 0 without Reed-Solomon.
        rs_parity: bytes per codeword, 32 or 16; 0 without Reed-Solomon.
        insert_zone_bytes: between the frame's primary header and the M_PDU header.
        scids: spacecraft that may send this (raw16: spacecraft addresses); empty: any.
        instrument: what turns the frames into pictures.
        time: of the instrument's time stamps.
    """

    name: str
    carrier_hz: float
    modulation: str
    symbol_rate: float
    rolloff: float
    deviation_deg: float
    code: str
    rail_order: str
    differential: str
    interleaver: str
    randomiser: str
    framing: str
    frame_bits: int
    marker: str
    rs_basis: str
    rs_interleave: int
    rs_parity: int
    insert_zone_bytes: int
    scids: tuple[int, ...]
    instrument: str
    time: str

    @property
    def marker_bits(self) -> int:
        """Bits of the marker."""
        return 4 * len(self.marker)

    @property
    def marker_value(self) -> int:
        """The marker as a number, its first bit the most significant."""
        return int(self.marker, 16)

    @property
    def marker_pattern(self) -> npt.NDArray[np.uint8]:
        """The marker's bits 0/1, shape (marker_bits,)."""
        return _pattern(self.marker)

    @property
    def marker_bytes(self) -> bytes:
        """The marker of a frame of whole bytes (framing "cadu")."""
        return bytes.fromhex(self.marker)

    @property
    def protected(self) -> bool:
        """Whether Reed-Solomon proves a frame."""
        return self.rs_basis != "none"

    @property
    def code_rate(self) -> Fraction:
        """Information bits per coded bit of the inner code."""
        return CODE_RATES[self.code]

    @property
    def soft_bits_per_symbol(self) -> int:
        """Soft bits that the demodulator gives per channel symbol."""
        return SOFT_BITS[self.modulation]

    @property
    def information_bits_per_symbol(self) -> float:
        """Bits out of the inner decoder per channel symbol: Eb/N0 is Es/N0 over this."""
        return float(self.soft_bits_per_symbol * self.code_rate)

    @property
    def block_bytes(self) -> int:
        """Bytes of a frame of whole bytes behind its marker: with Reed-Solomon, of its block."""
        return (self.frame_bits - self.marker_bits) // 8

    @property
    def vcdu_bytes(self) -> int:
        """Bytes of a frame of whole bytes without marker and parity."""
        return self.block_bytes - self.rs_interleave * self.rs_parity

    @property
    def carrier_reach_hz(self) -> float:
        """How far from its nominal frequency a carrier is searched, to either side."""
        return CARRIER_REACH * self.carrier_hz

    @property
    def carrier_drift_hz_s(self) -> float:
        """How fast a carrier may move, to either side."""
        return CARRIER_DRIFT_PER_S * self.carrier_hz


@dataclass(frozen=True)
class Downlink:
    """A named downlink; with more than one mode the decoder finds out which is on air."""

    name: str
    description: str
    maturity: str
    note: str
    modes: tuple[Mode, ...]


@cache
def downlink_names() -> tuple[str, ...]:
    """Names that `load_downlink` knows, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load_downlink(name: str) -> Downlink:
    """The downlink of that name.

    Raises:
        DownlinkError: no such downlink (the message names the nearest), or its file is ill-formed.
    """
    if name not in downlink_names():
        raise DownlinkError(f"unknown downlink {name!r}{nearest(name, downlink_names())}")
    path = FOLDER / f"{name}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DownlinkError(f"{path.name}: {error}") from error
    return parse_downlink(name, table)


def parse_downlink(name: str, table: dict[str, Any]) -> Downlink:
    """A downlink from its parsed definition; a mode stands in the table or is taken `from` another file.

    Raises:
        DownlinkError: an unknown or missing key, a wrong type, a word not in `WORDS`, stages that misfit.
    """
    where = f"downlink {name}"
    _check_keys(where, table, {"description", "maturity", "note", "modes"})
    maturity = _word(where, "maturity", table["maturity"])
    if not isinstance(table["modes"], list) or not table["modes"]:
        raise DownlinkError(f"{where}: modes must be a list of at least one table [[modes]]")
    modes = tuple(mode for entry in table["modes"] for mode in _modes(where, entry))
    names = [mode.name for mode in modes]
    if len(set(names)) != len(names):
        raise DownlinkError(f"{where}: mode names are not unique: {', '.join(names)}")
    if len({mode.framing for mode in modes}) > 1:
        raise DownlinkError(f"{where}: framing differs between its modes, so there is no one file of frames")
    return Downlink(name, str(table["description"]), maturity, str(table["note"]), modes)


def nearest(given: str, allowed: tuple[str, ...]) -> str:
    """The end of an error message: what was perhaps meant, and what is allowed."""
    close = difflib.get_close_matches(given, allowed, n=1, cutoff=0.4)
    meant = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{meant} known are {', '.join(allowed)}"


def _modes(where: str, entry: object) -> tuple[Mode, ...]:
    if not isinstance(entry, dict):
        raise DownlinkError(f"{where}: each of modes must be a table, not {entry!r}")
    if set(entry) == {"from"} and f"downlink {entry['from']}" != where:
        return load_downlink(str(entry["from"])).modes
    hints = get_type_hints(Mode)
    _check_keys(f"{where}, mode {entry.get('name', '?')}", entry, {field.name for field in fields(Mode)})
    values: dict[str, Any] = {
        key: _value(f"{where}, mode {entry['name']}", key, hints[key], entry[key]) for key in entry
    }
    mode = Mode(**values)
    if reasons := misfits(mode):
        raise DownlinkError(f"{where}, mode {mode.name}: {'; '.join(reasons)}")
    return (mode,)


def _check_keys(where: str, table: dict[str, Any], allowed: set[str]) -> None:
    for key in table:
        if key not in allowed:
            raise DownlinkError(f"{where}: unknown key {key!r}{nearest(key, tuple(sorted(allowed)))}")
    missing = allowed - set(table)
    if missing:
        raise DownlinkError(f"{where}: missing {', '.join(sorted(missing))}")


def _value(where: str, key: str, kind: type, given: object) -> object:
    if key == "scids":
        return _scids(where, given)
    if kind is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if not isinstance(given, kind) or isinstance(given, bool):
        raise DownlinkError(f"{where}: {key} must be of type {kind.__name__}, not {given!r}")
    if key == "marker" and (not given or set(str(given)) - set(string.hexdigits)):
        raise DownlinkError(f"{where}: marker must be hexadecimal digits, not {given!r}")
    return _word(where, key, given) if key in WORDS else given


def _scids(where: str, given: object) -> tuple[int, ...]:
    if not isinstance(given, list) or not all(type(one) is int and 0 <= one <= 255 for one in given):
        raise DownlinkError(f"{where}: scids must be a list of whole numbers 0 … 255, not {given!r}")
    return tuple(given)


def _word(where: str, key: str, given: object) -> str:
    if given not in WORDS[key]:
        raise DownlinkError(f"{where}: {key} {given!r} is not known{nearest(str(given), WORDS[key])}")
    return str(given)


def misfits(mode: Mode) -> list[str]:
    """Why the stages of a mode do not fit together, each in a sentence; empty when they do."""
    return [
        reason
        for wrong, reason in (*_signal(mode), *_coding(mode), *_framing(mode), *_reed_solomon(mode))
        if wrong
    ]


def _signal(mode: Mode) -> list[tuple[bool, str]]:
    split_phase = mode.modulation == "split-phase-pm"
    return [
        (not 1e6 <= mode.carrier_hz <= 1e11, f"carrier_hz {mode.carrier_hz} is outside 1e6 … 1e11"),
        (not 1e3 <= mode.symbol_rate <= 1e9, f"symbol_rate {mode.symbol_rate} Bd is outside 1e3 … 1e9"),
        (
            not split_phase and not 0.2 <= mode.rolloff <= 1.0,
            f"rolloff {mode.rolloff} is outside 0.2 … 1",
        ),
        (
            split_phase and mode.rolloff != 0,
            f"rolloff {mode.rolloff}: split phase is not shaped, it must be 0",
        ),
        (
            split_phase and not 20 <= mode.deviation_deg <= 85,
            f"deviation_deg {mode.deviation_deg} is outside 20 … 85: split phase keeps a residual carrier",
        ),
        (
            not split_phase and mode.deviation_deg != 0,
            f"deviation_deg {mode.deviation_deg}: only split-phase-pm has one, it must be 0",
        ),
    ]


def _coding(mode: Mode) -> list[tuple[bool, str]]:
    quadrature = mode.modulation in ("qpsk", "oqpsk")
    return [
        (
            quadrature and mode.code == "none",
            f"modulation {mode.modulation} needs a code: nothing else resolves the rotation of its carrier",
        ),
        (
            mode.modulation == "split-phase-pm" and mode.code != "none",
            f"code {mode.code} with split-phase-pm is not supported; 'none' is",
        ),
        (
            mode.rail_order == "metop" and (mode.modulation, mode.code) != ("qpsk", "ccsds-k7-r3/4"),
            f"rail_order metop belongs to qpsk with ccsds-k7-r3/4, not {mode.modulation} with {mode.code}",
        ),
        (
            mode.interleaver != "none" and not (quadrature and mode.code == "ccsds-k7-r1/2"),
            f"interleaver {mode.interleaver} belongs to (o)qpsk with ccsds-k7-r1/2, not {mode.modulation}",
        ),
    ]


def _framing(mode: Mode) -> list[tuple[bool, str]]:
    words = mode.framing == "raw16"
    unit = RAW16_WORD_BITS if words else 8
    return [
        (
            words and mode.protected,
            f"framing raw16 with rs_basis {mode.rs_basis}: frames of 10-bit words carry no Reed-Solomon",
        ),
        (
            words and mode.randomiser != "none",
            f"framing raw16 with randomiser {mode.randomiser} is not supported; 'none' is",
        ),
        (
            not words and mode.marker_bits != 32,
            f"the marker has {mode.marker_bits} bits, framing cadu has 32",
        ),
        (
            words and not 32 <= mode.marker_bits <= 64,
            f"the marker has {mode.marker_bits} bits; 32 … 64 are supported",
        ),
        (
            mode.frame_bits % unit != 0,
            f"frame_bits {mode.frame_bits} is not a multiple of {unit}, the word of framing {mode.framing}",
        ),
        (
            not 512 <= mode.frame_bits <= 1 << 18,
            f"frame_bits {mode.frame_bits} is outside 512 … {1 << 18}",
        ),
        (
            mode.instrument == "msu-mr"
            and (not mode.protected or mode.vcdu_bytes != 892 or mode.time == "none"),
            "instrument msu-mr reads protected frames of 892 bytes less marker and parity, and needs a time",
        ),
        (
            mode.instrument == "none" and mode.time != "none",
            f"time {mode.time!r} without an instrument, it must be 'none'",
        ),
    ]


def _reed_solomon(mode: Mode) -> list[tuple[bool, str]]:
    if not mode.protected:
        return [
            (
                mode.rs_interleave != 0 or mode.rs_parity != 0,
                "rs_basis none: rs_interleave and rs_parity must be 0",
            ),
            (mode.code != "none", f"rs_basis none with code {mode.code} is not supported; code 'none' is"),
            (
                mode.differential != "none" or mode.randomiser != "none",
                "rs_basis none with a differential code or randomiser is not supported",
            ),
            (mode.insert_zone_bytes != 0, "rs_basis none: insert_zone_bytes must be 0"),
        ]
    return [
        (mode.code == "none", f"rs_basis {mode.rs_basis} without an inner code is not supported"),
        (mode.rs_parity not in (16, 32), f"rs_parity {mode.rs_parity} is not supported; 16 and 32 are"),
        (not 1 <= mode.rs_interleave <= 8, f"rs_interleave {mode.rs_interleave} is outside 1 … 8"),
        (
            mode.frame_bits - mode.marker_bits != 8 * mode.rs_interleave * RS_CODEWORD_BYTES,
            f"frame_bits {mode.frame_bits} less the marker must be 8 x rs_interleave x {RS_CODEWORD_BYTES}",
        ),
        (
            not 0 <= mode.insert_zone_bytes <= mode.vcdu_bytes - 8,
            f"insert_zone_bytes {mode.insert_zone_bytes} does not fit the frame",
        ),
    ]
