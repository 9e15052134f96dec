"""A worker process on this machine: `python -m videonet.execution.worker`.

It is started by `videonet.execution.worker_processes` for Beam's own runner, or by
`videonet.execution.worker_pool` for an engine, and ends when that process closes its standard
input, or has ended. With an argument, it prints that as soon as it can work.
"""

import importlib
import logging
import os
import signal
import sys
import threading

from videonet.curation.context import close_contexts
from videonet.stop_signal import ENDING

# Exit codes: a stage failed, which Beam's runner tries no second time; the run was given up.
FAULT, GIVEN_UP = 70, 71

# Seconds for the work in hand to be given up.
_GRACE = 2.0


def main() -> None:
    """Do the work that Beam asks for, until there is no more."""
    # Beam takes a second to import, and nobody else needs it here.
    from apache_beam.runners.worker import sdk_worker, sdk_worker_main

    # The terminal sends them to all. The process that has started this one says when it ends.
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_starter, name="starter", daemon=True).start()
    if sys.argv[1:]:
        _say_ready(sys.argv[1])
    else:
        logging.getLogger(sdk_worker.__name__).addHandler(_EndOnFault(logging.ERROR))
    try:
        sdk_worker_main.main(sys.argv)
    finally:
        close_contexts()


def _say_ready(word: str) -> None:
    """Tell the pool, which waits for it, that this process has all that stages are made of.

    An engine that hears of a stage's fault tells it on by itself: this process lives on.
    """
    # What can be missing is missed now. By name: the job is made of far more than its workers.
    importlib.import_module("videonet.pipelines.curate")
    print(word, flush=True)  # noqa: T201
    # Nobody reads what libraries print.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


class _EndOnFault(logging.Handler):
    """Ends this process once Beam has printed the traceback of work that failed.

    Otherwise nobody would hear of it before all other workers are done with theirs.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg.startswith("Error processing instruction"):
            _end(FAULT)


def _end_with_starter() -> None:
    while os.read(0, 1024):
        pass
    _end(GIVEN_UP)


def _end(code: int) -> None:
    """Give up the work in hand, so that others may have it at once, and end."""
    sys.stderr.flush()
    late = threading.Timer(_GRACE, os._exit, [code])
    late.daemon = True
    late.start()
    close_contexts()
    os._exit(code)


if __name__ == "__main__":
    main()
