"""Jobs of a job server with workers of a pool: the same bytes, and an end that says why."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apache_beam as beam
import grpc
import psutil
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

from demo.train_classifier import MODEL
from demo.world import World
from tests.curated import videonet
from tests.curating import bytes_of, few_of
from tests.execution.job_servers import (
    BEAMS,
    job_server,
    outside,
    pooled,
    subprocess_output,
    worker_pool,
)
from tests.local import TYPED
from tests.patience import PATIENCE
from videonet.errors import MachineError
from videonet.execution.served_job import cause_of, run_job


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with job_server() as address:
        yield address


def pipeline_of(options: tuple[str, ...], work=len) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=PipelineOptions(list(options)))
    _ = pipeline | beam.Create(["a", "b"]) | beam.Reshuffle() | beam.Map(work)
    return pipeline


def nobody() -> bool:
    return False


# Whole jobs.


@pytest.mark.slow
def test_a_job_of_a_server_and_a_pool_makes_the_same_bytes_as_one_process(
    world: World, server: str, tmp_path: Path
):
    with world.serve():
        few = few_of(world.catalogue, tmp_path)

        def run(name: str, *beam_options: str) -> int:
            typed = [
                *("curate", "--targets", world.classes, "--source", f"catalogue:{few}"),
                *("--classifier", MODEL, "--requests-per-second", "10000", *TYPED),
                *("--store", tmp_path / name / "store", "--out", tmp_path / name / "out"),
            ]
            return videonet(*typed, *(("--", *beam_options) if beam_options else ())).code

        with worker_pool() as (pool, _):
            codes = [run("alone"), run("served", *outside(server, pool))]
    assert codes[0] == codes[1]
    assert bytes_of(tmp_path / "served" / "out") == bytes_of(tmp_path / "alone" / "out")


# What goes wrong with workers.


@pytest.mark.slow
def test_a_worker_that_cannot_start_ends_the_job_with_what_it_said(server: str, tmp_path: Path):
    # What stages are made of, and pools are not.
    (tmp_path / "ahocorasick_rs.py").write_text("raise ImportError('it is out of order')\n")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    with (
        worker_pool(PYTHONPATH=path) as (pool, _),
        pytest.raises(MachineError, match=r"a worker could not start .* it is out of order"),
    ):
        run_job(pipeline_of(outside(server, pool)), nobody)


@pytest.mark.slow
def test_a_job_that_no_worker_comes_for_is_cancelled_and_the_command_says_so(
    server: str, tmp_path: Path
):
    # Beam's pool starts whatever is called python, and waits for it for ever.
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with (
        worker_pool(BEAMS, PATH=str(tmp_path)) as (pool, _),
        pytest.raises(MachineError, match=r"No worker has come for .* so the job was cancelled"),
    ):
        run_job(pipeline_of(outside(server, pool)), nobody, no_worker=5.0)


@pytest.mark.slow
def test_what_fails_in_a_worker_ends_the_job_with_its_last_line(server: str):
    def fail(word: str) -> str:
        raise ValueError(f"nobody thought of {word}")

    with (
        worker_pool() as (pool, _),
        pytest.raises(MachineError, match=r"The job failed: ValueError: nobody thought of a"),
    ):
        run_job(pipeline_of(outside(server, pool), fail), nobody)


def test_what_a_server_says_at_length_is_cut_where_a_word_begins():
    long = "word " * 200 + "ValueError: the cause."
    said = cause_of(RuntimeError(f"Traceback of another machine\n  {long}\n"))
    assert said.startswith("...word word ")
    assert said.endswith("word ValueError: the cause")
    assert len(said) < len(long)


# The pool itself.


def start(pool: str, control: str = "localhost:1") -> str:
    """Ask a pool for a worker; what it says that is wrong."""
    with grpc.insecure_channel(pool) as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        request = beam_fn_api_pb2.StartWorkerRequest(worker_id="w")
        request.control_endpoint.url = control
        return stub.StartWorker(request, timeout=PATIENCE).error


def stop(pool: str) -> None:
    with grpc.insecure_channel(pool) as channel:
        stub = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id="w"), timeout=PATIENCE)


@pytest.fixture
def control() -> Iterator[str]:
    """Somebody who takes workers' calls and never has work."""

    class Nothing(beam_fn_api_pb2_grpc.BeamFnControlServicer):
        def Control(self, requests, _):  # noqa: N802
            for _ in requests:
                pass
            yield from ()

    server = grpc.server(ThreadPoolExecutor(4))
    beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(Nothing(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(0).wait()


@pytest.mark.slow
def test_a_pool_needs_no_python_on_its_path(control: str):
    with worker_pool(PATH="/nowhere") as (pool, process):
        assert start(pool, control) == ""
        (worker,) = pooled(process)
        stop(pool)
        assert psutil.wait_procs([worker], timeout=PATIENCE)[1] == []


@pytest.mark.slow
def test_workers_end_with_their_pool_however_that_ends(control: str):
    with worker_pool() as (pool, process):
        assert start(pool, control) == ""
        theirs = pooled(process)
        assert len(theirs) == 1
        process.kill()
        assert psutil.wait_procs(theirs, timeout=PATIENCE)[1] == []


@pytest.mark.slow
def test_a_second_pool_at_an_address_says_that_there_is_one():
    with worker_pool() as (pool, _):
        port = pool.partition(":")[2]
        said = subprocess_output(
            [sys.executable, "-m", "videonet.execution.worker_pool", "--port", port]
        )
    assert "is another pool there?" in said
