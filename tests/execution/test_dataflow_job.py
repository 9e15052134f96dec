"""A job on Dataflow from the command to its end, with services of this machine in Google's place.

The service takes the job and runs nothing: a process of this machine does the work of its workers.
"""

import json
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2 as portable
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import VIDEONET, sentence, videonet
from tests.engines import Dataflow, serving
from tests.local import TYPED
from tests.patience import PATIENCE, wait_for
from tests.storage.servers import fake_gcs
from videonet.cli import curate_with_beam_options
from videonet.curation.context import open_context
from videonet.execution.job_note import noted_job
from videonet.pipelines.curate import curate as graph
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.places import open_place

pytestmark = pytest.mark.slow

IMAGE = "europe-docker.pkg.dev/some-project/videonet/worker:1"


@pytest.fixture
def dataflow() -> Iterator[Dataflow]:
    with serving(Dataflow()) as dataflow:
        yield dataflow


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty place in a bucket, and nothing of Google's to be asked."""
    with fake_gcs() as server:
        server.set_environment(monkeypatch)
        monkeypatch.setenv("VIDEONET_CACHE", str(tmp_path / "cache"))
        yield server.make_bucket(f"bucket-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def typed(world: World, place: str, dataflow: Dataflow) -> Iterator[list[str]]:
    """The command's options and Beam's, in that order, with "--" between them."""
    with world.serve():
        lists = open_place(f"{place}/lists")
        lists.write_once("classes.txt", world.classes.read_bytes())
        lists.write_once("videos.csv", world.catalogue.read_bytes())
        yield [
            *("--targets", f"{place}/lists/classes.txt", "--classifier", str(MODEL)),
            *("--source", f"catalogue:{place}/lists/videos.csv"),
            *("--store", f"{place}/store", "--out", f"{place}/out", "--shards", "3", *TYPED),
            *("--requests-per-second", "10000", "--"),
            *(f"--project={dataflow.project}", f"--region={dataflow.region}"),
            *(f"--temp_location={place}/tmp", f"--sdk_container_image={IMAGE}"),
            *(f"--dataflow_endpoint={dataflow.address}", "--no_auth"),
        ]


def work(place: str) -> None:
    """Do what the workers of the job over OUT do."""
    plan = DatasetDir(f"{place}/out").plan()
    assert plan is not None
    assert not plan.local
    with (
        open_context(plan),
        beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline,
    ):
        graph(pipeline, plan)


def staged(place: str, job: dict[str, Any]) -> portable.Pipeline:
    """The graph that the job's machines would be given."""
    url = job["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"]
    data = open_place(place).read(url.removeprefix(f"{place}/"))
    assert data is not None
    return portable.Pipeline.FromString(data)


def test_a_job_is_begun_watched_and_cancelled_and_the_next_one_ends_with_its_own_account(
    typed: list[str], place: str, dataflow: Dataflow
):
    out = f"{place}/out"
    begun = videonet("curate", "--runner", "dataflow", *typed)
    (job_id,) = dataflow.jobs
    assert (begun.code, begun.stdout) == (0, f"{job_id}\n"), begun.stderr
    assert f"videonet cancel {out} ends it" in " ".join(begun.stderr.split())

    # What was sent is what was asked for.
    job = dataflow.jobs[job_id]
    (pool,) = job["environment"]["workerPools"]
    assert (pool["machineType"], pool["numThreadsPerWorker"]) == ("e2-standard-8", 8)
    assert {each["containerImage"] for each in pool["sdkHarnessContainerImages"]} == {IMAGE}
    assert "no_use_multiple_sdk_containers" in job["environment"]["experiments"]
    names = {each.unique_name for each in staged(place, job).components.transforms.values()}
    assert "DownloadFilterAndCut/AllSteps/AllSteps" in names

    # From here on, nothing is known but OUT.
    running = videonet("status", out)
    assert (running.code, f"Dataflow job {job_id}: running." in running.stdout) == (0, True)
    said = sentence(videonet("curate", "--runner", "dataflow", *typed))
    assert f"Dataflow job {job_id} is at work on {out}" in said
    assert videonet("cancel", out).code == 0
    dataflow.end(job_id, "JOB_STATE_CANCELLED")
    ended = videonet("status", out)
    assert (ended.code, f"Dataflow job {job_id}: cancelled." in ended.stdout) == (1, True)

    # As a Beam main, and with nobody who waits.
    ours, of_beam = typed[: typed.index("--")], typed[typed.index("--") + 1 :]
    again = videonet("--runner=DataflowRunner", *ours, *of_beam, main=curate_with_beam_options)
    assert again.code == 0, again.stderr
    assert again.stdout.strip() in dataflow.jobs.keys() - {job_id}
    work(place)
    dataflow.end(again.stdout.strip(), "JOB_STATE_DONE")
    facts = json.loads(open_place(out).read("run.json") or b"")
    assert facts["stages"]["download"]["items"] > 0
    assert facts["seconds"] > 0
    finished = videonet("status", out, "--json")
    assert json.loads(finished.stdout)["job"]["state"] == "done"
    same = videonet("curate", "--runner", "dataflow", *typed)
    assert "nothing has changed since" in same.stdout or "trying again" in same.stderr
    assert dataflow.credentials == set()


def test_a_template_is_launched_under_the_id_that_its_launcher_has(
    typed: list[str], place: str, dataflow: Dataflow
):
    job_id = dataflow.begin("videonet-by-template")
    job_object = f"{place}/staging/template_launches/{job_id}/job_object"
    ours, of_beam = typed[: typed.index("--")], typed[typed.index("--") + 1 :]
    launch = ("--job_name=videonet-by-template", f"--template_location={job_object}")
    launched = videonet(
        *("--runner=DataflowRunner", *ours, *of_beam, *launch), main=curate_with_beam_options
    )
    assert (launched.code, launched.stdout) == (0, f"{job_id}\n"), launched.stderr
    # The service begins it with what the launcher leaves there.
    assert list(dataflow.jobs) == [job_id]
    made = json.loads(open_place(place).read(job_object.removeprefix(f"{place}/")) or b"")
    assert made["environment"]["workerPools"]
    status = videonet("status", f"{place}/out", "--json")
    assert json.loads(status.stdout)["job"]["job_id"] == job_id
    assert json.loads(status.stdout)["job"]["state"] == "running"
    assert videonet("cancel", f"{place}/out").code == 0
    assert dataflow.jobs[job_id]["currentState"] == "JOB_STATE_CANCELLING"


def test_who_waits_hears_of_the_end_and_may_leave_before(
    typed: list[str], place: str, dataflow: Dataflow
):
    waiting = subprocess.Popen(
        [VIDEONET, "curate", "--runner", "dataflow", "--wait", *typed],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: bool(dataflow.jobs))
    output = DatasetDir(f"{place}/out")
    wait_for(lambda: (job := noted_job(output)) is not None and bool(job.job_id))
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 130, said
    assert f"a job that has begun goes on: videonet status {place}/out" in said
    (job_id,) = dataflow.jobs
    dataflow.end(job_id, "JOB_STATE_CANCELLED")

    def fail() -> None:
        wait_for(lambda: len(dataflow.jobs) == 2)
        dataflow.end(list(dataflow.jobs)[1], "JOB_STATE_CANCELLED")

    thread = threading.Thread(target=fail)
    thread.start()
    said = sentence(videonet("curate", "--runner", "dataflow", "--wait", *typed))
    thread.join()
    assert said.endswith("was cancelled; the same command goes on.")
