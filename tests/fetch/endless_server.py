"""A server whose pages do not end, or unpack to giants: what it sends depends on the path."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from threading import Thread

import brotli

# Bytes of text that a small packed page becomes.
GIANT = 400_000_000

HTML = b"<!DOCTYPE html><html><head><title>a page</title></head><body>"
MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n"
MEDIA = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n"
_BLOCK = 1 << 16


def filled(beginning: bytes, filling: bytes) -> Iterator[bytes]:
    """A text that begins in one way and goes on in another, for ever."""
    yield beginning
    yield from repeat(filling * (_BLOCK // len(filling)))


def _of_giant(beginning: bytes, filling: bytes) -> Iterator[bytes]:
    sent = 0
    for block in filled(beginning, filling):
        yield block
        sent += len(block)
        if sent >= GIANT:
            return


def gzipped(beginning: bytes, filling: bytes, wbits: int = 31) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    blocks = map(packer.compress, _of_giant(beginning, filling))
    return b"".join(blocks) + packer.flush()


def brotlied(beginning: bytes, filling: bytes) -> bytes:
    packer = brotli.Compressor(quality=5)
    return b"".join(map(packer.process, _of_giant(beginning, filling))) + packer.finish()


# Gets a path; gives status, headers and the blocks of the body.
Answer = Callable[[str], tuple[int, list[tuple[str, str]], Iterator[bytes]]]


@contextmanager
def endless_server(answer: Answer) -> Iterator[str]:
    """Its address, without a slash at the end. Bodies end when the connection does."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            with suppress(OSError):
                for block in body:
                    self.wfile.write(block)
            self.close_connection = True

        def do_POST(self) -> None:
            # Were it not read, closing the connection would cut the answer short.
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
