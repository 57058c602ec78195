"""The service packet of the imager: data of a packet of APID 70."""

from __future__ import annotations

import math

from harness import fuzz, instrumented
from lrpt import CRAFTS, service

with instrumented():
    from decoders.framing.packets import Packet
    from decoders.instruments.msu_mr_telemetry import service_record


def one_input(data: bytes) -> None:
    record = service_record(Packet(70, 1, 3, data))
    if record is None:
        return
    assert 0 <= record.serial <= 15
    assert record.words.max() < 1024
    for bodies in (record.cold_bodies_k, record.hot_bodies_k):
        assert bodies is None or all(200 <= kelvin <= 380 for kelvin in bodies)
    navigation = record.navigation
    if navigation is not None:
        assert all(map(math.isfinite, (*navigation.position_m, *navigation.attitude, navigation.time_s)))


def seeds() -> list[bytes]:
    return [service(craft, strip) for craft in CRAFTS.values() for strip in range(3)]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(), longest=256)
