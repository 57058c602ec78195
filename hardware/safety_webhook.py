"""Safety values that are posted to us: `POST /NAME` with a bearer token and a number or a JSON object.

    curl -H "Authorization: Bearer $TOKEN" -d 7.5 http://127.0.0.1:8089/wind

Bounded in every respect: bytes, seconds, clients at once. What is posted is not trusted.
"""

from __future__ import annotations

import contextlib
import hmac
import socket
import threading
from collections import Counter
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from typing import Any

from hardware.errors import SafetyError
from hardware.safety_sources import LONGEST, Latest

_TIMEOUT_S = 3.0
_MOST_CLIENTS = 128
_MOST_OF_ONE = 32  # of one address, so that no other one is kept out
_SHORTEST_TOKEN = 16


class Webhook:
    """Listens until closed, and tells each source what is posted under its name.

    Args:
        sources: by name, which is the path.
        token: that every post carries.
        host: to listen on.
        port: to listen on; 0 for a free one.

    Raises:
        SafetyError: a token that can be guessed, or a port that cannot be used.
    """

    def __init__(
        self, sources: Mapping[str, Latest], *, token: str, host: str = "127.0.0.1", port: int = 8089
    ) -> None:
        if len(token) < _SHORTEST_TOKEN:
            raise SafetyError(
                f"a webhook token of {len(token)} characters; at least {_SHORTEST_TOKEN} are needed"
            )
        try:
            self._server = _Server((host, port), _Handler)
        except OSError as error:
            raise SafetyError(f"webhook: {host}:{port} cannot be used: {error.strerror}") from None
        self._server.sources, self._server.token = dict(sources), token.encode()
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End; may be called again."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, HTTPServer):
    daemon_threads = True
    request_queue_size = _MOST_CLIENTS
    sources: dict[str, Latest]
    token: bytes

    def __init__(self, *arguments: Any) -> None:
        self._clients: Counter[str] = Counter()
        self._counting = threading.Lock()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._enters(client_address[0]):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def _enters(self, address: str) -> bool:
        with self._counting:
            if self._clients[address] >= _MOST_OF_ONE or self._clients.total() >= _MOST_CLIENTS:
                return False
            self._clients[address] += 1
            return True

    def _leaves(self, address: str) -> None:
        with self._counting:
            self._clients[address] -= 1
            self._clients += Counter()  # forgets who is gone

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        deadline = threading.Timer(_TIMEOUT_S, _hang_up, (request,))
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._leaves(client_address[0])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is its own affair."""


def _hang_up(request: socket.socket) -> None:
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _TIMEOUT_S
    server_version, sys_version = "tramthu", ""

    def do_POST(self) -> None:
        """One value."""
        status, words = self._take()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def _take(self) -> tuple[int, bytes]:
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, b"Bearer " + self.server.token):
            return 401, b"a bearer token is needed\n"
        source = self.server.sources.get(self.path.removeprefix("/"))
        if source is None:
            return 404, b"no such value\n"
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or len(length) > 9:
            return 411, b"a Content-Length is needed\n"
        if int(length) > LONGEST:
            return 413, b"at most %d bytes\n" % LONGEST
        problem = source.tell(self.rfile.read(int(length)))
        return (400, f"{problem}\n".encode()) if problem else (204, b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Values are logged where they count."""
