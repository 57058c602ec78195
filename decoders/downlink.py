"""Downlink definitions: data in `downlinks/*.toml`, loaded strictly."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from .errors import DownlinkError

FOLDER = Path(__file__).with_name("downlinks")

# Every word that a definition may use; the chain's stages look the words up, so this is the whole list.
WORDS: dict[str, tuple[str, ...]] = {
    "modulation": ("qpsk", "oqpsk"),
    "differential": ("none", "nrz-m"),
    "code": ("ccsds-k7-r1/2",),
    "interleaver": ("none", "meteor-80k"),
    "randomiser": ("none", "ccsds-255"),
    "rs_basis": ("conventional", "dual"),
    "instrument": ("msu-mr",),
    "time": ("utc", "moscow-no-day"),
    "maturity": ("real recordings", "simulated only", "planned"),
}
RS_CODEWORD_BYTES = 255


@dataclass(frozen=True)
class Mode:
    """How one mode of a downlink is modulated, coded and framed.

    `symbol_rate` in Bd; `rolloff` of the root-raised-cosine; `frame_bytes` counts the marker;
    `insert_zone_bytes` between the frame's primary header and the M_PDU header.
    """

    name: str
    modulation: str
    symbol_rate: float
    rolloff: float
    differential: str
    code: str
    interleaver: str
    randomiser: str
    rs_basis: str
    rs_interleave: int
    rs_parity: int
    frame_bytes: int
    marker: bytes
    insert_zone_bytes: int
    instrument: str
    time: str

    @property
    def block_bytes(self) -> int:
        """Bytes of the Reed-Solomon block, that is of the frame behind the marker."""
        return self.frame_bytes - len(self.marker)

    @property
    def vcdu_bytes(self) -> int:
        """Bytes of a frame without marker and parity."""
        return self.block_bytes - self.rs_interleave * self.rs_parity


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
    _check_fit(f"{where}, mode {mode.name}", mode)
    return (mode,)


def _check_keys(where: str, table: dict[str, Any], allowed: set[str]) -> None:
    for key in table:
        if key not in allowed:
            raise DownlinkError(f"{where}: unknown key {key!r}{nearest(key, tuple(sorted(allowed)))}")
    missing = allowed - set(table)
    if missing:
        raise DownlinkError(f"{where}: missing {', '.join(sorted(missing))}")


def _value(where: str, key: str, kind: type, given: object) -> object:
    if key == "marker":
        try:
            return bytes.fromhex(str(given))
        except ValueError as error:
            raise DownlinkError(f"{where}: marker must be hexadecimal digits, not {given!r}") from error
    if kind is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if not isinstance(given, kind) or isinstance(given, bool):
        raise DownlinkError(f"{where}: {key} must be of type {kind.__name__}, not {given!r}")
    return _word(where, key, given) if key in WORDS else given


def _word(where: str, key: str, given: object) -> str:
    if given not in WORDS[key]:
        raise DownlinkError(f"{where}: {key} {given!r} is not known{nearest(str(given), WORDS[key])}")
    return str(given)


def _check_fit(where: str, mode: Mode) -> None:
    if not 1e3 <= mode.symbol_rate <= 1e9:
        raise DownlinkError(f"{where}: symbol_rate {mode.symbol_rate} Bd is outside 1e3 … 1e9")
    if not 0.0 < mode.rolloff <= 1.0:
        raise DownlinkError(f"{where}: rolloff {mode.rolloff} is outside 0 … 1")
    if len(mode.marker) != 4:
        raise DownlinkError(f"{where}: the marker has {len(mode.marker)} bytes, 4 are supported")
    if mode.rs_parity != 32:
        raise DownlinkError(f"{where}: rs_parity {mode.rs_parity} is not supported; 32 is")
    if not 1 <= mode.rs_interleave <= 8:
        raise DownlinkError(f"{where}: rs_interleave {mode.rs_interleave} is outside 1 … 8")
    if mode.block_bytes != mode.rs_interleave * RS_CODEWORD_BYTES:
        raise DownlinkError(
            f"{where}: frame_bytes {mode.frame_bytes} less the marker must be "
            f"rs_interleave x {RS_CODEWORD_BYTES}"
        )
    if not 0 <= mode.insert_zone_bytes <= mode.vcdu_bytes - 8:
        raise DownlinkError(f"{where}: insert_zone_bytes {mode.insert_zone_bytes} does not fit the frame")
