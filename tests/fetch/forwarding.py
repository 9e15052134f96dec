"""A forward proxy on this machine, and what it was asked."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from tests.patience import PATIENCE


class Forwarder(BaseHTTPRequestHandler):
    """A forward proxy: fetches what it is asked for, or answers with its server's `status`."""

    server: "ForwardProxy"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["Proxy-Authorization"]))
        if self.server.status is None:
            own = ("Host", "Connection", "Proxy-Authorization", "Proxy-Connection")
            headers = {name: value for name, value in self.headers.items() if name not in own}
            answer = requests.get(
                self.path, headers=headers, timeout=PATIENCE, proxies={"http": ""}
            )
            self.answer(answer.status_code, answer.content, answer.headers)
        elif self.server.status:
            self.answer(self.server.status, b"")
        else:
            self.close_connection = True

    do_CONNECT = do_GET  # noqa: N815  # http.server's name

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name in ("Content-Type", "Content-Range", "ETag"):
            if headers and name in headers:
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


class ForwardProxy(ThreadingHTTPServer):
    """`status`: None to forward, 0 to break off, or what to answer."""

    daemon_threads = True

    def __init__(self, status: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Forwarder)
        self.status = status
        self.seen: list[tuple[str, str | None]] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def __enter__(self) -> "ForwardProxy":
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()
