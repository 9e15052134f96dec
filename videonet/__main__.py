"""The command `videonet`, also as `python -m videonet`: it heeds signals before all imports.

What is imported next takes a quarter of a second, and a signal would show where it was at.
"""

import os
import signal
from contextlib import suppress


def main() -> None:
    """Run the command: see `videonet.cli.main`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not where who started us wants it ignored.
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, _end)
    from videonet.cli import main as run

    run()


def _end(number: int, _: object) -> None:
    with suppress(OSError):  # the terminal may be closed
        os.write(2, b"\nInterrupted; the same command goes on.\n")
    os._exit(128 + number)


if __name__ == "__main__":
    main()
