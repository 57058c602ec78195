"""`tramthu replay`: the same recording again; the same bytes as before?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdr.sigmf_source import sigmf_stem
from station.commands.options import JsonOption, print_json
from station.compare import Comparison
from station.config import load_config
from station.errors import StationError
from station.progress import progress_bars
from station.replay import ReplayReport, ReplaySource, recording_source
from station.replay import replay as replay_source

_BARE = "Of a bare recording; of an observation's it overrules what that says."
_VERDICTS = {
    True: "SAME: frames and products are the same bytes as before",
    False: "DIFFERENT: not everything is the same bytes as before, see above",
    None: "FIRST TIME: there is nothing earlier to compare with; replay again to compare with this",
}
_NO_VERDICT = "NOT COMPARED: the samples behind what is left are gone, and with them the end of each segment"


def replay(
    what: Annotated[
        str,
        typer.Argument(metavar="OBSERVATION|RECORDING", help="Name in the catalogue, its folder, or a file."),
    ],
    *,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="The station's configuration.")
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Data folder, without a configuration.")] = Path("demo"),
    downlink: Annotated[str | None, typer.Option(help=_BARE)] = None,
    format: Annotated[str | None, typer.Option(help=_BARE)] = None,  # noqa: A002
    rate: Annotated[float | None, typer.Option(help=_BARE)] = None,
    level: Annotated[str | None, typer.Option(help=_BARE)] = None,
    json: JsonOption = False,
) -> None:
    """Decode and make products again; say whether frames and products are the same bytes.

    A difference is a finding, not a failure: the last line says DIFFERENT, `identical` in the JSON is false,
    and the exit status is that of the decoding (0 when it gave frames).
    """
    given = (("--downlink", downlink), ("--format", format), ("--rate", rate), ("--level", level))
    options = tuple(str(word) for pair in given if pair[1] is not None for word in pair)
    source = _source(what, config, data_dir, options)
    with progress_bars(("decode", "image")) as told:
        report = replay_source(source, told)
    if json:
        print_json(report.to_json())
    else:
        _print(report)
    raise typer.Exit(report.exit_status if report.exit_status >= 0 else 3)


def _source(what: str, config: Path | None, data_dir: Path, options: tuple[str, ...]) -> ReplaySource:
    from station.catalogue import CATALOGUE_NAME, Catalogue

    path = Path(what)
    is_file = path.exists() or sigmf_stem(path) is not None
    if is_file and (config is None or len(path.parts) > 1):
        return recording_source(path, options)
    station = load_config(config) if config else None
    folder = station.station.data_dir if station else data_dir
    if not (folder / CATALOGUE_NAME).is_file():
        raise StationError(f"{what!r} is no recording, and {folder} is no data folder; give -c or --data-dir")
    return recording_source(Catalogue(folder, read_only=True).observation(what).recording, options)


def _print(report: ReplayReport) -> None:
    typer.echo(f"{report.recording} → {report.folder}")
    for name, ended in (("decode", report.decode), ("products", report.image)):
        if ended is not None and ended.reason:
            typer.echo(f"{name}: {ended.reason}")
    if report.before is not None:
        whose = "the observation's own results" if report.before.live else "the last replay"
        typer.echo(f"compared with {whose}: {report.before.decoded}, {report.before.products}")
    for name, compared in (("decoded", report.decoded), ("products", report.products)):
        typer.echo(f"{name}: {_said(compared)}")
    is_first = report.decoded is None and report.products is None
    typer.echo(_NO_VERDICT if report.identical is None and not is_first else _VERDICTS[report.identical])


def _said(compared: Comparison | None) -> str:
    if compared is None:
        return "nothing earlier to compare with"
    return "; ".join((*_found(compared), *_left_out(compared)))


def _found(compared: Comparison) -> list[str]:
    if compared.identical is None:
        return ["nothing is compared"]
    if compared.identical:
        frames = f" and {compared.frames_now} frames" if compared.frames_same else ""
        return [f"the same bytes in {len(compared.same)} files{frames}"]
    parts = [f"{kind}: {_named(names)}" for kind, names in _lists(compared) if names]
    if compared.frames_same is not None:
        parts.insert(0, "the same frames" if compared.frames_same else _frames_said(compared))
    return parts


def _left_out(compared: Comparison) -> list[str]:
    parts = []
    if compared.without_lead:
        parts.append(f"of {_named(compared.without_lead)} only frames, as the samples before are gone")
    if compared.without_tail:
        parts.append(f"of {_named(compared.without_tail)} nothing, as the samples behind are gone")
    if compared.not_replayed:
        parts.append(f"not replayed: {_named(compared.not_replayed)}")
    return parts


def _named(names: tuple[str, ...], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _frames_said(compared: Comparison) -> str:
    lost, gained = compared.frames_lost, compared.frames_gained
    return f"{compared.frames_before} frames before, {compared.frames_now} now ({lost} lost, {gained} gained)"


def _lists(compared: Comparison) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (("differ", compared.different), ("missing", compared.missing), ("new", compared.new))
