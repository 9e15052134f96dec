"""Ctrl-C: the program ends at once, in one sentence; the same command goes on."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

INTERRUPTED = 130

_GRACE = 1.5  # seconds


@contextmanager
def ended_by_interrupt(console: Console) -> Iterator[None]:
    """Let SIGINT end the program with exit code INTERRUPTED, whatever its threads are at.

    A frame that is being classified and a server that does not answer cannot be called off.
    Nothing is ever half written, so after a short grace they are not waited for.
    """
    said = threading.Event()

    def say() -> None:
        if not said.is_set():
            said.set()
            console.show_cursor()
            console.print("Interrupted; the same command goes on.")

    def end() -> None:
        say()
        os._exit(INTERRUPTED)

    def interrupt(*_: object) -> None:
        # Beam logs what comes through its stages as an error, with all of its traces.
        logging.disable()
        timer = threading.Timer(_GRACE, end)
        timer.daemon = True
        timer.start()
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    # Not where who started us in the background wants it ignored.
    if callable(before):
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        say()
        raise typer.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGINT, before)
