"""`observation.json`: everything that the recorder and a later reader need beside the recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.config import ReceiverSection, StationConfig
from station.equipment import antenna_of, receiver_of
from station.motion_word import INHIBIT_NAME
from station.records import Observation
from station.rolling import rolling_of
from station.shared import channel_options, host_of, recorded_until
from station.table_file import write_table

if TYPE_CHECKING:
    from station.catalogue import Catalogue

_PARK_WITHIN = timedelta(minutes=20)  # a shorter pause is not worth the way


def describe(observation: Observation, config: StationConfig, catalogue: Catalogue) -> None:
    """Leave everything the recorder and a later reader need beside the recording."""
    receiver, unfinished = receiver_of(observation, config), catalogue.unfinished()
    sharing = unfinished if receiver.wide else []
    host = host_of(observation, sharing)
    end = observation.end if host else recorded_until(observation, sharing, setup_s=receiver.setup_s)
    rolling = rolling_of(observation, config)
    description = {
        "name": observation.name,
        "satellite": observation.satellite,
        "norad_id": observation.norad_id,
        "downlink": observation.downlink,
        "frequency_hz": observation.frequency_hz,
        "site": dict(observation.site),
        "elements": dict(observation.elements),
        "start": observation.start.isoformat(),
        "end": end.isoformat(),
        "center_hz": observation.center_hz,
        "wide": str(host.recording) if host else None,
        "receiver": _receiver_table(receiver, observation.downlink),
        "segments": asdict(rolling) if host is None and rolling is not None else None,
        "reserve_bytes": round(config.schedule.keep_free_gb * 1e9),
        "products_options": products_options(config),
        "antenna": antenna_of(observation, config).model_dump(mode="json"),
        "start_direction": observation.start_direction,
        "park_after": _nothing_soon(observation, unfinished),
        "inhibit_file": str(catalogue.data_dir / INHIBIT_NAME) if config.safety.rule else None,
    }
    write_table(observation.folder / "elements.json", [dict(observation.elements)], durable=True)
    # That it is there says it is all there.
    write_table(observation.folder / "observation.json", description, durable=True)


def decode_options(table: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """What a description says of decoding, as options of the worker: live, and in each replay the same.

    Args:
        table: the description.
        folder: in which it lies.
    """
    segments = ("--by-segment",) if table.get("segments") else ()
    return (*frame_options(table, folder), *channel_options(table), *segments)


def frame_options(table: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    """Those of them that hold for frames as well, which were taken out of the samples before."""
    site = "{name},{latitude_deg},{longitude_deg},{altitude_m}".format(**table["site"])
    known = ("--downlink", table["downlink"], "--satellite", table["satellite"])
    # The age of the elements was judged when the pass was booked.
    return (*known, "--elements", str(folder / "elements.json"), "--site", site, "--force")


def products_options(config: StationConfig) -> list[str]:
    """What the configuration says of products, as options of the worker."""
    wanted = config.products
    arguments = ["--language", wanted.language or config.station.language]
    if wanted.boundaries:
        arguments += ["--boundaries", str(wanted.boundaries)]
    if wanted.attitude:
        arguments += ["--attitude", wanted.attitude]
    for option, names in (("--areas", wanted.areas), ("--recipes", wanted.recipes)):
        arguments += [option, ",".join(names)] if names else []
    return arguments


def _nothing_soon(observation: Observation, unfinished: Sequence[Observation]) -> bool:
    """Whether its antenna may rest after it."""
    until = observation.end + _PARK_WITHIN
    return not any(
        o.antenna == observation.antenna and observation.end <= o.start <= until for o in unfinished
    )


def _receiver_table(receiver: ReceiverSection, downlink: str) -> dict[str, Any]:
    """As configured, with the lower rates that the downlink can stand."""
    from station.room import standable_rates  # heavy, and a replay wants only the options

    table = receiver.model_dump(mode="json")
    if "lower_rates" in table:
        table["lower_rates"] = list(standable_rates(receiver, downlink))
    return table
