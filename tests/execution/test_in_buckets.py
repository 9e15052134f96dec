"""The whole job with STORE and OUT in buckets: the data set is that of a run on this machine."""

import hashlib
import multiprocessing
import os
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from demo.server import VideoServer
from demo.train_classifier import MODEL
from demo.videos import EXPECTED
from demo.world import World
from tests.curated import videonet
from tests.curating import curate, outcomes_of
from tests.local import TYPED
from tests.patience import PATIENCE
from tests.storage.servers import Server, fake_gcs, moto
from videonet.cli import main
from videonet.files import sha256_of
from videonet.storage.objects import Objects
from videonet.storage.places import open_place

pytestmark = pytest.mark.slow

# What is compared: the clips, and what is said of every candidate.
CLIPS = "clips/"


@pytest.fixture(params=["gs", "s3"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server of its own; that of gs:// keeps what it holds in files, and may start again."""
    with fake_gcs(tmp_path / "gcs") if request.param == "gs" else moto() as server:
        server.set_environment(monkeypatch)
        monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
        yield server


@pytest.fixture
def place(server: Server) -> str:
    return server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}") + "/lab"


@dataclass
class Job:
    """`videonet curate` in a process of its own."""

    # class list, source and classifier
    given: tuple[str, ...]
    server: Server
    place: str
    scratch: Path
    out: str = "out"
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.scratch / f"{self.out}.log"
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["videonet.cli", "videonet.execution.execute"])
        self.process = self._processes.Process()

    def start(self) -> None:
        typed = [
            *("curate", *self.given),
            *("--store", f"{self.place}/store", "--out", f"{self.place}/{self.out}"),
            *("--workers", "2", "--shards", "3", "--requests-per-second", "1000", *TYPED),
            *("--scratch", self.scratch / "scratch"),
        ]
        environment = {**self.server.environment, "VIDEONET_CACHE": str(self.scratch / "cache")}
        arguments = [*map(str, typed)], environment, str(self.log)
        self.process = self._processes.Process(target=_videonet, args=arguments)
        self.process.start()

    def finish(self) -> None:
        self.process.join(PATIENCE)
        assert self.process.exitcode in (0, 3), self.log.read_text()


def of_demo(world: World, classes: Path | None = None) -> tuple[str, ...]:
    """What the demo's job is given, or with another class list."""
    return (
        *("--targets", str(classes or world.classes)),
        *("--source", f"catalogue:{world.catalogue}", "--classifier", str(MODEL)),
    )


def _videonet(typed: list[str], environment: dict[str, str], log: str) -> None:
    """The command, in the process that this is called in."""
    os.environ.update(environment)
    sys.argv = ["videonet", *typed]
    with (
        Path(log).open("a") as said,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(said),
    ):
        main()


def clips_in(out: Path | Objects) -> dict[str, str]:
    """The sha256 of each file of clips, by its path."""
    if isinstance(out, Path):
        return {
            str(each.relative_to(out)): sha256_of(each)
            for each in sorted((out / CLIPS).rglob("*"))
            if each.is_file()
        }
    return {
        each.name: hashlib.sha256(out.read(each.name) or b"").hexdigest()
        for each in out.list(CLIPS)
    }


@contextmanager
def restarting(server: Server, every: float) -> Iterator[None]:
    """Let the server end as in a crash, and start again, as long as the context is open."""
    stop = threading.Event()
    times = 0

    def restart() -> None:
        nonlocal times
        while not stop.wait(every):
            server.stop()
            time.sleep(0.3)
            server.start()
            times += 1

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert times > 0


@pytest.fixture(scope="module")
def web(world: World) -> Iterator[VideoServer]:
    """Where the demo's videos are; addresses stand in the data set."""
    with world.serve(delay=0.05) as web:
        yield web


@pytest.fixture(scope="module")
def whole(world: World, web: VideoServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of a run on this machine."""
    folder = tmp_path_factory.mktemp("whole")
    curate(f"catalogue:{world.catalogue}", world.classes, folder, shards=3)
    return folder / "out"


def test_the_demo_gives_the_same_clips_while_all_fails(
    world: World,
    web: VideoServer,
    whole: Path,
    server: Server,
    place: str,
    tmp_path: Path,
) -> None:
    job = Job(of_demo(world), server, place, tmp_path)
    server.proxy.every = 11
    job.start()
    if server.scheme == "gs":
        with restarting(server, 6.0):
            job.finish()
    else:
        job.finish()
    server.proxy.every = 0
    assert sum(server.proxy.injected.values()) > 10
    out = open_place(f"{place}/out")
    assert clips_in(out) == clips_in(whole)
    assert out.read("manifest.json") == (whole / "manifest.json").read_bytes()
    assert outcomes_of(f"{place}/out") == EXPECTED

    for command in (("verify", f"{place}/out"), ("report", f"{place}/out")):
        ended = videonet(*command)
        assert ended.code == 0, ended.stderr
    # Only what may pass is tried again.
    asked = len(web.requests())
    job.start()
    job.finish()
    assert len(web.requests()) - asked <= 1
    assert clips_in(out) == clips_in(whole)
