"""Signals that end a program: it ends at once, in one sentence; the same command goes on.

These are Ctrl-C, SIGTERM, which `kill` and schedulers send before SIGKILL, and SIGHUP of a terminal
that is closed.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from videonet.cli.terminal import Console
from videonet.stop_signal import heeded
from videonet.text import number

if TYPE_CHECKING:
    # slow, and not needed for --help
    from videonet.curation.progress import Progress
    from videonet.curation.run_counts import RunCounts

_GRACE = 1.5  # seconds


class Stopping:
    """What is said and done when a program is interrupted: of a run, once there is one."""

    def __init__(self) -> None:
        # what the run counts; None: there is no run, or none yet
        self.counts: Progress | RunCounts | None = None
        # the first signal; None: there was none
        self.signal: int | None = None
        # what is said at the very end
        self.last_words = "Interrupted; the same command goes on."

    @property
    def exit_code(self) -> int:
        """As shells count signals: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + (self.signal or signal.SIGINT)

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
def ended_by_signal(
    console: Console, but: Collection[int] = (), but_first: Mapping[int, str] | None = None
) -> Iterator[Stopping]:
    """Let a signal of ENDING end the program with its exit code, whatever its threads are at.

    A frame that is being classified and a server that does not answer cannot be called off.
    Nothing is ever half written, so after a short grace they are not waited for. What comes after
    the first signal changes nothing, since the end is near by then. Signals `but` these are left to
    somebody else; so is the first of each of `but_first`, where its sentence is said.

    The first signal raises SystemExit in the main thread. Within another such context, this one
    answers as long as it lasts.
    """
    stopping = Stopping()
    said = threading.Event()

    def say() -> None:
        if not said.is_set():
            said.set()
            # A terminal that was closed takes nothing more.
            with suppress(OSError):
                console.show_cursor()
                console.print(stopping.last_words, soft_wrap=True, markup=False, highlight=False)

    def say_at_once(sentence: str) -> None:
        if not console.quiet:
            with suppress(OSError):
                # By the file's number: what else prints may be in the middle of a line.
                os.write(2, f"\n{sentence}\n".encode())

    def end() -> None:
        say()
        stopping.before_exit()
        os._exit(stopping.exit_code)

    def answer(number: int) -> None:
        stopping.signal = number
        timer = threading.Timer(_GRACE, end)
        timer.daemon = True
        timer.start()
        say_at_once(stopping.sentence)
        stopping.show_no_more()
        # Beam logs what comes through its stages as an error, with all of its traces.
        logging.disable()

    here = heeded()
    if not here:
        yield stopping
        return
    before = {number: signal.getsignal(number) for number in here if number not in but}
    left = dict(but_first or {})

    def ends(number: int) -> bool:
        if number in left:
            say_at_once(left.pop(number))
            return False
        return number in before

    # Also where all are left to somebody else: a context around this one must not hear of them.
    with _answered(answer, ends) as answered:
        interrupted = False

        def interrupt(*_: object) -> None:
            nonlocal interrupted
            if not interrupted:
                interrupted = True
                # PyTorch raises by it, wherever we are, when a process of its own has ended. All
                # of a group are sent the same signal.
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answered.wait(_GRACE)
                raise SystemExit(stopping.exit_code)

        for number in before:
            signal.signal(number, interrupt)
        try:
            yield stopping
        except BaseException:
            # Whatever it is comes of the signal.
            if not interrupted and stopping.signal is None:
                raise
            say()
            raise SystemExit(stopping.exit_code) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _answered(
    answer: Callable[[int], None], ends: Callable[[int], bool]
) -> Iterator[threading.Event]:
    """While this lasts, have a thread answer the first signal that `ends` the program.

    The event says that it has done so.

    Python handles signals in the main thread, and that may be within a library, such as one that
    reads a large file, for minutes. A byte for each signal comes at once.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    answered = threading.Event()

    def wait() -> None:
        while signals := ours.recv(64):
            ending = [number for number in signals if ends(number)]
            if ending and not answered.is_set():
                answer(ending[0])
                answered.set()

    thread = threading.Thread(target=wait, name="videonet-interrupt", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield answered
    finally:
        signal.set_wakeup_fd(before)
        # Closed, it would be open still in processes that were forked meanwhile.
        theirs.shutdown(socket.SHUT_WR)
        theirs.close()
        thread.join()
        ours.close()
