"""A server that draws out its answers: it sends one byte now and then, or none."""

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

# Sends an answer to the request that came over a connection.
Answer = Callable[["Stalling", socket.socket], None]

# Seconds between two bytes of an answer that is drawn out.
PAUSE = 0.05


class Stalling:
    """Answers by path; a client that says nothing that is HTTP gets the answer of the path ""."""

    def __init__(self, answers: Mapping[str, Answer], host: str = "127.0.0.1") -> None:
        """`host`: the address that it listens at; "" for all of this machine."""
        self._answers = answers
        self._closing = threading.Event()
        self._listening = socket.create_server((host, 0))
        self.port: int = self._listening.getsockname()[1]
        self.paths: list[str] = []
        # what each client began with
        self.asked: list[bytes] = []

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def wait(self, seconds: float) -> None:
        """Raise ConnectionAbortedError when the server closes."""
        if self._closing.wait(seconds):
            raise ConnectionAbortedError

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            asked = b""
            while b"\r\n\r\n" not in asked and asked[:3] in (b"", b"GET", b"CON"):
                more = connection.recv(1 << 16)
                if not more:
                    return
                asked += more
            self.asked.append(asked)
            words = asked.split(b" ")
            path = words[1].decode() if words[0] == b"GET" else ""
            self.paths.append(path)
            self._answers[path](self, connection)


def sends(content: bytes, kind: str = "text/html", head: str = "") -> Answer:
    """The whole of an answer, at once."""

    def answer(_: Stalling, connection: socket.socket) -> None:
        length = f"Content-Length: {len(content)}\r\nConnection: close\r\n"
        start = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{head}{length}\r\n"
        connection.sendall(start.encode() + content)

    return answer


def drips(start: bytes, byte: bytes = b"a") -> Answer:
    """A beginning, and then one byte after the other without an end."""

    def answer(server: Stalling, connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            server.wait(PAUSE)
            connection.sendall(byte)

    return answer


def is_silent(server: Stalling, _: socket.socket) -> None:
    """Nothing at all."""
    server.wait(3600)


def redirects(server: Stalling, connection: socket.socket) -> None:
    """Sends the client round and round, a step each quarter of a second."""
    server.wait(0.25)
    said = "HTTP/1.1 302 Found\r\nLocation: /{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    connection.sendall(said.format("round").encode())


def tunnels(to: Answer) -> Answer:
    """A proxy's, which says that it is connected, and answers as `to` to what then comes."""

    def answer(server: Stalling, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.recv(1 << 16)
        to(server, connection)

    return answer
