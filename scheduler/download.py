"""One polite request for a file of elements over HTTP: bounded in size, time and redirects.

CelesTrak's rule is one download of the same data in two hours, and it blocks who asks again and again (its
page "Usage Policy"). When a URL may next be asked stands on disk, so a restart asks no sooner.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from scheduler.element_formats import MOST_BYTES
from scheduler.timed_http import CONNECT_S, opener

BETWEEN_S = 2 * 3600.0
MOST_BACKOFF_S = 24 * 3600.0
MOST_RETRY_AFTER_S = 7 * 86_400.0
_UNREACHED_S = 600.0  # no server was bothered
_LONGEST_S = 180.0
_CHUNK = 65_536
_NOT_MODIFIED = 304


@dataclass(frozen=True)
class UrlState:
    """What is remembered of a URL; times are POSIX seconds."""

    not_before: float = 0.0
    failures: int = 0
    etag: str = ""
    last_modified: str = ""
    wanted: tuple[int, ...] = ()
    held: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, content: Any) -> UrlState:
        """From `to_json`; raises `ValueError`, `TypeError` or `KeyError` when it is none."""
        return cls(
            float(content["not_before"]), int(content["failures"]), str(content["etag"]),
            str(content["last_modified"]), tuple(map(int, content["wanted"])),
            tuple(map(int, content["held"])),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def wait_s(self, now: float) -> float:
        """How long to wait; a time beyond any back-off was written under a wrong clock and does not count."""
        wait = self.not_before - now
        return wait if 0 < wait <= MOST_RETRY_AFTER_S else 0.0

    def succeeded(self, now: float) -> UrlState:
        """After an answer that was of use."""
        return replace(self, not_before=now + BETWEEN_S, failures=0)

    def failed(self, now: float, *, reached: bool = True, retry_after_s: float = 0.0) -> UrlState:
        """After a failure: twice the wait each time, and no less than the server asks for."""
        first, most = (BETWEEN_S, MOST_BACKOFF_S) if reached else (_UNREACHED_S, BETWEEN_S)
        wait = min(first * 2.0 ** min(self.failures, 16), most)
        wait = max(wait, min(retry_after_s, MOST_RETRY_AFTER_S))
        return replace(self, not_before=now + wait, failures=self.failures + 1)


@dataclass(frozen=True)
class Answer:
    """What came: a body, or 304 without one, or why there is none."""

    status: int  # 0 when no server was reached
    content: bytes = b""
    reason: str = ""
    etag: str = ""
    last_modified: str = ""
    server_time: datetime | None = None
    retry_after_s: float = 0.0

    @property
    def unchanged(self) -> bool:
        """The server says that it still has what we had."""
        return self.status == _NOT_MODIFIED


def is_url(source: str) -> bool:
    """Whether a server is asked for it."""
    return source.lower().startswith(("http://", "https://"))


def download(
    url: str, state: UrlState, *, agent: str, conditional: bool, longest_s: float = _LONGEST_S
) -> Answer:
    """Ask once; never raises for anything that the network or the server does.

    `longest_s` holds for all of it, redirects and every single byte; only the name is looked up at the pace
    of the system's resolver.
    """
    until = time.monotonic() + longest_s
    late = Answer(1, reason=f"no whole answer within {longest_s:g} s")
    headers = {"User-Agent": agent, "Accept": "*/*"}
    if conditional and state.etag:
        headers["If-None-Match"] = state.etag
    if conditional and state.last_modified:
        headers["If-Modified-Since"] = state.last_modified
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 (the opener knows http and https)
        with opener(until).open(request, timeout=CONNECT_S) as response:
            return _answer(response, _body(response))
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error, b"")
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError) and time.monotonic() >= until:
            return late
        return Answer(0, reason=f"the server is not reached ({error.reason})")
    except TimeoutError:
        return late
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(1, reason=f"the answer broke off ({type(error).__name__}: {error})")


def _body(response: Any) -> bytes:
    """The body, whole."""
    chunks, size = [], 0
    while chunk := response.read1(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    # `read1` ends without a word where the connection does.
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(chunks)


def _answer(response: Any, content: bytes) -> Answer:
    headers, status = response.headers, int(response.status)
    good = status == http.client.OK
    return Answer(
        status,
        content if good else b"",
        "" if good or status == _NOT_MODIFIED else f"the server answers {status} {response.reason}",
        etag=str(headers.get("ETag", ""))[:500],
        last_modified=str(headers.get("Last-Modified", ""))[:100],
        server_time=_http_time(headers.get("Date")),
        retry_after_s=_retry_after_s(headers.get("Retry-After"), _http_time(headers.get("Date"))),
    )


def _http_time(text: str | None) -> datetime | None:
    try:
        time_ = parsedate_to_datetime(text or "")
        return time_.replace(tzinfo=UTC) if time_.tzinfo is None else time_.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _retry_after_s(text: str | None, server_time: datetime | None) -> float:
    """Seconds, or a date (RFC 9110, 10.2.3), which counts by the server's own clock."""
    if text and text.strip().isdigit():
        return float(text.strip()[:9])
    until = _http_time(text)
    if until is None or server_time is None:
        return 0.0
    return max((until - server_time).total_seconds(), 0.0)
