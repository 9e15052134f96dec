"""A run over two worker processes of this machine: the same bytes, and an end that says why."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import psutil
import pytest

from demo.behaviours import Status
from demo.server import VideoServer
from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import VIDEONET, Ended, videonet
from tests.curating import bytes_of, few_of, options_of
from tests.execution.steps_done import StepsDone
from tests.execution.two_workers import (
    TWO_WORKERS,
    killing,
    told_by,
    workers,
)
from tests.fetch.asking import WINDOW, most_in_a_window
from tests.local import LOCAL, TYPED
from tests.patience import PATIENCE, wait_for
from videonet.curation.context import open_context
from videonet.errors import MachineError, UsageError
from videonet.execution.execute import execute
from videonet.execution.prepare import prepare
from videonet.execution.worker_processes import WorkerFaultError
from videonet.pipelines.curate import curate as curation
from videonet.schemas.host_lanes import HostLanes
from videonet.schemas.run import Plan

# Seconds within which a run ends that has lost a worker.
AN_END = 60.0


@dataclass(frozen=True)
class Served:
    """The demo's world on a server, and what one process makes of it."""

    world: World
    server: VideoServer
    alone: Path
    # exit code of the run in one process, and what it said of its outcome
    code: int
    said: str

    def videonet(self, folder: Path, *beam_options: str) -> Ended:
        """The command, with OUT `folder/out` and the store beside it."""
        # Some files come only when they are asked for again, in each run.
        self.server.forget_requests()
        return videonet(*self.typed(folder, *beam_options))

    def typed(self, folder: Path, *beam_options: str) -> list[str | Path]:
        """What the command is given."""
        return [
            *("curate", "--targets", self.world.classes),
            *("--source", f"catalogue:{self.world.catalogue}", "--classifier", MODEL),
            *("--store", folder / "store", "--out", folder / "out", "--shards", "3"),
            *("--workers", "2", "--downloads", "4", "--requests-per-second", "10000", *TYPED),
            *(("--", *beam_options) if beam_options else ()),
        ]


@pytest.fixture(scope="module")
def served(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("alone")
    with world.serve(delay=0.05) as server:
        empty = Served(world, server, folder, 0, "")
        ended = empty.videonet(folder)
        yield Served(world, server, folder / "out", ended.code, outcome_in(ended, folder))
    assert workers() == []


def outcome_in(ended: Ended, folder: Path) -> str:
    """What a command said of its outcome, but for where that lies."""
    return ended.stdout.replace(str(folder), "")


@pytest.mark.slow
def test_two_workers_make_the_same_bytes_and_the_same_account_as_one_process(
    served: Served, tmp_path: Path
):
    # Each piece of work is done a second time, as by runners that have lost what came of it.
    ended = served.videonet(tmp_path, *TWO_WORKERS, "--direct_runner_bundle_repeat=1")
    assert (ended.code, outcome_in(ended, tmp_path)) == (served.code, served.said)
    assert bytes_of(tmp_path / "out") == bytes_of(served.alone)
    told = told_by(tmp_path / "store", tmp_path / "out")
    for stage in ("download", "scan"):
        items = [each.stages[stage].items for each in told if stage in each.stages]
        assert len(items) == 2, f"one worker had nothing to {stage}"
    # Nobody has a lane any more. That the server refused a request is known for an hour.
    for file in (tmp_path / "store").glob("host/*"):
        assert HostLanes.from_json(file.read_bytes()).claimants == ()
    # The account has what both have done: each file was fetched once.
    facts = json.loads((tmp_path / "out/run.json").read_bytes())
    of_one = json.loads((served.alone / "run.json").read_bytes())
    for stage, cost in facts["stages"].items():
        assert cost["items"] == of_one["stages"][stage]["items"], stage
    assert facts["stages"].keys() == of_one["stages"].keys()


@pytest.mark.slow
def test_a_job_of_a_job_server_that_was_waited_for_ends_with_its_account(
    served: Served, tmp_path: Path
):
    job_server = ("--runner=PortableRunner", "--job_endpoint=embed", "--unknown_to_python=1")
    ended = served.videonet(tmp_path, *job_server, "--environment_type=LOOPBACK")
    assert (ended.code, outcome_in(ended, tmp_path)) == (served.code, served.said)
    assert bytes_of(tmp_path / "out") == bytes_of(served.alone)


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_run_with_a_sentence_and_the_same_command_goes_on(
    served: Served, tmp_path: Path
):
    done = StepsDone(tmp_path / "store", served.server)
    moments: list[float] = []

    def in_the_middle() -> bool:
        if sum(1 for _ in (tmp_path / "store").glob("record/*/*.json")) < 8:
            return False
        moments.append(time.monotonic())
        return True

    with killing(in_the_middle) as killed:
        ended = served.videonet(tmp_path, *TWO_WORKERS)
    assert time.monotonic() - moments[-1] < AN_END
    assert ended.code == 2
    *_, said = ended.stderr.splitlines()
    assert said.startswith(f"videonet: Worker process {killed[0]} was ended from outside (SIGKILL)")
    assert "the same command goes on" in said
    assert workers() == []
    done.check()
    again = served.videonet(tmp_path, *TWO_WORKERS)
    assert again.code == served.code
    done.check()
    assert bytes_of(tmp_path / "out") == bytes_of(served.alone)


@pytest.mark.thorough
def test_an_interrupted_run_ends_with_its_workers_and_says_that_it_goes_on(
    served: Served, tmp_path: Path
):
    command = subprocess.Popen(
        [VIDEONET, *served.typed(tmp_path, *TWO_WORKERS)], stderr=subprocess.PIPE, text=True
    )
    started = psutil.Process(command.pid)
    wait_for(lambda: len(list((tmp_path / "store").glob("record/*/*.json"))) > 3, 0.05)
    theirs = workers(started)
    command.send_signal(signal.SIGINT)
    _, said = command.communicate(timeout=PATIENCE)
    assert command.returncode == 130, said
    assert said.splitlines()[-1] == "Interrupted; the same command goes on."
    assert "Traceback" not in said
    assert len(theirs) == 2
    assert psutil.wait_procs(theirs, timeout=PATIENCE)[1] == []


@pytest.mark.slow
def test_workers_end_with_the_process_that_has_started_them():
    begin = "from tests.execution.two_workers import be_at_work; be_at_work()"
    with subprocess.Popen([sys.executable, "-c", begin]) as process:
        wait_for(lambda: len(workers(psutil.Process(process.pid))) == 2, 0.05)
        theirs = workers(psutil.Process(process.pid))
        process.kill()
    assert psutil.wait_procs(theirs, timeout=PATIENCE)[1] == []


@pytest.mark.slow
def test_hosts_that_close_for_workers_count_for_the_exit_code(world: World, tmp_path: Path):
    names = [f"{number}.mp4" for number in range(60)]
    with VideoServer(tmp_path, {name: Status(429) for name in names}) as server:
        rows = [f"{name},{server.url(name)},a balloon" for name in names]
        (tmp_path / "videos.csv").write_text("\n".join(["id,url,title", *rows, ""]))
        ended = videonet(
            *("curate", "--targets", world.classes, "--classifier", MODEL),
            *("--source", f"catalogue:{tmp_path / 'videos.csv'}"),
            *("--store", tmp_path / "store", "--out", tmp_path / "out"),
            *("--requests-per-second", "10000", *TYPED, "--", *TWO_WORKERS),
        )
        asked = len(server.requests())
    assert ended.code == 3
    host = server.address.removeprefix("http://")
    assert f"{host} kept refusing" in " ".join(ended.stdout.split())
    assert asked < len(names)
    facts = json.loads((tmp_path / "out/run.json").read_bytes())
    assert [each["host"] for each in facts["hosts_no_longer_asked"]] == [host]


@pytest.mark.slow
def test_two_workers_together_ask_a_host_as_fast_as_one_process_may(served: Served, tmp_path: Path):
    command = [*served.typed(tmp_path), "--", *TWO_WORKERS]
    command[command.index("10000")] = "2"
    served.server.forget_requests()
    begun = time.monotonic()
    ended = videonet(*command)
    assert ended.code == served.code
    assert bytes_of(tmp_path / "out") == bytes_of(served.alone)
    # Of four lanes, each may have one more at the ends of any ten seconds. Where a file has moved,
    # the request for its new place is a part of the first one.
    requests = [each for each in served.server.requests() if each.time > begun]
    times = [each.time for each in requests if not each.path.startswith("archive/")]
    assert most_in_a_window(times) <= 2 * WINDOW + 4
    told = told_by(tmp_path / "store", tmp_path / "out")
    assert len([each for each in told if "download" in each.stages]) == 2


# What goes wrong in workers.


def run(world: World, folder: Path, graph=curation, **options) -> None:
    """A run over two workers and a few local videos, of any graph."""
    values = {
        "targets": str(world.classes),
        "source": f"catalogue:{few_of(world.catalogue, folder)}",
        "classifier": str(MODEL),
        "store": folder / "store",
        "out": folder / "out",
        "allow_private_hosts": LOCAL,
    }
    asked, run = options_of({**values, **options})
    plan = prepare(asked, run, beam_options=TWO_WORKERS)
    with open_context(plan) as context:
        execute(context, graph, TWO_WORKERS)


def sleep_or_fail(number: int) -> int:
    if number == 0:
        raise ValueError("something that nobody thought of")
    time.sleep(2 * PATIENCE)
    return number


def failing(pipeline: beam.Pipeline, plan: Plan) -> object:
    numbers = pipeline | beam.Create([0, 1]) | beam.Reshuffle()
    return numbers | beam.Map(sleep_or_fail)


@pytest.mark.slow
def test_what_fails_in_one_worker_ends_the_run_at_once_with_its_traceback(
    served: Served, tmp_path: Path
):
    begin = time.monotonic()
    with pytest.raises(WorkerFaultError, match="ValueError: something that nobody thought of"):
        run(served.world, tmp_path, failing)
    assert time.monotonic() - begin < PATIENCE
    assert workers() == []


@pytest.mark.slow
def test_a_sentence_of_a_worker_is_what_the_run_ends_with(served: Served, tmp_path: Path):
    model = tmp_path / "model.onnx"
    model.write_bytes(MODEL.read_bytes())
    model.with_suffix(".json").write_bytes(MODEL.with_suffix(".json").read_bytes())

    def replaced(pipeline: beam.Pipeline, plan: Plan) -> object:
        model.write_bytes(b"no model")
        return curation(pipeline, plan)

    with pytest.raises(UsageError, match=r"model\.onnx: cannot be opened as an ONNX model"):
        run(served.world, tmp_path, replaced, classifier=str(model))
    assert workers() == []


@pytest.mark.slow
def test_workers_that_cannot_start_end_the_run_with_what_they_said(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    broken = tmp_path / "broken" / "apache_beam"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('this Beam is out of order')\n")
    monkeypatch.syspath_prepend(broken.parent)
    with pytest.raises(MachineError, match="this Beam is out of order"):
        run(served.world, tmp_path)
    assert workers() == []
