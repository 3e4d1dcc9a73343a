"""The server of the page: on the loopback interface, for its own two paths, to readers only."""

import re
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from contraflow.foundations.errors import UserError
from contraflow.watch.page import Sight, changing, render, tag

LOOPBACK = "127.0.0.1"
HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)  # the port may be that of a tunnel to here
ANSWERS = {
    "/": (render, "text/html; charset=utf-8"),
    "/changing.json": (changing, "application/json; charset=utf-8"),
}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
HEADERS = {
    "Cache-Control": "no-cache",  # ask again, by the tag
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
FRESH = 1.0  # seconds in which a look serves all who ask
IDLE = 60  # seconds after which a connection on which nobody asks is closed


class Server(ThreadingHTTPServer):
    """Serves what `look` sees, on a port of the loopback interface; 0 takes a free one.

    Raises:
        UserError: the port is taken or may not be used.
    """

    daemon_threads = True

    def __init__(self, look: Callable[[], Sight], port: int = 0):
        self._look, self._lock = look, threading.Lock()
        self._sight: Sight | None = None
        self._until = 0.0
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            raise UserError(f"--port must be free and allowed, got {port} ({error.strerror})") from None

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/"

    def sight(self) -> Sight:
        """What is seen now; however many ask, it is looked at once a second at most."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._sight = self._look()
                self._until = time.monotonic() + FRESH
            return self._sight

    def handle_error(self, request, client_address) -> None:
        """Who asks may go away before the answer: that is no error here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "contraflow", ""
    timeout = IDLE
    server: Server

    def do_GET(self) -> None:
        if not HOST.fullmatch(self.headers.get("Host", "")):
            # another name that leads here is a page of somebody else, who would read this one (DNS rebinding)
            self._answer(HTTPStatus.FORBIDDEN, b"ask for 127.0.0.1 or localhost\n")
        elif self.path not in ANSWERS:
            self._answer(HTTPStatus.NOT_FOUND, b"there is / and /changing.json\n")
        else:
            make, kind = ANSWERS[self.path]
            content = make(self.server.sight())
            same = tag(content) in self.headers.get("If-None-Match", "").split(", ")
            status = HTTPStatus.NOT_MODIFIED if same else HTTPStatus.OK
            self._answer(status, b"" if same else content, kind, tag(content))

    do_HEAD = do_GET

    def _answer(
        self, status: HTTPStatus, content: bytes, kind: str = "text/plain; charset=utf-8", tag: str = ""
    ) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if tag:
            self.send_header("ETag", tag)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_) -> None:
        """Who watches wants no line a look."""
