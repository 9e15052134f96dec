"""A real web server, on this machine, for the files of one folder: see `VideoServer`."""

import os
import re
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import quote, unquote, urlsplit

from demo.behaviours import (
    Bandwidth,
    Behaviour,
    Cut,
    Delay,
    Hang,
    Hold,
    NoLength,
    NoRanges,
    Redirect,
    Status,
    WrongLength,
)

# Outside the public web: a run has to be told that it may ask it.
HOST = "127.0.0.1"

CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".ts": "video/mp2t",
    ".ogg": "audio/ogg",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}

BLOCK = 1 << 18
"""Bytes that are sent at a time."""

SEND_BUFFER = 1 << 16
"""Bytes that wait in the system for a client (Linux takes twice as many)."""

CATCH_UP = 0.05
"""Seconds that a paced answer which fell behind may make good; what a slow client lets pass beyond
that is lost, as on a line."""


@dataclass(frozen=True)
class Request:
    """One request, and what it has been answered so far."""

    time: float
    """Arrival, seconds on the clock of `time.monotonic`."""
    method: str
    path: str
    range: str | None = None
    """The Range header as it came."""
    status: int | None = None
    """None while it waits for an answer."""
    bytes_sent: int = 0
    """Bytes of body that were given to the connection.

    As many as a client received that read its answer to the end. Of one that hung up earlier, those
    that were on their way count too: up to two `SEND_BUFFER`s here, and what its own system had
    taken for it, which may be megabytes. They did cross the line, so they are part of what a
    download costs; a client that asks for no more than it wants has none of them.
    """
    ended: float | None = None
    """When the last byte of the answer was given to the connection, or it broke; on the same clock.
    None until then."""


class VideoServer:
    """Serves `folder` on 127.0.0.1, at a free port, while its `with` block lasts.

        with VideoServer(folder, behaviours={"a.mp4": Status(503, times=2)}) as server:
            requests.get(server.url("a.mp4"))
            server.requests("a.mp4")[0].status  # 503

    `behaviours` are by path below the folder, without a leading slash; the path needs no file.
    Every answer waits `delay` seconds, and gives its connection `bytes_per_second` at most. Without
    `ranges`, every answer is a whole file. A subclass of `Handler` may answer instead: `handler`
    makes one from this server and from what http.server hands to its handlers.
    """

    def __init__(
        self,
        folder: Path,
        behaviours: Mapping[str, Behaviour] | None = None,
        *,
        delay: float = 0,
        bytes_per_second: int | None = None,
        ranges: bool = True,
        handler: Callable[..., "Handler"] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.behaviours = dict(behaviours or {})
        self.delay = delay
        self.bytes_per_second = bytes_per_second
        self.ranges = ranges
        self.closing = threading.Event()
        self._log: list[Request] = []
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._http = _Server((HOST, 0), partial(handler or Handler, self))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def address(self) -> str:
        """The server's url without a path: "http://127.0.0.1:40217"."""
        return f"http://{HOST}:{self._http.server_port}"

    def url(self, path: str) -> str:
        """The url of a file, given its path below the folder."""
        return f"{self.address}/{quote(path)}"

    def forget_requests(self) -> None:
        """Treat the next request for each file as the first one. The log of all requests stays."""
        with self._lock:
            self._asked.clear()

    def requests(self, path: str | None = None) -> list[Request]:
        """All requests so far in order of arrival, or those for one path.

        An entry never lags behind what a client has received. Of an answer that goes on it may be a
        block ahead.
        """
        with self._lock:
            return [each for each in self._log if path is None or each.path == path]

    def arrive(self, request: Request) -> tuple[int, int]:
        """Logs a request. Returns its index, and how many its path has had by now, it included."""
        with self._lock:
            self._log.append(request)
            self._asked[request.path] += 1
            return len(self._log) - 1, self._asked[request.path]

    def answer(self, index: int, *, status: int | None = None, sent: int = 0) -> None:
        """Logs what is about to be sent in answer to the request at `index`.

        Below zero, `sent` takes back what was logged and could not be sent.
        """
        with self._lock:
            request = self._log[index]
            self._log[index] = replace(
                request, status=status or request.status, bytes_sent=request.bytes_sent + sent
            )

    def end(self, index: int) -> None:
        """Logs that the request at `index` is sent nothing more."""
        with self._lock:
            self._log[index] = replace(self._log[index], ended=time.monotonic())

    def __enter__(self) -> Self:
        """Begins to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Breaks every connection; the port is free."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    """Knows its connections, so that none outlives it."""

    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Callable[..., Any]) -> None:
        super().__init__(address, handler)
        self._connections: set[socket.socket] = set()
        # Every connection has its listener's.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Breaks every connection that is still open."""
        for connection in list(self._connections):
            with suppress(OSError):  # the client was quicker
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of clients that went away."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection as the server's `behaviours` say, and logs them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, server: VideoServer, *args: Any) -> None:
        self.site = server
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answers a request for a file."""
        path = unquote(urlsplit(self.path).path).lstrip("/")
        behaviour = self.site.behaviours.get(path)
        request = Request(time.monotonic(), self.command, path, self.headers.get("Range"))
        self.index, nth = self.site.arrive(request)
        try:
            self._answer(path, behaviour, nth)
        finally:
            self.site.end(self.index)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _answer(self, path: str, behaviour: Behaviour | None, nth: int) -> None:
        self.wait(self.site.delay)
        match behaviour:
            case Status(status, times, retry_after) if times is None or nth <= times:
                self.send_status(status, {"Retry-After": retry_after})
                return
            case Redirect(to, status):
                self.send_status(status, {"Location": to if "://" in to else f"/{quote(to)}"})
                return
            case Delay(seconds):
                self.wait(seconds)
            case Hold(until):
                while not until.is_set():
                    self.wait(0.02)
            case Cut(_, times) if times is not None and nth > times:
                behaviour = None
        file = (self.site.folder / path).resolve()
        if file.is_file() and file.is_relative_to(self.site.folder):
            self.send_file(file, behaviour)
        else:
            self.send_status(HTTPStatus.NOT_FOUND)

    def send_file(self, file: Path, behaviour: Behaviour | None) -> None:
        """Answers with a file, or with the range of it that was asked for."""
        stat = file.stat()
        etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
        ranges = self.site.ranges and not isinstance(behaviour, NoRanges)
        unchanged = self.headers.get("If-Range", etag) == etag
        part = _part(self.headers.get("Range"), stat.st_size) if ranges and unchanged else None
        if part is not None and not part:
            whole = {"Content-Range": f"bytes */{stat.st_size}"}
            self.send_status(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, whole)
            return
        headers: dict[str, object] = {
            "Content-Type": CONTENT_TYPES.get(file.suffix, "application/octet-stream"),
            "ETag": etag,
            "Accept-Ranges": "bytes" if ranges else "none",
        }
        if part is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{stat.st_size}"
        span = range(stat.st_size) if part is None else part
        match behaviour:
            case NoLength(chunked=True):
                headers["Transfer-Encoding"] = "chunked"
            case NoLength():
                headers["Connection"] = "close"
            case WrongLength(by):
                headers |= {"Content-Length": len(span) + by, "Connection": "close"}
            case _:
                headers["Content-Length"] = len(span)
        self.send_headers(HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT, headers)
        self._send_body(file, span, behaviour)

    def _send_body(self, file: Path, span: range, behaviour: Behaviour | None) -> None:
        if self.command == "HEAD":
            return
        chunked = behaviour == NoLength(chunked=True)
        if isinstance(behaviour, Cut | Hang):
            span = span[: behaviour.after]
        speed = self.site.bytes_per_second
        if isinstance(behaviour, Bandwidth):
            speed = behaviour.bytes_per_second
        size = min(BLOCK, speed // 20 + 1) if speed else BLOCK
        due = time.monotonic()
        with file.open("rb") as source:
            for start in range(span.start, span.stop, size):
                block = range(start, min(start + size, span.stop))
                if speed:
                    now = time.monotonic()
                    due = max(due, now - CATCH_UP) + len(block) / speed
                    self.wait(due - now)
                self._send_block(source, block, chunked=chunked)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        if isinstance(behaviour, Hang):
            self.site.closing.wait()
        if isinstance(behaviour, Cut | Hang):
            self.close_connection = True

    def _send_block(self, source: BinaryIO, block: range, *, chunked: bool) -> None:
        if self._has_hung_up():
            raise ConnectionResetError
        # Before, so that the log does not lag behind the client; what was not sent is taken back.
        self.site.answer(self.index, sent=len(block))
        left = len(block)
        try:
            if chunked:
                source.seek(block.start)
                self.wfile.write(b"%x\r\n%b\r\n" % (left, source.read(left)))
                left = 0
            # Not through this process: what is measured beside it needs the processors.
            to, of = self.connection.fileno(), source.fileno()
            while left and (sent := os.sendfile(to, of, block.stop - left, left)):
                left -= sent
        finally:
            self.site.answer(self.index, sent=-left)

    def _has_hung_up(self) -> bool:
        """Whether the client has closed its end: to send first would be the way to find out."""
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False

    def send_status(self, status: int, headers: Mapping[str, object] | None = None) -> None:
        """Answers with a status, and a page that says no more."""
        body = f"<!doctype html><title>{status}</title><p>{status}\n".encode()
        page = {"Content-Type": CONTENT_TYPES[".html"], "Content-Length": len(body)}
        self.send_headers(status, page | dict(headers or {}))
        if self.command != "HEAD":
            self.site.answer(self.index, sent=len(body))
            self.wfile.write(body)

    def send_headers(self, status: int, headers: Mapping[str, object]) -> None:
        """Sends and logs what an answer begins with; a header of None is left out."""
        self.site.answer(self.index, status=int(status))
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()

    def wait(self, seconds: float) -> None:
        """Sleeps; the server's end is the end of the answer too."""
        if seconds > 0 and self.site.closing.wait(seconds):
            raise ConnectionAbortedError

    def log_message(self, *_: object) -> None:
        """The log is `VideoServer.requests`."""


def _part(header: str | None, size: int) -> range | None:
    """The bytes of `size` that a Range header asks for, maybe none; None: the whole file."""
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if not asked or asked[0] == "bytes=-":
        return None
    if not asked[1]:
        return range(max(0, size - int(asked[2])), size)
    return range(int(asked[1]), min(size, int(asked[2]) + 1) if asked[2] else size)
