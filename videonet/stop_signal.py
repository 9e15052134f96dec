"""Ending a run before it is done: a signal of its own for each run, and whatever waits heeds it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """The work was given up because the run is to end; it says nothing of the video.

    No Exception, so that nothing takes it for a failure and records it.
    """


class StopSignal(threading.Event):
    """Set when one run is to end; another run in the same process has another signal."""

    def check(self) -> None:
        """Raise Stopped if the run is to end."""
        if self.is_set():
            raise Stopped


@contextmanager
def set_on_interrupt(stop: StopSignal) -> Iterator[None]:
    """While this lasts, SIGINT sets `stop`, then does what it did before.

    Beam waits for the threads of its stages before a KeyboardInterrupt comes back from it, so the
    threads have to hear of it first; what goes wrong from then on is a KeyboardInterrupt too.
    Python handles signals in the main thread: in any other, SIGINT leaves `stop` as it is.
    """
    before = signal.getsignal(signal.SIGINT)
    # A process that was started in the background ignores it, and goes on doing so.
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return

    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        stop.set()
        before(number, frame)

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception as error:
        if interrupted:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
