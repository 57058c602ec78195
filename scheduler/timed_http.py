"""HTTP with one point of time beyond which nothing is waited for, and redirects to http and https alone."""

from __future__ import annotations

import http.client
import io
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

CONNECT_S = 30.0
_REDIRECTS = 4


class _Timed(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens http and https so that nothing is waited for beyond one point of time (`time.monotonic`)."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self._until = until

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(partial(self._connection, http.client.HTTPConnection), req)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(partial(self._connection, http.client.HTTPSConnection), req)

    def _connection(self, kind: type[http.client.HTTPConnection], host: str, *, timeout: float) -> Any:
        connection = kind(host, timeout=min(timeout, _left_s(self._until)))
        connection.response_class = partial(_TimedResponse, self._until)  # type: ignore[assignment]
        return connection


class _TimedResponse(http.client.HTTPResponse):
    """An answer that is read through `_TimedReader`, from its first line on."""

    def __init__(self, until: float, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, until))


class _TimedReader(io.RawIOBase):
    """The bytes of a socket. A time-out of the socket alone starts anew with each byte that drips in."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._raw, self._sock, self._until = raw, sock, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(_left_s(self._until), CONNECT_S))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _left_s(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https alone, and never from the secure to the insecure."""

    max_redirections = _REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:  # noqa: PLR0917 (urllib calls it so)
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            raise urllib.error.URLError(f"it redirects to {newurl[:100]!r}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener(until: float) -> urllib.request.OpenerDirector:
    """An opener without the handlers for file:, ftp: and data: that urllib has by default."""
    opener = urllib.request.OpenerDirector()
    handlers: Sequence[urllib.request.BaseHandler] = (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        _Timed(until),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    )
    for handler in handlers:
        opener.add_handler(handler)
    return opener
