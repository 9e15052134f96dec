"""Ending a run before it is done: one event of this process, which whoever waits looks at."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Set: the run is to end, and what waits is to give up.
event = threading.Event()


class Stopped(BaseException):
    """The work was given up because the run is to end; it says nothing of the video.

    No Exception, so that nobody takes it for a failure and records it.
    """


def check() -> None:
    """Raise Stopped if the run is to end."""
    if event.is_set():
        raise Stopped


@contextmanager
def on_interrupt() -> Iterator[None]:
    """While this lasts, SIGINT sets the event, then does what it did before.

    Beam waits for the threads of its stages before a KeyboardInterrupt comes back from it, so the
    threads have to hear of it first. Begins with the event cleared.
    """
    event.clear()
    before = signal.getsignal(signal.SIGINT)
    # Who started us in the background wants it ignored; and only one thread handles signals.
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        event.set()
        before(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
