"""The page over HTTP: reads the catalogue, hands out only files that stand in it, changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES

from scheduler.satellites import all_satellites
from station.catalogue import Catalogue, FileEntry, Observation
from station.errors import CatalogueError, UnknownObservationError
from station.web import live, plan_view, tiles, views
from station.web.sentences import decimals_in, said_in
from station.web.texts import LANGUAGES, all_texts, both_times

_LOG = logging.getLogger(__name__)
PAGE_SIZE = 24
SILENT_AFTER = timedelta(minutes=2)  # as station/health.py says
HERE = Path(__file__).parent
HEADERS = {
    # Nothing is fetched from elsewhere: it works without internet, and injected markup cannot phone home.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# Samples, frames and images do not shrink, or are packed already: that costs the time that reception needs.
AS_THEY_ARE = (
    *DEFAULT_EXCLUDED_CONTENT_TYPES,
    "application/octet-stream",
    "application/x-netcdf",
    "image/tiff",
)
Language = Annotated[str | None, Query(pattern="^(en|vi)$")]


def create_app(catalogue: Catalogue, *, station_name: str = "", language: str = "en") -> FastAPI:
    """The web application over one catalogue.

    Args:
        catalogue: read only.
        station_name: shown at the head of every page.
        language: "en" or "vi", when the reader has not chosen.
    """
    app = FastAPI(title="tramthu", docs_url=None, redoc_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=1000, exclude_content_types=AS_THEY_ARE)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    pages = _Pages(station_name, language)
    _add_guards(app, pages)
    _add_pages(app, catalogue, pages)
    _add_files(app, catalogue)
    _add_interface(app, catalogue)
    return app


def _add_guards(app: FastAPI, pages: _Pages) -> None:
    """Headers on every answer, and one page for every mistake."""

    @app.middleware("http")
    async def secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(StarletteHTTPException)
    @app.exception_handler(RequestValidationError)
    def not_there(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, StarletteHTTPException) else 400
        return told(request, status, "not_found", str(getattr(error, "detail", "bad request")))

    @app.exception_handler(CatalogueError)
    def not_now(request: Request, error: Exception) -> Response:
        _LOG.error("%s", error)
        return told(request, 503, "no_catalogue", "the catalogue cannot be read")

    def told(request: Request, status: int, what: str, error: str) -> Response:
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": error}, status)
        return pages.show(request, "error.html", None, {"what": what}, status)


def _add_pages(app: FastAPI, catalogue: Catalogue, pages: _Pages) -> None:
    """What people read."""

    @app.get("/", response_class=HTMLResponse)
    def index(
        request: Request,
        *,
        lang: Language = None,
        satellite: Annotated[str, Query(max_length=80)] = "",
        since: Annotated[str, Query(max_length=10)] = "",
        until: Annotated[str, Query(max_length=10)] = "",
        page: Annotated[int, Query(ge=1, le=10000)] = 1,
    ) -> Response:
        found = _search(catalogue, satellite, since, until, page * PAGE_SIZE + 1)
        chosen = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        shown = pages.language(request, lang)
        return pages.show(
            request,
            "index.html",
            lang,
            {
                "cards": [views.card(observation, shown) for observation in chosen],
                "satellites": [entry.name for entry in all_satellites()],
                "search": {"satellite": satellite, "since": since, "until": until},
                "searching": bool(satellite or since or until),
                "page": page,
                "has_older": len(found) > page * PAGE_SIZE,
                "health": _health(catalogue),
            },
        )

    @app.get("/plan", response_class=HTMLResponse)
    def plan_page(request: Request, lang: Language = None) -> Response:
        shown, now = pages.language(request, lang), datetime.now(UTC)
        rows = {
            "booked": plan_view.booked_rows(catalogue, now, shown),
            "rejected": plan_view.rejected_rows(catalogue, now, shown),
        }
        return pages.show(request, "plan.html", lang, rows | {"health": _health(catalogue)})

    @app.get("/live", response_class=HTMLResponse)
    def live_page(request: Request, lang: Language = None) -> Response:
        shown, coming = pages.language(request, lang), live.next_observation(catalogue, datetime.now(UTC))
        context = {
            "cards": [views.card(observation, shown) for observation in live.live_observations(catalogue)],
            "coming": None if coming is None else views.card(coming, shown),
            "live_texts": live.texts(shown),
        }
        return pages.show(request, "live.html", lang, context)

    @app.get("/observations/{name}", response_class=HTMLResponse)
    def observation_page(request: Request, name: str, lang: Language = None) -> Response:
        observation = _observation(catalogue, name)
        shown = pages.language(request, lang)
        view = views.detail(observation, shown)
        layers = [asdict(layer) for layer in view.layers]
        context = {"view": view, "layers": layers, "live": live.is_live(observation)}
        context |= {"live_texts": live.texts(shown)}
        return pages.show(request, "observation.html", lang, context)


def _add_files(app: FastAPI, catalogue: Catalogue) -> None:
    """Files and map tiles."""

    @app.get("/files/{name}/{file:path}")
    def file(name: str, file: str) -> Response:
        entry = _entry(_observation(catalogue, name), file)
        return FileResponse(entry.path, headers={"ETag": f'"{entry.sha256}"'})

    @app.get("/tiles/{name}/{file:path}/{z}/{x}/{y}.png")
    def tile(name: str, file: str, z: int, x: int, y: int) -> Response:
        observation = _observation(catalogue, name)
        entry = _entry(observation, file)
        if entry.path.suffix != ".tif":
            raise HTTPException(404, f"{file!r} is no GeoTIFF, so there are no tiles of it")
        try:
            png = tiles.render_tile(entry.path, z, x, y, views.scale_of(observation, entry.path))
        except (ValueError, OSError) as error:
            raise HTTPException(404, str(error)) from error
        if png is None:
            return Response(status_code=204)
        return Response(png, media_type="image/png", headers={"Cache-Control": "max-age=86400"})


def _add_interface(app: FastAPI, catalogue: Catalogue) -> None:
    """What programs read."""

    @app.get("/api/observations")
    def api_observations(
        satellite: str = "",
        since: str = "",
        until: str = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[dict[str, Any]]:
        return [views.as_json(found) for found in _search(catalogue, satellite, since, until, limit)]

    @app.get("/api/observations/{name}")
    def api_observation(name: str) -> dict[str, Any]:
        return views.as_json(_observation(catalogue, name))

    reader = live.LiveReader()

    @app.get("/api/live")
    def api_live() -> dict[str, list[str]]:
        return {"names": [observation.name for observation in live.live_observations(catalogue)]}

    @app.get("/api/observations/{name}/live")
    def api_observation_live(name: str, after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        return reader.status(_observation(catalogue, name), after, datetime.now(UTC))

    @app.get("/api/plan")
    def api_plan() -> dict[str, Any]:
        return plan_view.plan_json(catalogue, datetime.now(UTC))

    @app.get("/api/health")
    def api_health() -> Response:
        health = _health(catalogue)
        told = health or {"error": "no health has been written"}
        return JSONResponse(told, 200 if told.get("alive") else 503)


def serve(
    catalogue: Catalogue,
    *,
    host: str = "127.0.0.1",
    port: int = 8137,
    station_name: str = "",
    language: str = "en",
    on_listening: Callable[[], None] = lambda: None,
) -> None:
    """Serve until interrupted; `on_listening` is called once the port is open.

    Raises:
        OSError: the port is taken or not allowed.
    """
    import socket

    import uvicorn

    # Bound here, since uvicorn would end the process itself when the port is taken.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # who comes from now on waits, and is not turned away
        on_listening()
        app = create_app(catalogue, station_name=station_name, language=language)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


class _Pages:
    """Templates with what every page needs."""

    def __init__(self, station_name: str, language: str) -> None:
        self._templates = Jinja2Templates(directory=HERE / "templates")
        self._station_name, self._language = station_name, language

    def language(self, request: Request, chosen: str | None) -> str:
        """The reader's choice: of the address, else of the last visit, else the station's."""
        remembered = request.cookies.get("lang", "")
        return chosen or (remembered if remembered in LANGUAGES else self._language)

    def show(
        self, request: Request, template: str, lang: str | None, context: dict[str, Any], status: int = 200
    ) -> Response:
        language = self.language(request, lang)
        common = {
            "lang": language,
            "other_lang": "en" if language == "vi" else "vi",
            "text": all_texts()[language],
            "said": partial(said_in, language),
            "decimals": partial(decimals_in, language),
            "station_name": self._station_name,
            "version": version("tramthu"),
        }
        response = self._templates.TemplateResponse(request, template, common | context, status)
        if lang is not None:
            response.set_cookie("lang", lang, max_age=31536000, samesite="lax")
        return response


def _search(catalogue: Catalogue, satellite: str, since: str, until: str, limit: int) -> list[Observation]:
    last = _day(until)
    return catalogue.observations(
        satellite=satellite or None,
        since=_day(since),
        until=last + timedelta(days=1) if last else None,
        limit=limit,
    )


def _day(text: str) -> datetime | None:
    """Midnight UTC of an ISO date; an empty or broken one does not narrow the search."""
    try:
        day = datetime.combine(date.fromisoformat(text), time(), UTC) if text else None
    except ValueError:
        return None
    # The calendar ends with 9999: its last day has no next one to search up to.
    return day if day is None or day.year < date.max.year else None


def _observation(catalogue: Catalogue, name: str) -> Observation:
    try:
        return catalogue.observation(name)
    except UnknownObservationError as error:
        raise HTTPException(404, f"no observation {name!r}") from error


def _entry(observation: Observation, file: str) -> FileEntry:
    """A file by its catalogued name; what the address says is only ever compared, never opened."""
    entry = views.files_by_name(observation).get(file)
    if entry is None or not entry.path.is_file():
        raise HTTPException(404, f"no file {file!r} of {observation.name}")
    return entry


def _health(catalogue: Catalogue) -> dict[str, Any] | None:
    """What the daemon last said; `alive` and `ok` are false when it has ended or fallen silent since."""
    health = views.read_json(catalogue.data_dir / "health.json")
    if health is None:
        return None
    try:
        said = datetime.fromisoformat(str(health.get("time"))).astimezone(UTC)
        time_text = both_times(said)
    except (ValueError, OverflowError):
        return health | {"time_text": "", "alive": False, "ok": False}
    alive = abs(datetime.now(UTC) - said) < SILENT_AFTER and health.get("state") != "stopped"
    return health | {"time_text": time_text, "alive": alive, "ok": alive and bool(health.get("ok"))}
