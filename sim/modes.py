"""What each satellite sends, as data: one record per downlink, named as the station names it.

Sources: the handbooks and decoders that the station's documents cite. Where nobody has published the pulse,
the roll-off is what receivers in use take. None of this is read by the decoder, which has records of its own.
"""

from __future__ import annotations

from sim.errors import SimulationError
from sim.mode import Mode


def _lrpt(
    name: str, modulation: str, symbol_rate: float, *, differential: bool = False, interleaved: bool = False
) -> Mode:
    return Mode(
        name,
        modulation,
        symbol_rate,
        137.9e6,
        250e3,
        rolloff=0.6,
        second_inverted=True,
        insert_zone_bytes=2,
        camera=True,
        differential=differential,
        interleaved=interleaved,
    )


def _hrpt(name: str, frequency_hz: float, framing: str) -> Mode:
    """A carrier switched by ±67 degrees, 3 MHz wide behind the filter (KLM 4.1.2); no code."""
    return Mode(
        name,
        "split-phase-pm",
        665_400.0,
        frequency_hz,
        3e6,
        deviation_deg=67.0,
        filter_hz=3e6,
        code="none",
        randomised=False,
        framing=framing,
        rs_interleave=0,
    )


MODES = {
    mode.name: mode
    for mode in (
        # METEOR-M2: QPSK without NRZ-M; its successors: OQPSK with NRZ-M, either plain or interleaved.
        _lrpt("m2_72k", "qpsk", 72e3),
        _lrpt("72k", "oqpsk", 72e3, differential=True),
        _lrpt("80k", "oqpsk", 80e3, differential=True, interleaved=True),
        # MetOp-B: 3.5 Mbit/s of CADUs; the rails keep their generator, so that every other pair is exchanged.
        Mode(
            "metop_ahrpt",
            "qpsk",
            7e6 / 3,
            1701.3e6,
            6e6,
            rolloff=0.5,
            code="3/4",
            rail_order="metop",
            rs_dual=True,
            insert_zone_bytes=2,
            scid=11,
        ),
        _hrpt("noaa_hrpt", 1698e6, "noaa-hrpt"),  # NOAA-19; NOAA-18 at 1707.0 MHz
        _hrpt("meteor_hrpt", 1700e6, "meteor-hrpt"),
        # Suomi-NPP and NOAA-20 (159): I = G1, Q = not G2 (NPP HRD block diagram), NRZ-M ahead of the code.
        # SatDump's npp_hrd takes it with I and Q exchanged only, which a mirroring converter does as well.
        Mode(
            "jpss_hrd",
            "qpsk",
            15e6,
            7812e6,
            30e6,
            rolloff=0.5,
            second_inverted=True,
            differential=True,
            rs_dual=True,
            scid=159,
        ),
        Mode(
            "noaa21_hrd",
            "oqpsk",
            25e6,
            7812e6,
            50e6,
            rolloff=0.5,
            second_inverted=True,
            differential=True,
            rs_interleave=5,
            rs_dual=True,
            insert_zone_bytes=9,
            trailer_bytes=4,
            scid=177,
        ),
        # Receivers in use decode BPSK xRIT without an inverter, and no turn of the phase could stand for one.
        Mode("gk2a_lrit", "bpsk", 128e3, 1692.14e6, 500e3, rolloff=0.5, rs_dual=True, scid=195),
    )
}


def mode_named(name: str) -> Mode:
    """The mode of that name; SimulationError lists the known ones."""
    if name not in MODES:
        raise SimulationError(f"unknown mode {name!r}; known are {', '.join(MODES)}")
    return MODES[name]
