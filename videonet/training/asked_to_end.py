"""Asked to end: a signal, which all ranks heed before the same step, after a checkpoint.

Schedulers send SIGTERM before they kill a process, and where they are told to another signal, such
as SIGUSR1, some minutes before its time is up. It reaches ranks at different moments, or one of
them alone. A rank that ended by itself would leave the others waiting for its gradients; so a
signal is only noted, and the ranks agree on it (`videonet.training.distributed.Agreement`). Ctrl-C
is one of them the first time; after that it is what it was before, for who does not want to wait.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Each is heeded as soon as the step in hand is done.
ASKING = frozenset({signal.SIGUSR1, signal.SIGTERM, signal.SIGINT})


class Asked:
    """The signal that this process has got; 0: none."""

    number = 0


class AskedToEndError(Exception):
    """All ranks have ended a training between two steps; the same command goes on."""

    def __init__(self, number: int, done: int, steps: int) -> None:
        """By a signal of this number, after so many of all steps."""
        super().__init__(f"asked to end after step {done:,} of {steps:,}")
        self.number, self.done, self.steps = number, done, steps


@contextmanager
def asked_to_end() -> Iterator[Asked]:
    """While this lasts, note a signal of ASKING and go on. In the main thread alone.

    Also where they were ignored: a launcher that is sent SIGUSR1 with its ranks has to ignore it.
    Ctrl-C that is ignored, as in the background, stays so. A second Ctrl-C is not noted.
    """
    asked = Asked()
    before = {each: signal.getsignal(each) for each in ASKING}
    if before[signal.SIGINT] is signal.SIG_IGN:
        del before[signal.SIGINT]

    def restore(number: int) -> None:
        handler = before[signal.Signals(number)]
        signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def note(number: int, _: object) -> None:
        asked.number = number
        if number == signal.SIGINT:
            restore(number)

    for each in before:
        signal.signal(each, note)
    try:
        yield asked
    finally:
        for each in before:
            restore(each)


def leave_to_trainer(_: int) -> None:
    """Outlast the signals of ASKING in a process that reads clips, but for those of its trainer.

    They are sent to all processes of a group, and the one that trains needs its batches until it
    has heard of it; when it ends, it ends this one by the same signal.
    """
    # In threads that begin after this, too.
    signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
    threading.Thread(target=_end_with_trainer, name="asked-to-end", daemon=True).start()


def _end_with_trainer() -> None:
    while signal.sigwaitinfo(ASKING).si_pid != os.getppid():
        pass
    os._exit(128 + signal.SIGTERM)
