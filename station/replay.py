"""A recording decoded and imaged again into a folder of its own, and compared with what it gave before.

That of an observation is compared with the observation's own results, decoded live; a bare one with the last
replay of it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sdr.index import CONTINUED, IndexReader
from sdr.recording_files import beside, segment_stem
from sdr.segment_files import numbers_of
from sdr.segment_reader import segments_from
from sdr.sigmf import INDEX_SUFFIX
from sdr.source import recording_name
from station.attempts import NAME, best_in, report_of
from station.compare import Comparison, Segments, compare_folders
from station.description import decode_options
from station.errors import DONE, NOTHING_USABLE, WRONG_USE, ReplayError, StationError
from station.processes import Ended, Worker

_DESCRIPTION = "observation.json"


@dataclass(frozen=True)
class Earlier:
    """Folders of earlier results; `live` when they are the observation's own."""

    decoded: Path
    products: Path
    live: bool


@dataclass(frozen=True)
class ReplaySource:
    """What is replayed: the recording, the arguments of both workers, and what is compared with."""

    recording: Path
    decode_options: tuple[str, ...]
    products_options: tuple[str, ...]
    folder: Path
    before: Earlier | None


@dataclass(frozen=True)
class ReplayReport:
    """What came out, and how it differs."""

    recording: Path
    folder: Path
    before: Earlier | None
    decoded: Comparison | None
    products: Comparison | None
    decode: Ended
    image: Ended | None

    @property
    def exit_status(self) -> int:
        """That of the decoder, or of the failed product maker; a difference is a finding, no fault."""
        return self.decode.status or (self.image.status if self.image else 0)

    @property
    def identical(self) -> bool | None:
        """Whether everything came out as before, None where nothing could be compared."""
        parts = [part.identical for part in (self.decoded, self.products) if part is not None]
        compared = [same for same in parts if same is not None]
        return all(compared) if compared else None

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        table = asdict(self) | {"identical": self.identical}
        for part, compared in (("decoded", self.decoded), ("products", self.products)):
            if compared is not None:
                table[part]["identical"] = compared.identical
        return table


def replay(source: ReplaySource, progress: Callable[[str, float], None]) -> ReplayReport:
    """Decode and make the products again; the recording and the earlier results stay as they are.

    Raises:
        OSError: the new folder cannot be made.
        StationError: the decoder refused what it was given; no folder is left.
        ReplayError: the decoder was killed, or could not write; its log is left.
        RecordingError: a recording in segments without its index.
    """
    segments = _segments(source)
    folder = source.folder / f"replay-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    folder.mkdir(parents=True)
    decoded, products = folder / "decoded", folder / "products"
    arguments = ["decode", str(source.recording), "--out", str(decoded), *source.decode_options]
    decode = _run("station.cli", arguments, folder / "decode.log", "decode", progress)
    _refuse_no_result(decode, folder)
    image = None
    # Of a recording in segments each has a folder of its own.
    for made in sorted({path.parent for path in decoded.rglob("*_l1a.nc")}):
        out = products / made.relative_to(decoded)
        arguments = [str(made), "--out", str(out), *source.products_options, "--json"]
        ended = _run("products", arguments, folder / "image.log", "image", progress)
        image = image if image and image.reason else ended
    return ReplayReport(
        recording=source.recording,
        folder=folder,
        before=source.before,
        decoded=_compared(source.before.decoded, decoded, segments) if source.before else None,
        products=_compared(source.before.products, products, segments) if source.before else None,
        decode=decode,
        image=image,
    )


def _refuse_no_result(decode: Ended, folder: Path) -> None:
    """What a decoder left that came to no end is compared with nothing, now or later."""
    if decode.status in (DONE, NOTHING_USABLE):
        return
    if decode.status == WRONG_USE:
        shutil.rmtree(folder, ignore_errors=True)
        raise StationError(decode.reason)
    raise ReplayError(f"{decode.reason}; nothing is compared; {folder / 'decode.log'} tells more")


def recording_source(path: Path, options: tuple[str, ...]) -> ReplaySource:
    """The source of a recording on disk: what its observation or an earlier replay left beside it.

    Args:
        path: of the recording, or the folder of an observation.
        options: further ones of the decoder; they overrule what the observation says.

    Raises:
        StationError: neither a description nor a downlink is known, or the folder is no observation's.
    """
    recording = _recording_in(path) if path.is_dir() else path
    beside = recording.resolve().parent
    described = beside / _DESCRIPTION
    if described.exists():
        table = _described(described)
        options, pictures = (*decode_options(table, beside), *options), tuple(table["products_options"])
        before = _live_results(beside, table) or _last_replay(recording, beside)
        return ReplaySource(recording, options, pictures, beside, before)
    if "--downlink" not in options:
        raise StationError(
            f"{recording}: say with --downlink what it is, as no {_DESCRIPTION} lies beside it"
        )
    return ReplaySource(recording, options, (), beside, _last_replay(recording, beside))


def _recording_in(folder: Path) -> Path:
    if not (folder / _DESCRIPTION).is_file():
        raise StationError(
            f"{folder} is a folder without {_DESCRIPTION}; give a recording or the folder of an observation"
        )
    return folder / "recording"


def _live_results(beside: Path, table: Mapping[str, Any]) -> Earlier | None:
    """What the observation made of its recording, however often that was replayed since."""
    decoded = best_in(beside)
    if decoded is None and table.get("segments") and (beside / NAME).is_dir():
        decoded = beside / NAME
    made = sorted(beside.glob("products*"), key=lambda path: (len(path.name), path.name))
    products = made[-1] if made else beside / "products"
    return None if decoded is None else Earlier(decoded, products, live=True)


def _last_replay(recording: Path, beside: Path) -> Earlier | None:
    """Of this recording, as others may lie beside it."""
    name = recording_name(recording)
    for folder in (*sorted(beside.glob("replay-*"), reverse=True), beside):
        report = report_of(folder / NAME) or {}
        if (report.get("input") or {}).get("name") == name:
            return Earlier(folder / NAME, folder / "products", live=False)
    return None


def _described(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text("utf-8"))
        missing = {"site", "downlink", "satellite", "products_options"} - set(table)
    except (ValueError, TypeError) as error:
        raise StationError(f"{path}: no description of an observation: {error}") from error
    if missing:
        raise StationError(f"{path}: no description of an observation: {', '.join(sorted(missing))} missing")
    return dict(table)


def _compared(before: Path, now: Path, segments: Segments | None) -> Comparison | None:
    """None without anything before; what does not come out at all this time is missing."""
    return compare_folders(before, now, segments) if before.is_dir() else None


def _segments(source: ReplaySource) -> Segments | None:
    """Which segments there are samples of, and of which the samples before or behind are gone."""
    if "--by-segment" not in source.decode_options:
        return None
    base, first = segments_from(source.recording)
    there = numbers_of(base)
    replayed = {number: segment_stem(base, number) for number in there if number >= first}
    cut_off = [n for n, stem in replayed.items() if n + 1 not in there and _goes_on(stem)]
    unled = [n for n in replayed if n and n - 1 not in there and n not in cut_off]
    return Segments(
        tuple(stem.name for stem in replayed.values()),
        without_lead=tuple(replayed[n].name for n in unled),
        without_tail=tuple(replayed[n].name for n in cut_off),
    )


def _goes_on(stem: Path) -> bool:
    return IndexReader(beside(stem, INDEX_SUFFIX)).end == CONTINUED


def _run(
    module: str, arguments: list[str], log: Path, step: str, progress: Callable[[str, float], None]
) -> Ended:
    worker = Worker(module, arguments, log)

    def watch() -> None:
        if (fraction := worker.progress) is not None:
            progress(step, fraction)

    return worker.wait(watch=watch)
