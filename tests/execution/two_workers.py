"""Runs over two worker processes, as tests begin them and look at them."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.patience import wait_for
from videonet.curation.run_progress import processes_of
from videonet.schemas.progress import ProcessProgress
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

TWO_WORKERS = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


def workers() -> list[psutil.Process]:
    """The worker processes of this process, the first that was begun first."""
    found = []
    for each in psutil.Process().children():
        with contextmanager(_if_there)():
            if "videonet.execution.worker" in each.cmdline():
                found.append(each)
    return sorted(found, key=lambda each: each.pid)


def _if_there() -> Iterator[None]:
    try:
        yield
    except psutil.Error:
        return


def told_by(store: Path, out: Path) -> list[ProcessProgress]:
    """What the processes of the last run over OUT have told of their parts in it."""
    plan = DatasetDir(out).plan()
    assert plan is not None
    return processes_of(Store(store), plan.run_id)


@contextmanager
def killing(when: Callable[[], bool]) -> Iterator[list[int]]:
    """While this lasts, kill one of two workers of this process as soon as `when`.

    What it gives has the killed one's number then.
    """
    killed: list[int] = []
    is_over = threading.Event()

    def kill() -> None:
        wait_for(lambda: is_over.is_set() or (len(workers()) == 2 and when()), 0.05)
        if not is_over.is_set():
            victim = workers()[1]
            victim.kill()
            killed.append(victim.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        is_over.set()
        thread.join()


def python_path(*first: Path) -> str:
    """PYTHONPATH for processes of a test, which look in these folders before all others."""
    rest = [each or str(Path.cwd()) for each in sys.path]
    return os.pathsep.join([*map(str, first), *rest])
