"""`videonet` that is killed at a chosen moment.

    python -m tests.neighbours.killed FOLDER NUMBER videonet's arguments

It ends before the file of that number, counted from 1, is put in its place below FOLDER.
"""

import os
import signal
import sys
from typing import Any

from videonet.__main__ import main

if __name__ == "__main__":
    _, folder, number, *typed = sys.argv
    sys.argv = ["videonet", *typed]
    # A file is put in its place more than once where its folder is not there yet.
    places = set[str]()

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("os.rename", "os.link") and str(arguments[1]).startswith(folder):
            places.add(str(arguments[1]))
            if len(places) == int(number):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    main()
