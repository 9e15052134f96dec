"""Runs over two worker processes, as tests begin them and look at them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apache_beam as beam
import psutil
from apache_beam.options.pipeline_options import PipelineOptions

from tests.patience import PATIENCE, wait_for
from videonet.curation.run_progress import processes_of
from videonet.execution.worker_processes import watched_workers
from videonet.schemas.progress import ProcessProgress
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store

TWO_WORKERS = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


def workers(of: psutil.Process | None = None) -> list[psutil.Process]:
    """The worker processes of a process, or of this one; the first that was begun comes first."""
    found = []
    for each in (of or psutil.Process()).children():
        with suppress(psutil.Error):
            if "videonet.execution.worker" in each.cmdline():
                found.append(each)
    return sorted(found, key=lambda each: each.pid)


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


def be_at_work() -> None:
    """Have two workers of this process do what takes longer than any test."""
    with watched_workers() as workers:
        options = PipelineOptions(["--direct_num_workers=2"])
        pipeline = beam.Pipeline(runner=workers.runner(), options=options)
        _ = pipeline | beam.Create([2 * PATIENCE] * 2) | beam.Reshuffle() | beam.Map(time.sleep)
        workers.run(pipeline)
