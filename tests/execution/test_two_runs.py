"""Several curations in one process, also at the same time: none disturbs another."""

import logging
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from demo.behaviours import Hang
from demo.drawing import draw_video
from demo.server import VideoServer
from demo.train_classifier import MODEL
from tests.curating import bytes_of, options_of, outcomes_of
from tests.local import LOCAL
from tests.patience import PATIENCE, wait_for
from videonet.curation.context import RunContext, open_context, run_context
from videonet.execution.execute import execute
from videonet.execution.prepare import prepare
from videonet.pipelines.curate import curate as graph
from videonet.schemas.manifest import Manifest
from videonet.schemas.reason import Outcome
from videonet.stop_signal import Stopped, StopSignal, set_on_interrupt
from videonet.storage.locks import exclusive_lock

pytestmark = pytest.mark.slow

# Rows of each run's catalogue: what is shown, which is the title of all.
SHOWN = {"first": ("balloon", "sailboat"), "second": ("sailboat", "balloon", "balloon")}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for kind in ("balloon", "sailboat"):
        draw_video(folder / f"{kind}.mp4", kind, 11, size=(96, 64), seed=kind)
    for name, shown in SHOWN.items():
        for number, kind in enumerate(shown):
            (folder / f"{name}-{number}.mp4").write_bytes((folder / f"{kind}.mp4").read_bytes())
    return folder


@pytest.fixture
def server(files: Path) -> Iterator[VideoServer]:
    with VideoServer(files) as server:
        yield server


class Run:
    """A curation of its own store and OUT below `folder`, in a thread."""

    def __init__(self, server: VideoServer, folder: Path, name: str) -> None:
        folder.mkdir()
        (folder / "classes.txt").write_text("balloon\n")
        rows = [f"{i},{server.url(f'{name}-{i}.mp4')},a balloon" for i in range(len(SHOWN[name]))]
        (folder / "videos.csv").write_text("\n".join(["id,url,title", *rows]))
        self.out = folder / "out"
        self.given = {
            "targets": folder / "classes.txt",
            "source": f"catalogue:{folder / 'videos.csv'}",
            "classifier": MODEL,
            "store": folder / "store",
            "out": folder / "out",
            "deadline": PATIENCE,
            "requests_per_second": 1000.0,
            "allow_private_hosts": LOCAL,
        }
        self.context: Future[RunContext] = Future()

    def __call__(self) -> Manifest | None:
        asked, run = options_of(self.given)
        with (
            exclusive_lock(Path(run.store), Path(run.out)),
            open_context(prepare(asked, run)) as context,
        ):
            self.context.set_result(context)
            return execute(context, graph)


def test_two_runs_at_once_give_what_each_gives_alone(server: VideoServer, tmp_path: Path):
    level = logging.getLogger("apache_beam").level
    alone = [Run(server, tmp_path / f"{name} alone", name) for name in SHOWN]
    for run in alone:
        run()
    at_once = [Run(server, tmp_path / name, name) for name in SHOWN]
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(run) for run in at_once]:
            assert done.result(PATIENCE) is not None
    for one, other, shown in zip(alone, at_once, SHOWN.values(), strict=True):
        assert bytes_of(one.out) == bytes_of(other.out)
        outcomes = {number: outcome for (number, _), (outcome, _) in outcomes_of(other.out).items()}
        assert outcomes == {
            str(number): Outcome.KEPT if kind == "balloon" else Outcome.REJECTED
            for number, kind in enumerate(shown)
        }
        counts = other.context.result().progress.now()
        assert (counts.pairs, counts.kept) == (len(shown), shown.count("balloon"))
    assert logging.getLogger("apache_beam").level == level


@pytest.mark.slow
def test_a_run_that_is_stopped_leaves_the_other_one_alone_and_goes_on_later(
    server: VideoServer, tmp_path: Path
):
    server.behaviours = {"first-1.mp4": Hang()}
    stopped, other = (Run(server, tmp_path / name, name) for name in SHOWN)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(stopped)
        wait_for(lambda: bool(server.requests("first-1.mp4")))
        second = pool.submit(other)
        other.context.result(PATIENCE)
        stopped.context.result(PATIENCE).stop.set()
        with pytest.raises(Stopped):
            first.result(PATIENCE)
        assert second.result(PATIENCE) is not None
    assert not (stopped.out / "manifest.json").exists()
    server.behaviours = {}
    stopped.context = Future()
    assert stopped() is not None
    assert len(outcomes_of(stopped.out)) == len(SHOWN["first"])


def test_a_stage_finds_the_tools_of_its_own_run_and_none_of_a_run_that_is_over(
    server: VideoServer, tmp_path: Path
):
    runs = [Run(server, tmp_path / name, name) for name in SHOWN]
    first, second = (prepare(*options_of(run.given)) for run in runs)
    with open_context(first) as one, open_context(second) as other:
        assert (run_context(first), run_context(second)) == (one, other)
        assert one.stop is not other.stop
    with pytest.raises(RuntimeError, match="not open"):
        run_context(first)
    with open_context(first) as again:
        assert again is not one


def test_an_interrupt_reaches_the_run_of_the_main_thread_alone():
    in_main, elsewhere = StopSignal(), StopSignal()
    begun, over = threading.Event(), threading.Event()

    def run() -> None:
        with set_on_interrupt(elsewhere):
            begun.set()
            over.wait(PATIENCE)

    before = signal.signal(signal.SIGINT, lambda *_: None)
    thread = threading.Thread(target=run)
    try:
        thread.start()
        begun.wait(PATIENCE)
        with set_on_interrupt(in_main):
            signal.raise_signal(signal.SIGINT)
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert (in_main.is_set(), elsewhere.is_set()) == (True, False)
