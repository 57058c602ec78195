"""Three downlinks of L band out of one recording at 10 MS/s: their cost, their filters against a mask.

    python tests/figures/channeliser.py [--seconds 3] [--tones 400] [--sabotage tap|sample]

METEOR HRPT at 1700.0, MetOp AHRPT at 1701.3 and NOAA HRPT at 1698.0 MHz, each at the rate that its decoder
asks for. The recording is cs16, read as the decoder reads it; cost is processor time over time of signal.

The mask is measured from outside with tones swept over the whole recorded band, one at a time: what comes
out of a tone in the stop band, in whatever alias, against the tone; in the pass band its level, its phase
and with both its delay, against the same tone at the low rate. Then the same samples go through in portions
of random length and must give the same bits. Exit status 1 when a figure is missed.

`--sabotage tap` changes one tap of the filters, `sample` loses one sample on the way to them: both go red.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from decoders.channel import channel_of
from decoders.downlink import load_downlink
from decoders.memory import keep_freed_memory
from sdr import channel_bins
from sdr.channel_bank import Channel, ChannelBank
from sdr.channel_filter import PASS_SHARE, STOP_SHARE
from sdr.recording import RecordingWriter, open_recording

RATE, CENTER = 10e6, 1700e6
DOWNLINKS = (("meteor_hrpt", 1700e6), ("metop_ahrpt", 1701.3e6), ("noaa_hrpt", 1698e6))
MOST_SHARE = 0.40
MOST_GROWTH_MB = 8.0
LEAST_STOP_DB = 70.0
MOST_RIPPLE_DB = 0.05
MOST_PHASE_DEG = 0.1
TONE_SAMPLES = 40_000
SKIPPED = 200  # outputs at either end, where the filter reaches beyond the tone


@dataclass(frozen=True)
class Mask:
    """What the tones showed of one channel."""

    stop_db: float
    ripple_db: float
    phase_deg: float

    @property
    def held(self) -> bool:
        """Whether it is within the figures."""
        return (
            self.stop_db >= LEAST_STOP_DB
            and self.ripple_db <= MOST_RIPPLE_DB
            and self.phase_deg <= MOST_PHASE_DEG
        )


def channels() -> list[Channel]:
    """The three, as the decoder asks for them."""
    return [channel_of(load_downlink(name).modes, hz, RATE) for name, hz in DOWNLINKS]


def cost(seconds: float, folder: Path) -> tuple[float, float]:
    """Processor time over the time of the signal, of reading and taking channels out; growth in MB."""
    rng = np.random.default_rng(1)
    start = datetime(2026, 3, 24, tzinfo=UTC)
    with RecordingWriter(
        folder / "wide",
        format="cs16",
        sample_rate=RATE,
        center_frequency_hz=CENTER,
        start=start,
        durable=False,
    ) as writer:
        for _ in range(round(10 * seconds)):
            writer.write_raw(rng.integers(-3000, 3000, int(RATE / 5), dtype=np.int16).tobytes())
    bank = ChannelBank(RATE, CENTER, channels())
    with open_recording(folder / "wide") as reader:
        reader.read(int(RATE / 10))  # the file's pages and the transforms' tables
        bank.process(reader.read(int(RATE / 2)))
        began, taken, memory = time.process_time(), 0, _memory_mb()
        while len(samples := reader.read(bank.needed)):
            bank.process(samples)
            taken += len(samples)
        bank.flush()
        return (time.process_time() - began) / (taken / RATE), _memory_mb() - memory


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def masks(tones: int, lost: int) -> list[Mask]:
    """Of every channel, from tones over the whole band, and more of them in and about each pass band."""
    rng = np.random.default_rng(1)
    rates = [float(ratio) * RATE for ratio in ChannelBank(RATE, CENTER, channels()).ratios]
    centers = [channel.center_frequency_hz - CENTER for channel in channels()]
    offsets = [np.linspace(-RATE / 2, RATE / 2, tones, endpoint=False) + rng.uniform(0, RATE / tones, tones)]
    for center, rate in zip(centers, rates, strict=True):
        offsets.append(center + rate * np.linspace(-PASS_SHARE, PASS_SHARE, tones // 4))
        offsets.append(center + rate * np.linspace(STOP_SHARE, 1.05 * STOP_SHARE, tones // 8))
    seen: list[list[tuple[float, float, float]]] = [[] for _ in rates]
    for hz in np.concatenate(offsets):
        outs = _settled(hz, lost)
        for out, rate, center, found in zip(outs, rates, centers, seen, strict=True):
            away = (hz - center + RATE / 2) % RATE - RATE / 2
            found.append(_judged(out, away, rate))
    return [
        Mask(*np.nanmin(found, axis=0)[:1], *np.nanmax(found, axis=0)[1:])
        for found in (np.array(found) for found in seen)
    ]


def _judged(out: np.ndarray, away: float, rate: float) -> tuple[float, float, float]:
    """What a tone that far from a channel's centre says of stop band, ripple and phase; NaN of the others."""
    if abs(away) >= STOP_SHARE * rate:
        return -10 * np.log10(np.mean(np.abs(out) ** 2) + 1e-30), np.nan, np.nan
    if abs(away) > PASS_SHARE * rate:
        return np.nan, np.nan, np.nan
    sent = np.exp(2j * np.pi * (away / rate * np.arange(SKIPPED, SKIPPED + len(out)) % 1))
    ratio = out / sent
    return np.nan, np.abs(20 * np.log10(np.abs(ratio))).max(), np.degrees(np.abs(np.angle(ratio))).max()


def _settled(hz: float, lost: int) -> list[np.ndarray]:
    """What comes out of a tone by channel, without beginning and end."""
    samples = np.exp(2j * np.pi * (hz / RATE * np.arange(TONE_SAMPLES) % 1)).astype(np.complex64)
    samples = np.delete(samples, np.s_[TONE_SAMPLES // 2 : TONE_SAMPLES // 2 + lost])
    bank = ChannelBank(RATE, CENTER, channels())
    pairs = zip(bank.process(samples), bank.flush(), strict=True)
    return [np.concatenate(pair)[SKIPPED:-SKIPPED] for pair in pairs]


def same_bits() -> bool:
    """Whether portions of random length give what the whole gives."""
    rng = np.random.default_rng(5)
    samples = rng.normal(size=2 * 1_000_003).astype(np.float32).view(np.complex64)
    one, other = (ChannelBank(RATE, CENTER, channels()) for _ in range(2))
    whole = zip(one.process(samples), one.flush(), strict=True)
    cuts = np.sort(rng.integers(0, len(samples), 300))
    parts = [other.process(part) for part in np.split(samples, cuts)] + [other.flush()]
    return all(
        np.array_equal(np.concatenate(a), np.concatenate(b))
        for a, b in zip(whole, zip(*parts, strict=True), strict=True)
    )


def main() -> int:
    """Print the figures."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument(
        "--tones", type=int, default=400, help="over the whole band; a quarter more in the pass band"
    )
    options.add_argument("--sabotage", choices=("tap", "sample"))
    chosen = options.parse_args()
    keep_freed_memory()  # as the decoder does
    if chosen.sabotage == "tap":
        right = channel_bins.low_pass
        channel_bins.low_pass = lambda ratio: right(ratio) + 0.002 * (np.arange(len(right(ratio))) == 20)
    with tempfile.TemporaryDirectory() as folder:
        share, grown_mb = cost(chosen.seconds, Path(folder))
    print(f"{share:6.1%} of one core for 10 MS/s cs16 to three channels; at most {MOST_SHARE:.0%}")
    print(f"memory grows by {grown_mb:.0f} MB after the first half second; at most {MOST_GROWTH_MB:g}")
    good = share <= MOST_SHARE and grown_mb <= MOST_GROWTH_MB
    bank = ChannelBank(RATE, CENTER, channels())
    found = masks(chosen.tones, int(chosen.sabotage == "sample"))
    for (name, hz), ratio, mask in zip(DOWNLINKS, bank.ratios, found, strict=True):
        print(
            f"{name:12} {hz / 1e6:7.2f} MHz {float(ratio) * RATE / 1e6:5.2f} MS/s: "
            f"stop band {mask.stop_db:5.1f} dB, ripple {mask.ripple_db:.4f} dB, "
            f"phase within {mask.phase_deg:.4f} degrees: {'held' if mask.held else 'MISSED'}"
        )
        good &= mask.held
    print(f"a sample is out after {bank.delay_s * 1e3:.0f} ms")
    bits = same_bits()
    print(f"portions of random length give {'the same' if bits else 'OTHER'} bits")
    return int(not (good and bits))


if __name__ == "__main__":
    sys.exit(main())
