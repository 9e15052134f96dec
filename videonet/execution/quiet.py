"""What Beam says on its own, where the run says it better or it is no news."""

import logging
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


@contextmanager
def quiet_options() -> Iterator[None]:
    """While this lasts, Beam does not log which options its own parser lacks.

    Job servers have others, and slips were refused before.
    """
    logger = logging.getLogger("apache_beam.options.pipeline_options")

    def is_news(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Unparseable argument")

    logger.addFilter(is_news)
    try:
        yield
    finally:
        logger.removeFilter(is_news)
