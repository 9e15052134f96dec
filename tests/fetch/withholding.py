"""A server that is odd with ranges, or gives a file only as far as a certain byte."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


class Withholding(ThreadingHTTPServer):
    """Serves `folder`; `limits` say for some names how many bytes of the file it gives.

    It may be `generous`, and give all from the first byte on that it was asked for; `unstable`, and
    name another ETag each time; or `refuse` with that status each request for a range.
    """

    daemon_threads = True

    def __init__(
        self,
        folder: Path,
        limits: dict[str, int],
        *,
        ranges: bool = True,
        generous: bool = False,
        unstable: bool = False,
        refuse: int | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.limits, self.ranges = folder, limits, ranges
        self.generous, self.unstable, self.refuse = generous, unstable, refuse
        # of each request: name, bytes sent, and headers
        self.log: list[tuple[str, int, dict[str, str]]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def sent(self, name: str) -> int:
        return sum(size for each, size, _ in self.log if each == name)

    @contextmanager
    def serving(self) -> Iterator["Withholding"]:
        thread = Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Withholding

    def do_GET(self) -> None:
        name = self.path.strip("/")
        data = (self.server.folder / name).read_bytes()
        limit = self.server.limits.get(name, len(data))
        begin, end = 0, len(data)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked and self.server.ranges:
            begin = int(asked[1])
            end = min(end, int(asked[2]) + 1) if asked[2] and not self.server.generous else end
        given = data[begin : min(end, limit)]
        self.server.log.append((name, len(given), dict(self.headers)))
        refusal = self.server.refuse if asked else None
        if refusal or (begin and not given):
            self.send_response(refusal or 403)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked and self.server.ranges else 200)
        kind = "text/html" if name.endswith(".html") else "video/mp4"
        self.send_header("Content-Type", kind)
        if self.server.unstable:
            self.send_header("ETag", f'"{len(self.server.log)}"')
        self.send_header("Content-Length", str(end - begin))
        if asked and self.server.ranges:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(given)
        self.close_connection = len(given) < end - begin

    def log_message(self, *_) -> None:
        return
