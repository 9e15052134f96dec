"""A run that is held up while another one is made over the same OUT: it changes nothing there.

Such as a worker on another machine, which no lock keeps out: here it holds none. In a folder it
stops itself just before a file appears. In a bucket, the network holds up the write.
"""

import itertools
import multiprocessing
import os
import signal
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest

from tests.curated import Curated, curated_once
from tests.curating import options_of
from tests.patience import PATIENCE, wait_for
from tests.storage.servers import fake_gcs, moto
from tests.withdrawing import (
    again,
    assert_sound,
    clips_of,
    copied,
    kept_beside_others,
    tree,
)
from videonet import curate as curate_all
from videonet import open_dataset
from videonet.curation.context import open_context
from videonet.dataset.verify import verify
from videonet.dataset.withdraw import withdraw
from videonet.execution.execute import execute
from videonet.execution.prepare import prepare
from videonet.pipelines.curate import curate as graph
from videonet.storage.objects import Objects
from videonet.storage.places import open_place

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Curated:
    return curated_once(tmp_path_factory.getbasetemp())


def given_to(curated: Curated, copy: Curated, out: Path | str) -> dict[str, Any]:
    """The options of the run that made `copy`."""
    return {
        "source": f"folder:{curated.folder / 'videos'}",
        "targets": curated.folder / "classes.txt",
        "classifier": curated.request[curated.request.index("--classifier") + 1],
        "store": copy.store,
        "out": out,
        "shards": 2,
        "per_class": 50,
        "deadline": PATIENCE,
    }


def process(target: Callable[..., None], *given: Any) -> Any:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["videonet.execution.execute"])
    return processes.Process(target=target, args=given)


def in_bucket(given: dict[str, Any], environment: dict[str, str]) -> None:
    """A run over an OUT in a bucket, which no lease keeps out."""
    os.environ.update(environment)
    asked, run = options_of(given)
    with open_context(prepare(asked, run)) as context:
        execute(context, graph)


def held_up(given: dict[str, Any], place: Path) -> None:
    """A run that stops itself just before a file appears below `place`, after all else."""

    def watch(event: str, arguments: Any) -> None:
        if event == "os.rename" and str(arguments[1]).startswith(str(place)):
            os.kill(os.getpid(), signal.SIGSTOP)

    sys.addaudithook(watch)
    asked, run = options_of(given)
    with open_context(prepare(asked, run)) as context:
        execute(context, graph)


PLACES = (
    "clips/parquet/",
    "clips/tfrecord/",
    "_state/shards/00001.json",
    "verdicts/",
    "videos.lock.parquet",
    "manifest.json",
)

# In a bucket, all take the same way: the others come with the thorough tests.
IN_BUCKETS: tuple[tuple[str, str], ...] = (
    ("gs", "clips/parquet/"),
    ("gs", "manifest.json"),
    ("s3", "verdicts/"),
)
if hypothesis.settings().max_examples >= 1000:
    IN_BUCKETS = tuple(itertools.product(("gs", "s3"), PLACES))


@pytest.mark.parametrize("place", PLACES)
def test_a_run_that_is_held_up_while_it_writes_changes_nothing_of_what_a_later_one_made(
    curated: Curated, tmp_path: Path, place: str
):
    copy = copied(curated, tmp_path)
    verdict, _ = kept_beside_others(copy.out)
    # A run over the same OUT that has everything to write.
    (copy.out / "manifest.json").unlink()
    for file in [*(copy.out / "_state/shards").iterdir(), *(copy.out / "clips").glob("*/*")]:
        file.unlink()
    earlier = process(held_up, given_to(curated, copy, copy.out), copy.out / place)
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


def states(out: Objects) -> dict[str, bytes]:
    """Every object of OUT, apart from leases, and how often they were taken."""
    return {
        each.name: out.read(each.name) or b""
        for each in out.list("")
        if not each.name.startswith("lease/") and each.name != "_state/taken_up.json"
    }


@pytest.mark.parametrize(("scheme", "place"), IN_BUCKETS)
def test_in_a_bucket_a_write_that_is_held_up_changes_nothing_of_what_a_later_run_made(
    curated: Curated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, place: str
):
    copy = copied(curated, tmp_path)
    verdict, _ = kept_beside_others(copy.out)
    with fake_gcs() if scheme == "gs" else moto() as server:
        server.set_environment(monkeypatch)
        monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
        address = server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}") + "/out"
        out = open_place(address)
        for name, data in tree(copy.out).items():
            # A run over the same OUT that has everything to write.
            if name != "manifest.json" and not name.startswith(("clips/", "_state/shards/")):
                out.write_once(name, data)
        given = given_to(curated, copy, address)
        earlier = process(in_bucket, given, {**server.environment, "VIDEONET_CACHE": str(tmp_path)})
        try:
            with server.proxy.holding(f"/out/{place}") as held:
                earlier.start()
                assert held.wait(PATIENCE)
                withdraw(address, [verdict.video.video_id], copy.store)
                curate_all(**given)
                before = states(out)
            earlier.join(PATIENCE)
            assert earlier.exitcode == 1
        finally:
            earlier.kill()
            earlier.join()
        assert states(out) == before
        found = {each.example_id.rpartition("#")[0] for each in open_dataset(address).clips()}
        assert found
        assert verdict.video_key not in found
        assert verify(address).problems == []
