"""What the targets of the decoder share: packets and frames as the simulator sends them."""

from __future__ import annotations

import struct

import harness  # noqa: F401 - finds this tree before the simulator is imported
import numpy as np

from sim import image_codec
from sim.framing import FrameMaker, SentFrame, close_frames
from sim.space_packets import space_packet
from sim.telemetry import CRAFTS, Craft, Pose, service_data, time_stamp

START = 1_774_322_055.9
STRIP_S = 8 / 6.498


def scans(count: int) -> list[bytes]:
    """Entropy-coded blocks of image packets at quality 80, smooth and noisy by turns."""
    rng = np.random.default_rng(5)
    smooth = np.add.outer(np.arange(8) * 6, np.arange(1568) % 200)
    strips = [smooth + rng.normal(0, noise, (8, 1568)) for noise in (1, 30)]
    counts = np.clip(strips, 0, 255).astype(np.uint8)
    spectrum = image_codec.spectra(counts[None]).reshape(-1, image_codec.BLOCKS_PER_PACKET, 64)
    found = image_codec.encode(image_codec.quantise(spectrum, 80))
    return [found[k % len(found)] for k in range(count)]


def service(craft: Craft, strip: int) -> bytes:
    """Data of a service packet."""
    pose = Pose(int(START), np.array([-2000.0, 5600.0, 4050.0]), np.array([0.5, 0.5, -0.5, 0.5]))
    return service_data(START + STRIP_S * strip, strip, craft, pose, START - 3600)


def sent_packets(name: str, strips: int, channels: tuple[int, ...] = (1, 2)) -> list[bytes]:
    """Whole space packets of a few strips, as the satellite of that name sends them."""
    craft, packets = CRAFTS[name], []
    coded = iter(scans(14 * len(channels) * strips))
    for strip in range(strips):
        stamp = time_stamp(START + STRIP_S * strip, craft)
        for channel in channels:
            for part in range(14):
                head = stamp + struct.pack(">BBBHB", 14 * part, 0, 0, 0xFFF0, 80)
                packets.append(space_packet(63 + channel, 1, len(packets), head + next(coded)))
        packets.append(space_packet(70, 3, len(packets), service(craft, strip)))
    return packets


def sent_frames(count: int) -> list[SentFrame]:
    """Frames full of packets, with an idle one among them."""
    maker = FrameMaker(data_counter=1000)
    for packet in sent_packets("METEOR-M2 4", 8):
        if maker.waiting_bytes < 882 * count:
            maker.push(packet)
    return close_frames([maker.slot() for _ in range(count)])


def sent_vcdus(count: int) -> list[bytes]:
    """The same frames without marker and parity."""
    return [frame.cadu[4:896] for frame in sent_frames(count)]
