"""Ending a run before it is done: a signal of its own for each run, and whatever waits heeds it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C, the request to end, and the end of the terminal.
ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


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


def heeded() -> list[signal.Signals]:
    """Those of ENDING that this thread may handle, and that are not ignored.

    Python handles signals in the main thread. A process that was started in the background ignores
    Ctrl-C, and one that was started with nohup ignores the end of the terminal: they go on doing
    so.
    """
    if threading.current_thread() is not threading.main_thread():
        return []
    return [each for each in sorted(ENDING) if signal.getsignal(each) not in (signal.SIG_IGN, None)]


@contextmanager
def set_on_interrupt(stop: StopSignal) -> Iterator[None]:
    """While this lasts, a signal of ENDING sets `stop`, then does what it did before.

    Beam waits for the threads of its stages before a KeyboardInterrupt comes back from it, so the
    threads have to hear of it first; what goes wrong from then on is a KeyboardInterrupt too.
    In threads but the main one, signals leave `stop` as it is. So does one that ends the process
    at once: there, nobody has said how it is to end.
    """
    before = {each: signal.getsignal(each) for each in heeded()}
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        stop.set()
        handler = before[signal.Signals(number)]
        assert callable(handler)
        handler(number, frame)

    for each, handler in before.items():
        if callable(handler):
            signal.signal(each, interrupt)
    try:
        yield
    except Exception as error:
        if interrupted:
            raise KeyboardInterrupt from error
        raise
    finally:
        for each, handler in before.items():
            if callable(handler):
                signal.signal(each, handler)
