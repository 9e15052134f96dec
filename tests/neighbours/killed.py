"""`videonet` that is killed at a chosen moment.

    python -m tests.neighbours.killed FOLDER NUMBER videonet's arguments

It ends before a file is put in its place below FOLDER for the time of that number, counted from 1.
"""

import itertools
import os
import signal
import sys
from typing import Any

from videonet.__main__ import main

if __name__ == "__main__":
    _, folder, number, *typed = sys.argv
    sys.argv = ["videonet", *typed]
    times = itertools.count(1)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        is_there = event == "os.rename" and str(arguments[1]).startswith(folder)
        if is_there and next(times) == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    main()
