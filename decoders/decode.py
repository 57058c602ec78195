"""From a recording to frames and pictures: the main path of the decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from decoders import report_parts
from decoders.downlink import Downlink, Mode, load_downlink, nearest
from decoders.errors import DecoderError, InputError
from decoders.frame_table import FrameTable
from decoders.framing.frame import Frame
from decoders.framing.packets import Packet, PacketAssembler
from decoders.instruments.level1a import Provenance, write_level1a
from decoders.instruments.msu_mr import MsuMrAssembler
from decoders.live import LiveStatus
from decoders.memory import keep_freed_memory
from decoders.report import SCHEMA, DecodeReport, InputFacts, software_versions
from decoders.results import TAPS, UNFINISHED, Results, tap_name
from decoders.sources import FrameSource, open_source
from decoders.watchers import ROW_TAPS, RowTaps, Watcher
from sdr.errors import SdrError
from sdr.recording_files import real_path
from sdr.source import recording_name

Progress = Callable[[float], None]


@dataclass(frozen=True)
class DecodeRequest:
    """What to decode, and what is known about it.

    `level` is one of `sources.LEVELS`; `format` and `sample_rate` (Hz) describe samples where the file does
    not; `start` is the aware time of the first sample; `elements` (an OMM mapping) and `station` are carried
    along; `taps` names of joints to write; with `follow` a growing recording is read to its end mark.
    `channel_hz` is the centre on air of the one downlink to take out of a wide recording. With `of_segment`
    the input is one segment of many, and what begins in it is kept (see `by_segment.py`). `live_folder` is
    where live.json goes in place of `out`.
    """

    input: Path
    downlink: str
    out: Path
    format: str | None = None
    sample_rate: float | None = None
    level: str = "iq"
    start: datetime | None = None
    satellite: str | None = None
    elements: Mapping[str, Any] | None = None
    station: Mapping[str, Any] | None = None
    taps: tuple[str, ...] = ()
    follow: bool = False
    channel_hz: float | None = None
    of_segment: bool = False
    live_folder: Path | None = None


def decode(
    request: DecodeRequest, *, progress: Progress | None = None, lag: Progress | None = None
) -> DecodeReport:
    """Decode an input into the folder `request.out`.

    Writes frames.cadu (marker, corrected and derandomised block, parity kept; frames.raw16 for frames of
    10-bit words; frames.vcdu for an input that has no parity), report.json and run.json (see `report.py`),
    one NetCDF file per instrument, and the taps; with `follow` live.json as well (see `live.py`), while
    samples come.

    `progress` is called with the fraction that was read, `lag` with the seconds by which this is behind a
    recording that still grows.

    Raises:
        DecoderError: with its `exit_status` 2, the request or the input is wrong; 3, the results cannot be
            written. That nothing usable was found is no error but `exit_status` 1 of the report.
    """
    downlink = load_downlink(request.downlink)
    _check(request, downlink)
    keep_freed_memory()
    with (
        _results(request) as results,
        _live(request) as live,
        _opened(request, downlink, results, live) as source,
    ):
        run = _Run(request, results, downlink)
        for frames in source.frames():
            if frames:
                run.take(frames, source.facts, source.mode)
            if live is not None:
                live.frames(frames, source.mode)
            if progress is not None and source.fraction is not None:
                progress(source.fraction)
            if lag is not None and source.lag_s is not None:
                lag(source.lag_s)
        return run.finish(downlink, source)


class _Run:
    """What is collected while frames come in."""

    def __init__(self, request: DecodeRequest, results: Results, downlink: Downlink) -> None:
        self._request = request
        self._recording = recording_name(request.input)  # while it is there: old segments may go
        self._results = results
        self._downlink = downlink
        self._table = FrameTable()
        self._packets: PacketAssembler | None = None
        self._instrument: MsuMrAssembler | None = None
        self._name = _frames_name(request, downlink)
        results.append(self._name, b"")

    def take(self, frames: list[Frame], facts: InputFacts, mode: Mode | None) -> None:
        for frame in frames:
            self._table.add(frame, start=facts.start, sample_rate=facts.sample_rate)
            self._results.tap("located", np.frombuffer(frame.cadu, dtype=np.uint8))
        good = [frame for frame in frames if frame.good]
        marker = 4 if self._name == "frames.vcdu" else 0
        self._results.append(self._name, b"".join(frame.cadu[marker:] for frame in good))
        framing = mode or self._downlink.modes[0]
        if good and framing.instrument == "msu-mr":
            self._image(good, facts, mode, framing)

    def _image(self, good: list[Frame], facts: InputFacts, mode: Mode | None, framing: Mode) -> None:
        if self._packets is None or self._instrument is None:
            self._packets = PacketAssembler(framing.insert_zone_bytes)
            self._instrument = MsuMrAssembler(_time_kind(mode), facts.start)
        end = 4 + framing.vcdu_bytes
        self._pass_on(self._packets.process(frame.cadu[4:end] for frame in good))

    def _pass_on(self, packets: Iterable[Packet]) -> None:
        assert self._instrument is not None  # noqa: S101 - made together with the packets' assembler
        whole = list(packets)
        if whole and "packets" in self._request.taps:
            content = b"".join(map(_packet_bytes, whole))
            self._results.tap("packets", np.frombuffer(content, dtype=np.uint8))
        self._instrument.process(whole)

    def finish(self, downlink: Downlink, source: FrameSource) -> DecodeReport:
        packets, image = None, None
        if self._packets is not None and self._instrument is not None:
            self._pass_on(self._packets.flush())
            packets, image = self._packets.report, self._instrument.finish()
        counts = self._table.counts()
        self._results.finish()
        told = self._request
        read = report_parts.input_table(self._recording, told.level, told.channel_hz, source)
        messages = tuple(report_parts.messages(downlink, self._table, image, source))
        mode = source.mode.name if source.mode else None
        table: dict[str, Any] = {
            "schema": SCHEMA,
            "exit_status": 0 if counts.good else 1,
            "messages": messages,
            "input": read,
            "downlink": downlink.name,
            "mode": mode,
            "satellite": self._request.satellite,
            "frames": asdict(counts),
            "channels": self._table.channels.table(),
            "columns": self._table,
            "packets": report_parts.packet_table(packets),
            "image": report_parts.image_table(image),
            "software": software_versions(),
        }
        if image is not None:
            path = write_level1a(self._results.folder, image, _provenance(self._request, table))
            self._results.note(path.name)
        table["files"] = self._results.files
        self._results.write_json("report.json", table)
        run = report_parts.run_table(self._request.input, source, follow=self._request.follow)
        self._results.write_json("run.json", run)
        files = (*self._results.files, "report.json", "run.json")
        return DecodeReport(counts, mode, (*messages, *run["messages"]), files, table, run)


def _check(request: DecodeRequest, downlink: Downlink) -> None:
    for tap in request.taps:
        if tap not in TAPS:
            raise InputError(f"unknown joint {tap!r} for --tap{nearest(tap, tuple(TAPS))}")
    if request.of_segment and not (
        request.level == "iq" and request.channel_hz is request.sample_rate is None
    ):
        raise InputError("a segment is decoded as it was recorded: without --level, --rate and --channel")
    if request.start is not None and request.start.tzinfo is None:
        raise InputError(f"the start {request.start} has no time zone; give it in UTC, ending in Z")
    written = {
        _frames_name(request, downlink),
        "report.json",
        "run.json",
        *(tap_name(tap) for tap in request.taps),
    }
    given = real_path(request.input)
    if given.name.removesuffix(UNFINISHED) in written and given.parent == real_path(request.out):
        raise InputError(f"{request.input} would be overwritten by what comes out; give another folder --out")


def _frames_name(request: DecodeRequest, downlink: Downlink) -> str:
    return "frames.vcdu" if request.level == "vcdu" else f"frames.{downlink.modes[0].framing}"


@contextmanager
def _results(request: DecodeRequest) -> Iterator[Results]:
    results = Results(request.out, request.taps)
    try:
        yield results
    finally:
        # What was received in memory only nobody can decode again.
        results.abandon(keep_frames=request.follow)


@contextmanager
def _live(request: DecodeRequest) -> Iterator[LiveStatus | None]:
    """Only what still grows has somebody who looks on."""
    live = (
        LiveStatus(request.live_folder or request.out) if request.follow and request.level == "iq" else None
    )
    try:
        yield live
    finally:
        if live is not None:
            live.over()


@contextmanager
def _opened(
    request: DecodeRequest, downlink: Downlink, results: Results, live: LiveStatus | None
) -> Iterator[FrameSource]:
    watchers: list[Watcher] = [] if live is None else [live]
    if not ROW_TAPS.isdisjoint(request.taps):
        watchers.append(RowTaps(results.tap, request.taps))
    try:
        source = open_source(
            request.input,
            downlink,
            level=request.level,
            format=request.format,
            sample_rate=request.sample_rate,
            start=request.start,
            follow=request.follow,
            tap=results.tap if request.taps else None,
            channel_hz=request.channel_hz,
            of_segment=request.of_segment,
            watchers=watchers,
            while_waiting=None if live is None else live.waiting,
        )
        with closing(source):
            yield source
    except SdrError as error:
        if error.exit_status != DecoderError.exit_status:
            raise
        raise InputError(str(error)) from error


def _time_kind(mode: Mode | None) -> Any:
    return "auto" if mode is None else mode.time


def _provenance(request: DecodeRequest, table: Mapping[str, Any]) -> Provenance:
    elements, name = request.elements, table["input"]["name"]
    return Provenance(
        satellite=request.satellite or "",
        norad_id=int(elements.get("NORAD_CAT_ID", 0)) if elements else 0,
        downlink=str(table["downlink"]),
        mode=table["mode"] or "",
        elements_omm=elements,
        station=request.station,
        recording_name=name,
        recording_sha256=table["input"]["sha256"],
        software=table["software"],
        frame_report=table["frames"],
        history=f"tramthu decode {name} --downlink {request.downlink} --level {request.level}"
        + ("" if request.channel_hz is None else f" --channel {request.channel_hz:.0f}"),
    )


def _packet_bytes(packet: Packet) -> bytes:
    first = packet.has_secondary_header << 11 | packet.apid
    head = first.to_bytes(2, "big") + (packet.flags << 14 | packet.count).to_bytes(2, "big")
    return head + (len(packet.data) + packet.missing_bytes - 1).to_bytes(2, "big") + packet.data
