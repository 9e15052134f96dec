"""A run that is held up while another one is made over the same OUT: it changes nothing there.

Such as a worker on another machine, which no lock keeps out: here it holds none.
"""

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.curated import Curated, curated_once
from tests.curating import options_of
from tests.patience import PATIENCE, wait_for
from tests.withdrawing import (
    again,
    assert_sound,
    clips_of,
    copied,
    kept_beside_others,
    tree,
)
from videonet.curation.context import open_context
from videonet.dataset.withdraw import withdraw
from videonet.execution.execute import execute
from videonet.execution.prepare import prepare
from videonet.pipelines.curate import curate as graph

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def held_up(given: dict[str, Any], place: Path) -> None:
    """A run that stops itself just before a file appears below `place`, after all else."""

    def watch(event: str, arguments: Any) -> None:
        if event == "os.rename" and str(arguments[1]).startswith(str(place)):
            os.kill(os.getpid(), signal.SIGSTOP)

    sys.addaudithook(watch)
    asked, run = options_of(given)
    with open_context(prepare(asked, run)) as context:
        execute(context, graph)


@pytest.mark.parametrize(
    "place",
    [
        "clips/parquet/",
        "clips/tfrecord/",
        "_state/shards/00001.json",
        "verdicts/",
        "videos.lock.parquet",
        "manifest.json",
    ],
)
def test_a_run_that_is_held_up_while_it_writes_changes_nothing_of_what_a_later_one_made(
    curated: Curated, tmp_path: Path, place: str
):
    copy = copied(curated, tmp_path)
    verdict, _ = kept_beside_others(copy.out)
    # A run over the same OUT that has everything to write.
    (copy.out / "manifest.json").unlink()
    for file in [*(copy.out / "_state/shards").iterdir(), *(copy.out / "clips").glob("*/*")]:
        file.unlink()
    given = {
        "source": f"folder:{curated.folder / 'videos'}",
        "targets": curated.folder / "classes.txt",
        "classifier": curated.request[curated.request.index("--classifier") + 1],
        "store": copy.store,
        "out": copy.out,
        "shards": 2,
        "per_class": 50,
        "deadline": PATIENCE,
    }
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["videonet.execution.execute"])
    earlier = processes.Process(target=held_up, args=(given, copy.out / place))
    earlier.start()
    assert earlier.pid is not None
    watched = psutil.Process(earlier.pid)
    try:
        wait_for(lambda: watched.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE))
        assert watched.status() == psutil.STATUS_STOPPED
        withdraw(copy.out, [verdict.video.video_id], copy.store)
        again(curated, copy)
        before = tree(copy.out)
        os.kill(earlier.pid, signal.SIGCONT)
        # It stops itself before each file below that place.
        while earlier.is_alive():
            os.kill(earlier.pid, signal.SIGCONT)
            earlier.join(0.05)
        assert earlier.exitcode == 1
        assert tree(copy.out) == before
        assert clips_of(copy.out, verdict.video_key) == {}
        assert_sound(copy.out)
    finally:
        earlier.kill()
        earlier.join()
