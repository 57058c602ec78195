"""One point: a recording as received, decoded in a process of its own, its frames held against those sent.

python -m tests.bench.point JSON        (run by the tables; prints a line of JSON)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench.cases import Case, case_named
from tests.bench.recordings import Reception, Sent, cut, received

ROOT = Path(__file__).resolve().parents[2]
MARKER_BYTES = 4
RAW16_BYTES = 22180  # of a frame of 11 090 words


@dataclass(frozen=True)
class Outcome:
    """What came out of one decoding.

    Attributes:
        whole: frames sent wholly within the recording.
        got: of them put out, byte for byte.
        never_sent: frames put out that nobody sent; counted where frames are protected.
        bits, bit_errors: of located frames behind the inner decoder, those at the edges left out.
        first_frame_s: where the first frame that was got begins.
        at_start, at_end: whole frames lost before the first and behind the last that was got.
        exit_status: of the decoding.
        message: first message of the report, or what was raised.
    """

    whole: int
    got: int
    never_sent: int
    bits: int
    bit_errors: int
    first_frame_s: float | None
    at_start: int
    at_end: int
    exit_status: int
    message: str

    @property
    def loss(self) -> float:
        """Share of the whole frames that were lost."""
        return 1 - self.got / self.whole

    @property
    def bit_error_rate(self) -> float | None:
        """Behind the inner decoder; None without located frames."""
        return self.bit_errors / self.bits if self.bits else None


def run(stem: Path, case: Case, reception: Reception, *, with_bits: bool = True) -> Outcome:
    """Measure in a process of its own, on one thread."""
    words = {
        "stem": str(stem),
        "case": case.name,
        "changes": {k: v for k, v in asdict(case).items() if v != getattr(case_named(case.name), k)},
        "reception": asdict(reception),
        "with_bits": with_bits,
    }
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    child = subprocess.run(
        [sys.executable, "-m", "tests.bench.point", json.dumps(words)],
        env=os.environ | threads,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if child.returncode:  # a crash loses every frame; the other points are measured all the same
        print(f"{case.name} at {reception.ebn0_db} dB crashed:\n{child.stderr[-2000:]}", file=sys.stderr)
        whole = len(Sent.read(stem).whole)
        return Outcome(whole, 0, 0, 0, 0, None, whole, whole, child.returncode, "crashed")
    found = Outcome(**json.loads(child.stdout.splitlines()[-1]))
    if not found.got:
        print(f"{case.name} at {reception.ebn0_db} dB: {found.message}", file=sys.stderr)
    return found


def measure(stem: Path, case: Case, reception: Reception, *, with_bits: bool) -> Outcome:
    """As `run`, in this process."""
    from decoders.decode import DecodeRequest, decode
    from decoders.errors import DecoderError

    with tempfile.TemporaryDirectory(dir=stem.parent) as name:
        folder = Path(name)
        path = received(stem, case, reception, folder / "in.cf32")
        request = DecodeRequest(
            input=path,
            downlink=case.downlink,
            out=folder / "out",
            format="cf32",
            sample_rate=case.sample_rate,
            taps=("bits",) if with_bits else (),
        )
        try:
            report = decode(request)
            status, message, columns = report.exit_status, report.messages[0], report.table["columns"]
        except DecoderError as error:
            status, message, columns = error.exit_status, str(error), None
        sent = Sent.read(stem)
        frames = _frames_in(folder / "out", len(sent.every[0]))
        return _outcome(
            sent, frames, case, _bit_errors(sent, columns, folder / "out"),
            exit_status=status, message=message,
        )  # fmt: skip


def _frames_in(folder: Path, size: int) -> list[bytes]:
    files = [path for path in folder.glob("frames.*") if path.suffix in (".cadu", ".raw16")]
    return cut(files[0].read_bytes(), size) if files else []


def _outcome(sent: Sent, frames: list[bytes], case: Case, bits: tuple[int, int], **measured: Any) -> Outcome:
    got = {frame[MARKER_BYTES:] for frame in frames}
    if not case.protected:
        got, bits = _nearly(sent, frames)
    hits = [k for k, frame in enumerate(sent.whole) if frame[MARKER_BYTES:] in got]
    every = {frame[MARKER_BYTES:] for frame in sent.every}
    first = None
    if hits:
        first = float(sent.first_sample[sent.every.index(sent.whole[hits[0]])]) / case.sample_rate
    return Outcome(
        whole=len(sent.whole),
        got=len(hits),
        never_sent=len(got - every),
        bits=bits[0],
        bit_errors=bits[1],
        first_frame_s=first,
        at_start=hits[0] if hits else len(sent.whole),
        at_end=len(sent.whole) - 1 - hits[-1] if hits else len(sent.whole),
        **measured,
    )


def _nearly(sent: Sent, frames: list[bytes]) -> tuple[set[bytes], tuple[int, int]]:
    """Frames that nobody corrects: which ones sent came out nearly right, and their bits and wrong bits.

    What is not nearly a frame that was sent stands in the set as it came.
    """
    every = np.frombuffer(b"".join(sent.every), np.uint8).reshape(len(sent.every), -1)
    out, count, wrong = set(), 0, 0
    for frame in frames:
        here = np.frombuffer(frame, np.uint8)
        best = int((every[:, :512] == here[:512]).sum(axis=1).argmax())
        errors = int(np.bitwise_count((every[best] ^ here)[MARKER_BYTES:]).sum())
        bits = _bits_of(frame)
        known = errors < 0.2 * bits
        out.add((sent.every[best] if known else frame)[MARKER_BYTES:])
        if known:
            count, wrong = count + bits, wrong + errors
    return out, (count, wrong)


def _bits_of(frame: bytes) -> int:
    """Bits behind what is taken for the marker; words of ten bits stand in sixteen."""
    data = 8 * (len(frame) - MARKER_BYTES)
    return data * 10 // 16 if len(frame) == RAW16_BYTES else data


def _bit_errors(sent: Sent, columns: dict[str, list[Any]] | None, out: Path) -> tuple[int, int]:
    """Bits and wrong bits of located frames, as they came out of the inner decoder."""
    if columns is None or not (out / "tap.bits.bits").exists():
        return 0, 0
    bits = np.unpackbits(np.fromfile(out / "tap.bits.bits", np.uint8))
    count = wrong = 0
    for index, sample in zip(columns["bit_index"], columns["sample_index"], strict=True):
        if sample is None:
            continue
        k = int(np.abs(sent.first_sample - sample).argmin())
        if not sent.complete[k]:
            continue
        expected = _on_air(sent.every[k])
        here = bits[max(index, 0) : index + expected.size]
        if index < 0 or here.size < expected.size:
            continue
        errors = int((here != expected).sum())
        errors = min(errors, expected.size - errors)  # a downlink without NRZ-M may come out inverted
        if errors < expected.size // 4:  # else it is no frame, but a place that looked like one
            count, wrong = count + expected.size, wrong + errors
    return count, wrong


def _on_air(frame: bytes) -> NDArray[np.uint8]:
    """The bits of a frame between framing and code."""
    from sim.coding import randomise

    return np.unpackbits(randomise(np.frombuffer(frame, np.uint8)[np.newaxis])[0])


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    chosen = replace(case_named(given["case"]), **given["changes"])
    found = measure(
        Path(given["stem"]), chosen, Reception(**given["reception"]), with_bits=given["with_bits"]
    )
    print(json.dumps(asdict(found)))
