"""A real HTTP server on loopback that gives what a test says, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Script:
    """What the next answers are, and the headers of the requests that came."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    act: Callable[[BaseHTTPRequestHandler], None] | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving() -> Iterator[Script]:
    """A server while the block runs."""
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script.requests.append({"path": self.path, **dict(self.headers.items())})
            if script.act is not None:
                script.act(self)
                return
            given = {"Content-Length": str(len(script.body)), **script.headers}
            self.send_response_only(script.status)
            for key, value in given.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(script.body)

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}/elements"
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
