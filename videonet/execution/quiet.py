"""Beam's threads that listen to other processes, while these may be gone at any moment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_connections() -> Iterator[None]:
    """While this lasts, Beam's threads that listen to others print no trace when these are gone.

    Why they are gone, the run says.
    """
    before = threading.excepthook

    def hook(error: threading.ExceptHookArgs) -> None:
        if not error.exc_type.__module__.startswith("grpc"):
            before(error)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
