"""What is made once for all processes that the tests run in, since each making takes a while."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import filelock


def made_once(temporary: Path, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` filled for whichever process asked first: to be read only.

    `temporary` is pytest's folder of this session; each process of pytest-xdist has one of its own
    below a common one.
    """
    root = temporary.parent if "PYTEST_XDIST_WORKER" in os.environ else temporary
    folder, made = root / name, root / f"{name}.made"
    with filelock.FileLock(root / f"{name}.lock"):
        if not made.exists():
            # What another process could not make to its end is made anew.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
