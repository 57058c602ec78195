"""Table `kernels`: kernels and stages on one core, by processor time, and as a ratio to a fixed loop.

The loop is a float32 dot product in numpy, timed in the same run: machines differ, ratios less so. VOLK's
add-compare-select, without traceback, is timed in the same run where its headers and a C compiler are found.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.cases import case_named
from tests.bench.options import Options
from tests.bench.recordings import clean, samples_of
from tests.bench.tables import Cell, Table
from tests.bench.timing import rate
from tests.theory import maximum_likelihood

DEMODULATED = ("72k", "metop_ahrpt", "noaa_hrpt", "gk2a_lrit")
DEMODULATED_SAMPLES = 6_000_000
WIDE_RATE, WIDE_SAMPLES = 10e6, 1_000_000
WIDE_DOWNLINKS = (("meteor_hrpt", 1700e6), ("metop_ahrpt", 1701.3e6), ("noaa_hrpt", 1698e6))
SOFT_ROWS, ROW_BITS = 64, 2048

TITLE = (
    "One core, processor time, the best of several runs. `per loop`: against a float32 dot product in the "
    "same run. Viterbi: decoded bits, traceback, run-up, run-out included. Reed-Solomon: bits of codewords."
)

Work = tuple[str, Callable[[], object], float, str]  # name, call, units it does, their name


def run(options: Options) -> Table:
    """All kernels."""
    rng = np.random.default_rng(options.seed)
    data = rng.standard_normal(1 << 16).astype(np.float32)
    loop = rate(lambda: float(np.dot(data, data)), data.size / 1e6)
    runs = 3 if options.quick else 7
    measured = {
        name: (rate(call, units, runs=runs), unit) for name, call, units, unit in _works(options, rng)
    }
    volk = _volk()
    if volk is not None:
        # Once more beside it: ratios are of the same moment.
        name, call, units, unit = next(_viterbi(rng))
        measured[name] = (max(measured[name][0], rate(call, units)), unit)
        measured["VOLK add-compare-select alone"] = (volk, "Mbit/s")
    rows: list[dict[str, Cell]] = [
        {"kernel": name, "speed": value, "unit": unit, "per loop": value / loop}
        for name, (value, unit) in measured.items()
    ]
    rows.append({"kernel": "loop: float32 dot product", "speed": loop, "unit": "M/s", "per loop": 1.0})
    speeds = {name: value for name, (value, _) in measured.items()}
    figures = {
        "rs clean": speeds["Reed-Solomon (255,223), clean"],
        "rs 8 errors": speeds["Reed-Solomon (255,223), 8 errors a word"],
        "channels": WIDE_RATE / 1e6 / speeds["channels: three of L band out of 10 MS/s"],
    }
    if volk is not None:
        figures["viterbi volk"] = speeds["Viterbi 1/2"] / volk
    return Table("kernels", TITLE, rows, figures)


def _works(options: Options, rng: np.random.Generator) -> Iterator[Work]:
    yield from _viterbi(rng)
    yield from _siso(rng)
    yield from _reed_solomon(rng)
    yield from _picture(rng)
    yield from _demodulators(options)
    yield from _channels(rng)


def _soft(rng: np.random.Generator, rows: int, bits: int, code: str) -> NDArray[np.int8]:
    sent = 2.0 * maximum_likelihood.encode(rng.integers(0, 2, (rows, bits), dtype=np.uint8)) - 1
    values = np.rint(24 * sent + 16 * rng.standard_normal(sent.shape))
    return np.where(maximum_likelihood.kept(code, bits), np.clip(values, -127, 127), 0).astype(np.int8)


def _viterbi(rng: np.random.Generator) -> Iterator[Work]:
    from decoders.coding.viterbi import MARGIN_BITS, viterbi

    def call(soft: NDArray[np.int8]) -> Callable[[], object]:
        return lambda: viterbi(soft, head=MARGIN_BITS, length=ROW_BITS, tail=MARGIN_BITS)

    for code in ("1/2", "2/3", "3/4", "5/6", "7/8"):
        soft = _soft(rng, SOFT_ROWS, ROW_BITS + 2 * MARGIN_BITS, code)
        yield f"Viterbi {code}", call(soft), SOFT_ROWS * ROW_BITS / 1e6, "Mbit/s"


def _siso(rng: np.random.Generator) -> Iterator[Work]:
    from decoders.coding.siso import UNKNOWN, siso

    soft = _soft(rng, 1, 8448, "1/2")[0]
    known = np.full(8448, UNKNOWN, np.uint8)
    yield "SISO of a frame", lambda: siso(soft, known, nrz_m=True), 8448 / 1e6, "Mbit/s"


def _reed_solomon(rng: np.random.Generator) -> Iterator[Work]:
    from decoders.coding.reed_solomon import decode_words
    from sim.coding import reed_solomon_parity

    messages = rng.integers(0, 256, (400, 223), dtype=np.uint8)
    # The roots of (255,239) are among those of (255,223), so a word of the one is a word of the other.
    clean_words = np.concatenate([messages, reed_solomon_parity(messages)], axis=1)
    broken = clean_words.copy()
    for word in broken:
        word[rng.choice(255, 8, replace=False)] ^= 0x5A

    def call(words: NDArray[np.uint8], parity: int) -> Callable[[], object]:
        return lambda: decode_words(words, parity=parity)

    for parity, name in ((32, "(255,223)"), (16, "(255,239)")):
        yield f"Reed-Solomon {name}, clean", call(clean_words, parity), broken.size * 8 / 1e6, "Mbit/s"
        yield f"Reed-Solomon {name}, 8 errors a word", call(broken, parity), broken.size * 8 / 1e6, "Mbit/s"


def _picture(rng: np.random.Generator) -> Iterator[Work]:
    from decoders.instruments.msu_mr_codec import decode_packet
    from sim import image_codec

    texture = np.cumsum(rng.integers(-3, 4, (1, 8, 112)), axis=-1) + 128
    packet = image_codec.encode(image_codec.quantise(image_codec.spectra(texture.astype(np.uint8)), 90))[0]
    counts = np.zeros((8, 112), np.uint8)
    yield "MSU-MR image packet", lambda: decode_packet(packet, 90, counts), 14 * 64 / 1e6, "Mpixel/s"


def _demodulators(options: Options) -> Iterator[Work]:
    from decoders.demodulation.demodulators import open_demodulator
    from decoders.downlink import load_downlink

    for name in DEMODULATED:
        case = case_named(name)
        frames = int(DEMODULATED_SAMPLES / case.sample_rate / case.frame_s)
        stem = clean(case, options.scratch, frames=frames, seed=options.seed)
        samples = np.array(samples_of(stem)[:DEMODULATED_SAMPLES])
        mode = load_downlink(case.downlink).modes[0]

        def call(mode=mode, case=case, samples=samples) -> object:  # type: ignore[no-untyped-def]
            demodulator = open_demodulator(mode, case.sample_rate)
            return demodulator.process(samples), demodulator.flush()

        yield f"demodulator of {name}", call, samples.size / 1e6, "Msample/s"


def _channels(rng: np.random.Generator) -> Iterator[Work]:
    from decoders.channel import channel_of
    from decoders.downlink import load_downlink
    from sdr.channel_bank import ChannelBank
    from sdr.formats import to_samples

    raw = rng.integers(-3000, 3000, 2 * WIDE_SAMPLES, dtype=np.int16).tobytes()
    wanted = [channel_of(load_downlink(name).modes, hz, WIDE_RATE) for name, hz in WIDE_DOWNLINKS]
    bank = ChannelBank(WIDE_RATE, 1700e6, wanted)
    name = "channels: three of L band out of 10 MS/s"
    yield name, lambda: bank.process(to_samples(raw, "cs16")), WIDE_SAMPLES / 1e6, "Msample/s"


def _volk() -> float | None:
    """Mbit/s of VOLK's kernel, None where it cannot be built."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "acs"
        source = Path(__file__).with_name("acs.c")
        built = subprocess.run(
            [compiler, "-O2", source, "-o", program, "-lvolk"], capture_output=True, check=False
        )
        if built.returncode:
            return None
        run = subprocess.run([program], capture_output=True, text=True, check=True)
    return float(run.stdout.split()[0])
