"""A web server in a process of its own, so that it shares no lock with what is measured."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import quote

from demo.server import Request, VideoServer

LOG, END = "log", "end"

PATIENCE = 10
"""Seconds in which answers must end once their clients are gone."""


class Served:
    """Another process that serves a folder."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.address: str = connection.recv()

    def url(self, path: str) -> str:
        """The url of a file, given its path below the folder."""
        return f"{self.address}/{quote(path)}"

    def take_log(self) -> list[Request]:
        """What was asked since this was called the last time, once every answer has ended.

        To be called when no client is left.
        """
        self._connection.send(LOG)
        log: list[Request] = self._connection.recv()
        return log


@contextmanager
def serving(
    folder: Path, *, delay: float = 0, bytes_per_second: int | None = None
) -> Iterator[Served]:
    """Serve `folder` while the block lasts.

    `delay` (seconds) and `bytes_per_second` (of each connection) are those of `VideoServer`.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(
        target=_serve, args=(folder, delay, bytes_per_second, there), daemon=True
    )
    process.start()
    there.close()
    try:
        yield Served(here)
        here.send(END)
    finally:
        here.close()
        process.join(PATIENCE)
        process.terminate()


def _serve(
    folder: Path, delay: float, bytes_per_second: int | None, connection: Connection
) -> None:
    taken = 0
    with VideoServer(folder, delay=delay, bytes_per_second=bytes_per_second) as server:
        connection.send(server.address)
        while True:
            try:
                if connection.recv() == END:
                    return
            except EOFError:
                return  # the benchmark has failed
            log = _ended(server)[taken:]
            taken += len(log)
            connection.send(log)


def _ended(server: VideoServer) -> list[Request]:
    limit = time.monotonic() + PATIENCE
    while True:
        log = server.requests()
        if all(each.ended is not None for each in log):
            return log
        if time.monotonic() > limit:
            raise TimeoutError("an answer goes on although no client is left")
        time.sleep(0.01)
