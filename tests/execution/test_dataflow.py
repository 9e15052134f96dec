"""The job that Dataflow is given: its graph and its machines, without a cloud at hand."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2 as portable
from apache_beam.runners.dataflow.internal import apiclient
from google.cloud import dataflow_v1beta3 as service

from demo.train_classifier import MODEL
from demo.world import World
from tests.local import LOCAL
from videonet.errors import UsageError
from videonet.execution.dataflow import cores_of, hint_of
from videonet.execution.engine_options import fitted
from videonet.execution.prepare import prepare
from videonet.pipelines.curate import curate
from videonet.schemas.settings import CurateOptions, JobOptions, RunOptions

IMAGE = "europe-docker.pkg.dev/some-project/videonet/worker:1"
ASKED = (
    *("--dry_run=True", "--project=some-project", "--region=us-central1"),
    *("--temp_location=gs://some-bucket/tmp", f"--sdk_container_image={IMAGE}"),
)
MOST_PAYLOAD = 16_000

# What Dataflow reads from a hint: of Beam's protocol.
ACCELERATOR, MEMORY = "beam:resources:accelerator:v1", "beam:resources:min_ram_bytes:v1"


class Sent(NamedTuple):
    """What would be sent to Dataflow."""

    graph: portable.Pipeline
    environment: service.Environment

    @property
    def pool(self) -> service.WorkerPool:
        (pool,) = self.environment.worker_pools
        return pool

    def hints(self) -> dict[str, dict[str, bytes]]:
        """What transforms want of their machines, by name; only of those that want any."""
        components = self.graph.components
        hints = {
            each.unique_name: dict(components.environments[each.environment_id].resource_hints)
            for each in components.transforms.values()
            if each.environment_id
        }
        return {name: wanted for name, wanted in hints.items() if wanted}


def sent(world: World, folder: Path, *more: str, **run: Any) -> Sent:
    """The job that these options become; `more` are Beam's."""
    options = CurateOptions(
        targets=str(world.classes), source=f"catalogue:{world.catalogue}", classifier=str(MODEL)
    )
    places = {"store": str(folder / "store"), "out": str(folder / "out")}
    asked = RunOptions(**places, allow_private_hosts=LOCAL, **run)
    job = JobOptions(runner="dataflow")
    made = fitted(options, asked, job, [*ASKED, *more], run.keys())
    assert not made.wait
    plan = prepare(options, made.run, beam_options=made.beam_options)
    pipeline = beam.Pipeline(runner="DataflowRunner", options=PipelineOptions(made.beam_options))
    curate(pipeline, plan)
    job = pipeline.run().job
    environment = apiclient.Environment(
        packages=[],
        options=job.options,
        environment_version="8",
        proto_pipeline_staged_url="gs://some-bucket/tmp/pipeline.pb",
        proto_pipeline=job.proto_pipeline,
    )
    return Sent(job.proto_pipeline, environment.proto)


@pytest.fixture(scope="module")
def cpu(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    with world.serve():
        yield sent(world, tmp_path_factory.mktemp("cpu"))


@pytest.fixture(scope="module")
def gpu(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    with world.serve():
        yield sent(world, tmp_path_factory.mktemp("gpu"), device="cuda")


def names(job: Sent) -> set[str]:
    return {each.unique_name for each in job.graph.components.transforms.values()}


def test_without_a_gpu_one_stage_has_all_steps_and_wants_nothing_of_its_machine(cpu: Sent):
    assert "DownloadFilterAndCut/AllSteps/AllSteps" in names(cpu)
    assert cpu.hints() == {}


def test_with_a_gpu_the_scan_alone_wants_one_and_memory(gpu: Sent):
    (name,) = gpu.hints()
    assert name == "First100FramesTop1Filter/Scan/Scan"
    assert gpu.hints()[name] == {
        ACCELERATOR: b"type:nvidia-tesla-t4;count:1;machine_type:n1-standard-8;"
        b"install-nvidia-driver:5xx",
        MEMORY: b"16000000000",
    }
    # Others of that stage are told of, and want nothing: what spreads, and what counts.
    others = {each for each in names(gpu) if each.startswith("First100FramesTop1Filter/")}
    assert any("SpreadScans" in each for each in others)
    assert any("Count" in each for each in others)


def test_steps_are_named_in_words(cpu: Sent, gpu: Sent):
    steps = {"FetchFirst", "Scan", "FetchRest", "Measure", "Cut"}
    assert steps < {name.rpartition("/")[2] for name in names(gpu)}
    # Beam names what its own transforms are made of.
    for name in names(cpu) | names(gpu):
        assert not {"ThreadedDoFn", "lambda"} & set(re.split(r"\W+", name.partition("Create/")[0]))


def payloads(job: Sent) -> dict[str, int]:
    return {
        each.unique_name: len(each.spec.payload)
        for each in job.graph.components.transforms.values()
    }


@pytest.mark.parametrize("form", ["cpu", "gpu"])
def test_nothing_large_travels_in_the_graph(form: str, request: pytest.FixtureRequest):
    sizes = payloads(request.getfixturevalue(form))
    largest = max(sizes, key=sizes.__getitem__)
    assert 1_000 < sizes[largest] <= MOST_PAYLOAD, f"{largest} has {sizes[largest]} bytes"


@pytest.mark.parametrize("form", ["cpu", "gpu"])
def test_the_graph_requires_nothing_that_batch_jobs_lack(form: str, request: pytest.FixtureRequest):
    job: Sent = request.getfixturevalue(form)
    assert list(job.graph.requirements) == []
    specs = {each.spec.urn for each in job.graph.components.transforms.values()}
    assert not any("splittable" in each or "test_stream" in each for each in specs)


def staged_in(environment: portable.Environment) -> set[str]:
    """The names of the files that workers are given besides their image."""
    return {
        portable.ArtifactStagingToRolePayload.FromString(each.role_payload).staged_name
        for each in environment.dependencies
    }


@pytest.mark.parametrize("form", ["cpu", "gpu"])
def test_machines_run_the_image_and_nothing_is_installed_there(
    form: str, request: pytest.FixtureRequest
):
    job: Sent = request.getfixturevalue(form)
    environments = list(job.graph.components.environments.values())
    assert len(environments) == (1 if form == "cpu" else 2)
    for each in environments:
        assert portable.DockerPayload.FromString(each.payload).container_image == IMAGE
        # Beam's note of what the sender has installed, and no code.
        assert staged_in(each) == {"submission_environment_dependencies.txt"}
    images = job.pool.sdk_harness_container_images
    assert {each.container_image for each in images} == {IMAGE}


def test_requirements_that_a_user_names_are_installed(world: World, tmp_path: Path):
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("# none\n")
    with world.serve():
        job = sent(
            world,
            tmp_path,
            *(f"--requirements_file={wanted}", "--requirements_cache=skip"),
        )
    (environment,) = job.graph.components.environments.values()
    assert "requirements.txt" in staged_in(environment)


@pytest.mark.parametrize("form", ["cpu", "gpu"])
def test_a_machine_has_one_process_with_a_thread_for_each_of_its_cores(
    form: str, request: pytest.FixtureRequest
):
    job: Sent = request.getfixturevalue(form)
    assert "no_use_multiple_sdk_containers" in job.environment.experiments
    assert "use_multiple_sdk_containers" not in job.environment.experiments
    assert (job.pool.machine_type, job.pool.num_threads_per_worker) == ("e2-standard-8", 8)
    assert (job.pool.disk_size_gb, job.pool.autoscaling_settings.max_num_workers) == (100, 10)


def test_what_a_user_says_wins(world: World, tmp_path: Path):
    with world.serve():
        job = sent(
            world,
            tmp_path,
            *("--machine_type=n2-custom-4-8192", "--max_num_workers=3", "--disk_size_gb=50"),
            *("--experiments=use_multiple_sdk_containers", "--sdk_location=container"),
            accelerator="type:nvidia-l4;count:2;install-nvidia-driver",
            scan_memory=9_000_000_000,
        )
    (hints,) = job.hints().values()
    assert hints[ACCELERATOR] == b"type:nvidia-l4;count:2;install-nvidia-driver"
    assert hints[MEMORY] == b"9000000000"
    assert "no_use_multiple_sdk_containers" not in job.environment.experiments
    assert (job.pool.machine_type, job.pool.num_threads_per_worker) == ("n2-custom-4-8192", 4)
    assert (job.pool.disk_size_gb, job.pool.autoscaling_settings.max_num_workers) == (50, 3)


def options_of(**run: Any) -> tuple[CurateOptions, RunOptions]:
    places = {"store": "gs://some-bucket/store", "out": "gs://some-bucket/out"}
    source = run.pop("source", "youtube")
    return CurateOptions(targets="imagenet1k", source=source), RunOptions(**(places | run))


REAL = tuple(each for each in ASKED if not each.startswith("--dry_run"))
DATAFLOW = JobOptions(runner="dataflow")


def test_threads_of_a_run_are_as_many_as_cores_of_its_machines_unless_a_user_says_otherwise():
    options, run = options_of()
    assert fitted(options, run, DATAFLOW, REAL).run.workers == 8
    small = [*REAL, "--machine_type=n2-standard-2"]
    assert fitted(options, run, DATAFLOW, small).run.workers == 2
    typed = msgspec.structs.replace(run, workers=3)
    assert fitted(options, typed, DATAFLOW, REAL, ["workers"]).run.workers == 3


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("--project", "needs --project=PROJECT besides"),
        ("--region", "needs --region=REGION besides"),
        ("--temp_location", "needs --temp_location=gs://BUCKET/tmp besides"),
        ("--sdk_container_image", "needs --sdk_container_image=IMAGE besides"),
    ],
)
def test_what_nobody_can_guess_must_be_given(left_out: str, said: str):
    options, run = options_of()
    given = [each for each in REAL if not each.startswith(left_out)]
    with pytest.raises(UsageError, match=said):
        fitted(options, run, DATAFLOW, given)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"store": "/data/store"}, "--store /data/store is a folder of this machine"),
        ({"out": "out"}, "--out out is a folder of this machine"),
        ({"source": "folder:videos"}, "--source folder:videos lies on this machine"),
        ({"source": "catalogue:a.csv"}, "give catalogue:gs://BUCKET/NAME"),
        ({"device": "cpu", "accelerator": "nvidia-l4"}, "exclude each other"),
    ],
)
def test_what_machines_of_googles_cannot_see_or_do_is_refused(change: dict[str, Any], said: str):
    options, run = options_of(**change)
    with pytest.raises(UsageError, match=said):
        fitted(options, run, DATAFLOW, REAL)


def test_only_dataflow_has_machines_to_choose():
    options, run = options_of(accelerator="nvidia-l4")
    with pytest.raises(UsageError, match="--accelerator and --scan-memory choose machines of Data"):
        fitted(options, run, JobOptions(), ())


@pytest.mark.parametrize(
    ("machine", "cores"),
    [
        ("e2-standard-8", 8),
        ("n1-highmem-16", 16),
        ("c3-standard-22-lssd", 22),
        ("n2-custom-4-8192", 4),
        ("custom-6-10240", 6),
        ("f1-micro", None),
    ],
)
def test_a_machine_types_name_says_its_cores(machine: str, cores: int | None):
    assert cores_of(machine) == cores


def test_a_gpu_that_is_had_on_machines_of_a_kind_names_them():
    assert hint_of("nvidia-l4").startswith("type:nvidia-l4;count:1;machine_type:g2-standard-8;")
    assert hint_of("nvidia-tesla-p4") == ("type:nvidia-tesla-p4;count:1;install-nvidia-driver:5xx")
