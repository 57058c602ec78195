"""MetOp's instruments: which sends how much on which virtual channel.

Sizes and rates of AVHRR (12 966 bytes, 6 a second) and MHS (1308 bytes) are the satellite's; the others are
round figures in proportion, their contents random behind a true time. Virtual channels and APIDs are those
that receivers in use know (SatDump, LeanHRPT).
"""

from __future__ import annotations

from binascii import crc_hqx

import numpy as np
from numpy.typing import NDArray

from sim.avhrr import avhrr_line
from sim.instruments import Body, Instrument
from sim.meteor_hrpt import pack_words
from sim.space_packets import DAYS_TO_2000, cds_time

AVHRR_WORDS = 10_355
AVHRR_3A = 103  # APID while channel 3A is on; it seeds the grain as well


def avhrr_words(number: int) -> NDArray[np.uint16]:
    """uint16 [10355] of a line as MetOp packs it: space, Earth, thermometer, target."""
    line, words = avhrr_line(number, AVHRR_3A), np.zeros(AVHRR_WORDS, np.uint16)
    words[0:50] = line.space.reshape(-1)
    words[55:10_295] = line.earth.reshape(-1)
    words[10_297:10_300] = line.prt
    words[10_305:] = np.concatenate([line.space[:, :2], line.target], axis=1).reshape(-1)
    return words


def _avhrr(number: int, posix: float, _: np.random.Generator) -> bytes:
    data = cds_time(posix, DAYS_TO_2000) + bytes(6) + pack_words(avhrr_words(number))
    return data + crc_hqx(data, 0xFFFF).to_bytes(2, "big")


def _of(vcid: int, apid: int, packet_bytes: int, per_second: float, body: Body | None = None) -> Instrument:
    return Instrument(vcid, apid, packet_bytes, per_second, DAYS_TO_2000, body)


METOP = (
    _of(9, AVHRR_3A, 12_966, 6.0, _avhrr),
    *(_of(10, apid, 8_868, 5.0) for apid in (130, 135, 140, 145)),  # IASI spectra
    _of(10, 150, 3_020, 3.0),
    _of(10, 180, 7_200, 0.125),
    *(_of(15, apid, 832, 1.75) for apid in range(208, 214)),  # ASCAT
    _of(24, 384, 18_732, 2.67),  # GOME-2
    _of(12, 34, 1_308, 0.375),  # MHS
    _of(3, 39, 2_098, 0.125),  # AMSU-A1, -A2, SEM
    _of(3, 40, 1_248, 0.125),
    _of(3, 37, 650, 0.5),
    _of(34, 6, 4_000, 0.0625),  # messages of the operator
)
