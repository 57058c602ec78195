"""Frames from an input of any level: samples, soft bits, hard bits, CADUs, VCDUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from decoders.by_segment import SegmentSource, segment_reader
from decoders.byte_sources import BitSource
from decoders.downlink import Downlink, Mode, nearest
from decoders.errors import InputError
from decoders.frame_sources import CaduSource, VcduSource
from decoders.framing.frame import Frame
from decoders.framing.frames import Tap
from decoders.iq_source import IqSource
from decoders.report import InputFacts
from decoders.watchers import Watcher
from sdr.bytestream import open_bytes
from sdr.recording import Reader, open_recording

LEVELS = ("iq", "soft", "hard", "cadu", "vcdu")


class FrameSource(Protocol):
    """Frames of an input in order."""

    @property
    def mode(self) -> Mode | None:
        """The mode, once it is known."""

    @property
    def facts(self) -> InputFacts:
        """What is known about the input so far."""

    @property
    def fraction(self) -> float | None:
        """How much of it has been read, 0 … 1; None where its length is not known."""

    @property
    def lag_s(self) -> float | None:
        """Seconds by which the reading is behind a growing recording; None where it does not grow."""

    def frames(self) -> Iterator[list[Frame]]:
        """Located frames, good or not, as the input is read."""

    def sha256(self) -> str:
        """Hash of the input as it lies on the disk."""

    def close(self) -> None:
        """Close the input."""


def open_source(
    path: Path,
    downlink: Downlink,
    *,
    level: str,
    format: str | None,  # noqa: A002 - the word of the command line
    sample_rate: float | None,
    start: datetime | None,
    follow: bool,
    tap: Tap | None,
    channel_hz: float | None = None,
    of_segment: bool = False,
    watchers: Sequence[Watcher] = (),
    while_waiting: Callable[[], None] | None = None,
) -> FrameSource:
    """Open an input of a level.

    Raises:
        InputError: an unknown level, or options that do not fit it.
        RecordingError: the file is missing, empty, not of the format given, or does not hold the channel.
    """
    if level not in LEVELS:
        raise InputError(f"unknown level {level!r}{nearest(level, LEVELS)}")
    if of_segment:
        return _segment(
            path, downlink, follow=follow, tap=tap, watchers=watchers, while_waiting=while_waiting
        )
    if level == "iq":
        reader = open_recording(path, format=format, sample_rate=sample_rate, start=start, follow=follow)
        reader.while_waiting(while_waiting)
        chosen: Reader = reader
        if channel_hz is not None:
            # What only they need takes a second to load.
            from decoders.channel import channel_of
            from sdr.channeliser import ChannelReader

            chosen = ChannelReader(reader, channel_of(downlink.modes, channel_hz, reader.info.sample_rate))
        return IqSource(chosen, downlink, tap=tap, watchers=watchers)
    if channel_hz is not None:
        raise InputError(f"a channel can only be taken out of samples, not of level {level}")
    if follow:
        raise InputError(f"only recordings of samples can be followed while they grow, not level {level}")
    if format is not None or sample_rate is not None:
        raise InputError(f"--format and --rate describe samples; level {level} takes neither")
    stream = open_bytes(path)
    if level in ("soft", "hard"):
        return BitSource(path, stream, downlink, start=start, hard=level == "hard", tap=tap)
    kind = CaduSource if level == "cadu" else VcduSource
    return kind(path, stream, downlink, start=start)


def _segment(
    path: Path,
    downlink: Downlink,
    *,
    follow: bool,
    tap: Tap | None,
    watchers: Sequence[Watcher],
    while_waiting: Callable[[], None] | None,
) -> SegmentSource:
    reader = segment_reader(path, downlink, follow=follow)
    reader.reader.while_waiting(while_waiting)
    source = IqSource(reader, downlink, tap=tap, watchers=watchers, lead=reader.lead)
    return SegmentSource(source, reader)
