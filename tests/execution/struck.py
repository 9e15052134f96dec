"""`videonet` on a machine that fails at a chosen moment.

    python -m tests.execution.struck fill|fail|starve DISK NUMBER videonet's arguments

When the file of that number is opened to be written below DISK, counted from 1, the disk is full,
or turns read-only, or the process may open no more files, before that one is open.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Any

from tests.execution import disks
from videonet.__main__ import main


class _Struck:
    """Counts what is opened to be written on a disk, and strikes in time."""

    def __init__(self, how: str, disk: Path, number: int) -> None:
        self._strike = getattr(disks, how)
        self._disk, self._left = disk, number
        self._counting = threading.Lock()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or self._left <= 0:
            return
        path, _, flags = arguments
        if not isinstance(path, str) or not path.startswith(str(self._disk)):
            return
        if flags & (os.O_WRONLY | os.O_RDWR):
            with self._counting:
                self._left -= 1
                strikes = self._left == 0
            if strikes:
                self._strike(self._disk)


if __name__ == "__main__":
    _, how, disk, number, *typed = sys.argv
    sys.argv = ["videonet", *typed]
    sys.addaudithook(_Struck(how, Path(disk), int(number)))
    main()
