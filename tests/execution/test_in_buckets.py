"""The whole job with STORE and OUT in buckets: the data set is that of a run on this machine."""

import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import hypothesis
import pytest

from demo.server import VideoServer
from demo.videos import EXPECTED
from demo.world import World
from tests.curated import videonet
from tests.curating import curate, few_of, outcomes_of
from tests.execution.jobs import Job, over
from tests.patience import wait_for
from tests.published import published, without_attempts
from tests.storage.servers import Server
from videonet.storage.places import open_place

pytestmark = pytest.mark.slow


THOROUGH = hypothesis.settings().max_examples >= 1000


@pytest.fixture(scope="module")
def web(world: World) -> Iterator[VideoServer]:
    """Where the demo's videos are; addresses stand in the data set."""
    with world.serve(delay=0.05) as web:
        yield web


def test_the_demo_gives_the_same_data_set_while_all_fails(
    world: World,
    web: VideoServer,
    server: Server,
    place: str,
    tmp_path: Path,
) -> None:
    web.forget_requests()
    curate(f"catalogue:{world.catalogue}", world.classes, tmp_path / "here", shards=3)
    here = published(tmp_path / "here" / "out")
    # What fails at first does so for the next run, too.
    web.forget_requests()
    job = Job(over(world.classes, world.catalogue), place, server.environment, tmp_path)
    server.proxy.every = 11
    job.start()
    # Beside busy processes, a server that ends again and again may be away for longer than a run
    # has patience.
    with _restarting(server) if server.scheme == "gs" and THOROUGH else nullcontext():
        job.finish()
    server.proxy.every = 0
    assert sum(server.proxy.injected.values()) > 10
    assert published(f"{place}/out") == here
    assert outcomes_of(f"{place}/out") == EXPECTED

    for command in ("verify", "report"):
        ended = videonet(command, f"{place}/out")
        assert ended.code == 0, ended.stderr
    # Only what may pass is tried again.
    asked = len(web.requests())
    job.start()
    job.finish()
    assert len(web.requests()) - asked <= 1
    open_place(f"{place}/out").delete("report/index.html")
    assert without_attempts(published(f"{place}/out")) == without_attempts(here)


# Requests after which the server ends. Seconds would not do: beside busy processes, a large upload
# begins again and again.
REQUESTS_OF_A_LIFE = 150


@contextmanager
def _restarting(server: Server) -> Iterator[None]:
    """Let the server end as in a crash, and start again, as long as the context is open."""
    stop = threading.Event()
    times = 0

    def restart() -> None:
        nonlocal times
        until = server.proxy.requests + REQUESTS_OF_A_LIFE
        while not stop.wait(0.1):
            if server.proxy.requests >= until:
                server.stop()
                time.sleep(0.3)
                server.start()
                times += 1
                until = server.proxy.requests + REQUESTS_OF_A_LIFE

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert times > 0


# How often the next test kills: in `make test-all`, and in the slow set.
KILLS = 20 if THOROUGH else 2

# Requests that a run makes, about: one is killed at any of them.
REQUESTS = 900 if THOROUGH else 400

# Seconds after it, so that it is not always one that waits for its answer.
PAUSE = 0.2


def test_kills_at_any_moment_leave_no_trace(
    world: World,
    web: VideoServer,
    server: Server,
    place: str,
    tmp_path: Path,
) -> None:
    catalogue = world.catalogue if THOROUGH else few_of(world.catalogue, tmp_path)
    curate(f"catalogue:{catalogue}", world.classes, tmp_path / "here", shards=3)
    here = without_attempts(published(tmp_path / "here" / "out"))
    chance = random.Random(server.scheme)
    given = over(world.classes, catalogue)
    kills = runs = 0

    def begun() -> Job:
        return Job(given, f"{place}/{runs}", server.environment, tmp_path / str(runs))

    def finished(job: Job) -> None:
        job.finish()
        assert without_attempts(published(f"{job.place}/out")) == here
        # What nobody needs any more is nowhere.
        left = {each.name.partition("/")[0] for each in open_place(f"{job.place}/store").list("")}
        assert left.isdisjoint({"claim", "clips", "part", "tmp"})
        assert [
            each for each in job.folder.glob("scratch/stores/*/[pt]*/**/*") if each.is_file()
        ] == []

    while kills < KILLS:
        job = begun()
        job.start()
        at = server.proxy.requests + chance.randrange(REQUESTS)
        wait_for(lambda job=job, at=at: server.proxy.requests >= at or not job.process.is_alive())
        time.sleep(chance.uniform(0, PAUSE))
        if job.kill():
            kills += 1
        else:
            finished(job)
            shutil.rmtree(job.folder)
            runs += 1
    job = begun()
    job.start()
    finished(job)
