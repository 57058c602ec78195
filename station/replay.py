"""A recording decoded and imaged again into a folder of its own, and compared with the last time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from station.compare import Comparison, compare_folders
from station.errors import StationError
from station.processes import Ended, Worker
from station.shared import channel_options, segment_options


@dataclass(frozen=True)
class ReplaySource:
    """What is replayed: the recording, the arguments of both workers, and where the last results lie."""

    recording: Path
    decode_options: tuple[str, ...]
    products_options: tuple[str, ...]
    folder: Path
    decoded_before: Path | None
    products_before: Path | None


@dataclass(frozen=True)
class ReplayReport:
    """What came out, and how it differs."""

    recording: Path
    folder: Path
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
        """Whether everything came out as last time, None when there is no last time."""
        compared = [part.identical for part in (self.decoded, self.products) if part is not None]
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
    """
    folder = source.folder / f"replay-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    folder.mkdir(parents=True)
    decoded, products = folder / "decoded", folder / "products"
    arguments = ["decode", str(source.recording), "--out", str(decoded), *source.decode_options]
    decode = _run("station.cli", arguments, folder / "decode.log", "decode", progress)
    image = None
    if sorted(decoded.glob("*_l1a.nc")):
        arguments = [str(decoded), "--out", str(products), *source.products_options, "--json"]
        image = _run("products", arguments, folder / "image.log", "image", progress)
    return ReplayReport(
        recording=source.recording,
        folder=folder,
        decoded=_compared(source.decoded_before, decoded),
        products=_compared(source.products_before, products),
        decode=decode,
        image=image,
    )


def recording_source(recording: Path, options: tuple[str, ...]) -> ReplaySource:
    """The source of a recording on disk: what its observation or an earlier replay left beside it.

    Raises:
        StationError: neither a description nor a downlink is known.
    """
    beside = recording.resolve().parent
    earlier = sorted(beside.glob("replay-*"))
    last = earlier[-1] if earlier else beside
    described = beside / "observation.json"
    pictures: tuple[str, ...] = ()
    if described.exists() and "--downlink" not in options:
        table = _described(described)
        options, pictures = (*decode_options(table, beside), *options), tuple(table["products_options"])
    if "--downlink" not in options:
        raise StationError(
            f"{recording}: say with --downlink what it is, as no observation.json lies beside it"
        )
    return ReplaySource(recording, options, pictures, beside, last / "decoded", last / "products")


def decode_options(table: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """The decoder's options that an observation's description implies."""
    site = "{name},{latitude_deg},{longitude_deg},{altitude_m}".format(**table["site"])
    elements = str(folder / "elements.json")
    known = ("--downlink", table["downlink"], "--satellite", table["satellite"])
    how = *channel_options(table), *segment_options(table)
    return (*known, *how, "--elements", elements, "--site", site, "--force")


def _described(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text("utf-8"))
        missing = {"site", "downlink", "satellite", "products_options"} - set(table)
    except (ValueError, TypeError) as error:
        raise StationError(f"{path}: no description of an observation: {error}") from error
    if missing:
        raise StationError(f"{path}: no description of an observation: {', '.join(sorted(missing))} missing")
    return dict(table)


def _compared(before: Path | None, now: Path) -> Comparison | None:
    """None without a last time; what does not come out at all this time is missing."""
    return compare_folders(before, now) if before is not None and before.is_dir() else None


def _run(
    module: str, arguments: list[str], log: Path, step: str, progress: Callable[[str, float], None]
) -> Ended:
    worker = Worker(module, arguments, log)

    def watch() -> None:
        if (fraction := worker.progress) is not None:
            progress(step, fraction)

    return worker.wait(watch=watch)
