"""Names of spacecraft by the id that their frames carry (SANA registry; NOAA KLM user's guide, 4.1)."""

from __future__ import annotations

from decoders.downlink import Mode

# Spacecraft ids of CCSDS frames.
SCIDS = {
    11: "MetOp-B",
    12: "MetOp-A",
    13: "MetOp-C",
    49: "FengYun-3A",
    50: "FengYun-3B",
    51: "FengYun-3C",
    52: "FengYun-3D",
    56: "FengYun-3E",
    60: "FengYun-3F",
    64: "FengYun-3G",
    157: "Suomi-NPP",
    159: "NOAA-20",
    177: "NOAA-21",
    195: "GEO-KOMPSAT-2A",
}
# Spacecraft addresses of NOAA's minor frames.
ADDRESSES = {3: "NOAA-16", 7: "NOAA-15", 11: "NOAA-17", 13: "NOAA-18", 15: "NOAA-19"}


def named(scid: int, mode: Mode) -> str:
    """The id with the name, where it is known."""
    name = (ADDRESSES if mode.framing == "raw16" else SCIDS).get(scid)
    return f"{scid} ({name})" if name else str(scid)
