"""`tramthu serve`: the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.commands.options import say
from station.config import load_config
from station.errors import StationError
from station.records import CATALOGUE_NAME

if TYPE_CHECKING:
    from station.catalogue import Catalogue


def serve(
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="The station's configuration.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="A data folder, such as that of the demo.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", min=1, max=65535)] = None,
) -> None:
    """Show what was observed, as a page on 127.0.0.1 unless told otherwise."""
    from station.catalogue import Catalogue

    if config is None and data_dir is None:
        raise StationError("say what to serve: -c station.toml, or --data-dir demo")
    name, language, given_host, given_port = "", "en", "127.0.0.1", 8137
    if config is not None:
        station = load_config(config)
        name, language = station.station.name, station.station.language
        given_host, given_port = station.web.host, station.web.port
        data_dir = data_dir or station.station.data_dir
    assert data_dir is not None  # noqa: S101 - for the type checker
    if not (data_dir / CATALOGUE_NAME).is_file():
        raise StationError(
            f"{data_dir} is no folder with {CATALOGUE_NAME}; `tramthu demo` or `tramthu run` make one"
        )
    serve_catalogue(
        Catalogue(data_dir, read_only=True), host or given_host, port or given_port, name, language
    )


def serve_catalogue(catalogue: Catalogue, host: str, port: int, name: str, language: str) -> None:
    """Serve until interrupted."""
    from station.web.app import serve as serve_web

    def told() -> None:
        say(f"the page is at http://{host}:{port} (end with Ctrl-C)")

    try:
        serve_web(catalogue, host=host, port=port, station_name=name, language=language, on_listening=told)
    except OSError as error:
        place = f"{host}:{port} cannot be listened on"
        said = f"{error.strerror or error}; choose another --port or --host"
        raise OSError(error.errno, said, place) from error
