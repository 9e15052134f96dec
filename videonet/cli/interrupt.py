"""Ctrl-C: the program ends at once, in one sentence; the same command goes on."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from videonet.cli.terminal import Console
from videonet.text import number

if TYPE_CHECKING:
    from videonet.curation.progress import Progress  # slow, and not needed for --help

INTERRUPTED = 130

_GRACE = 1.5  # seconds


class Stopping:
    """What is said and done when a program is interrupted: of a run, once there is one."""

    def __init__(self) -> None:
        # what the run counts; None: there is no run, or none yet
        self.counts: Progress | None = None

    @property
    def sentence(self) -> str:
        """What is said at once."""
        if self.counts is None:
            return "stopping"
        downloads = self.counts.going_on("download")
        if not downloads:
            return "stopping: nothing is lost"
        verb = "ends" if downloads == 1 else "end"
        return f"stopping: {number(downloads, 'download')} {verb}, nothing is lost"

    def show_no_more(self) -> None:
        """Let nothing more be shown of the run."""
        if self.counts is not None:
            self.counts.called_off = True

    def before_exit(self) -> None:
        """Say in the store that the run was stopped, and not killed."""
        if self.counts is not None:
            self.counts.end()


@contextmanager
def ended_by_interrupt(console: Console) -> Iterator[Stopping]:
    """Let SIGINT end the program with exit code INTERRUPTED, whatever its threads are at.

    A frame that is being classified and a server that does not answer cannot be called off.
    Nothing is ever half written, so after a short grace they are not waited for.
    """
    stopping = Stopping()
    said = threading.Event()

    def say() -> None:
        if not said.is_set():
            said.set()
            console.show_cursor()
            console.print("Interrupted; the same command goes on.")

    def end() -> None:
        say()
        stopping.before_exit()
        os._exit(INTERRUPTED)

    def answer() -> None:
        timer = threading.Timer(_GRACE, end)
        timer.daemon = True
        timer.start()
        # A terminal that was closed takes nothing more.
        with suppress(OSError):
            # By the file's number: what else prints may be in the middle of a line.
            os.write(2, f"\n{stopping.sentence}\n".encode())
        stopping.show_no_more()
        # Beam logs what comes through its stages as an error, with all of its traces.
        logging.disable()

    before = signal.getsignal(signal.SIGINT)
    # Not where who started us in the background wants it ignored.
    if not callable(before):
        yield stopping
        return
    with _answered(answer) as answered:

        def interrupt(*_: object) -> None:
            answered.wait(_GRACE)
            raise KeyboardInterrupt

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield stopping
        except KeyboardInterrupt:
            say()
            raise typer.Exit(INTERRUPTED) from None
        finally:
            signal.signal(signal.SIGINT, before)


@contextmanager
def _answered(answer: Callable[[], None]) -> Iterator[threading.Event]:
    """While this lasts, have a thread answer the first SIGINT; the event says that it has done so.

    Python handles signals in the main thread, and that may be within a library, such as one that
    reads a large file, for minutes. A byte for each signal comes at once.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    answered = threading.Event()

    def wait() -> None:
        while signals := ours.recv(64):
            if signal.SIGINT in signals and not answered.is_set():
                answer()
                answered.set()

    thread = threading.Thread(target=wait, name="videonet-interrupt", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield answered
    finally:
        signal.set_wakeup_fd(before)
        theirs.close()
        thread.join()
        ours.close()
