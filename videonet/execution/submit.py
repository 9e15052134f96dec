"""A graph becomes a job of an engine: of a cluster that goes on with it, or one beside us."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    TestOptions,
)
from apache_beam.runners.runner import PipelineState

from videonet.errors import MachineError
from videonet.execution.engines import EngineError, find_job, state_of
from videonet.execution.job_note import job_of, note_job
from videonet.execution.quiet import quiet_connections
from videonet.execution.runner import Engine
from videonet.execution.served_job import cause_of, run_job, wait_for_job
from videonet.schemas.job import Job, JobState
from videonet.schemas.run import Plan
from videonet.storage.dataset_dir import DatasetDir

# Google's own service, which needs no note.
_DATAFLOW = "https://dataflow.googleapis.com"

# Where the launcher of a template wants a job's description; the job has its id by then.
_LAUNCH = re.compile(r"/template_launches/([A-Za-z0-9_-]+)/")

# Seconds for Flink to know a job whose graph it was given, and between two looks.
_KNOWN_WITHIN, _LOOK_EVERY = 300.0, 1.0


def submit(
    graph: Callable[[beam.Pipeline, Plan], object],
    plan: Plan,
    engine: Engine,
    options: PipelineOptions,
    output: DatasetDir,
    has_worker: Callable[[], bool],
    *,
    wait: bool,
) -> None:
    """Give a graph to an engine, note the job in OUT, and stay until it is done, if so wanted.

    `has_worker` says whether any worker has come yet.

    Raises MachineError where a cluster begins no job, or where the job fails or is cancelled
    meanwhile, and UsageError where an engine does not answer; of a job that runs beside this
    process, also what Beam raises.
    """
    if not engine.goes_on:
        pipeline = beam.Pipeline(runner=engine.runner, options=options)
        graph(pipeline, plan)
        if engine.is_served:
            run_job(pipeline, has_worker)
        else:
            pipeline.run().wait_until_finish()
        return
    job = _named(plan, engine, options)
    if engine.kind == "flink":
        # Whether it answers at all.
        find_job(job)
    is_made = not options.view_as(TestOptions).dry_run
    if is_made:
        # Who is killed between here and the answer leaves a name to look for.
        note_job(output, job)
    with quiet_connections():
        try:
            pipeline = beam.Pipeline(runner=engine.runner, options=options)
            graph(pipeline, plan)
            result = pipeline.run()
        except Exception as error:  # Beam's runners have none in common
            said = f"{engine.kind.capitalize()} did not take the job: {cause_of(error)}."
            raise MachineError(f"{said} The same command begins it again.") from error
        if is_made:
            _follow(job, result, engine, output, has_worker, wait=wait)


def _follow(
    job: Job,
    result: Any,
    engine: Engine,
    output: DatasetDir,
    has_worker: Callable[[], bool],
    *,
    wait: bool,
) -> None:
    """Note what a cluster calls a job that it has taken, and wait for its end, if so wanted."""
    if engine.kind == "flink":
        job = _known(job, result)
    elif getattr(result, "has_job", False):
        # Not so where Beam only makes a graph, or hands it to a template's launcher.
        job = msgspec.structs.replace(job, job_id=result.job_id())
    note_job(output, job)
    if wait:
        try:
            wait_for_job(result, has_worker)
        except MachineError as error:
            # Of a job that somebody has ended, Beam has nothing to say.
            with suppress(EngineError):
                if state_of(job) is JobState.CANCELLED:
                    raise MachineError(
                        f"{job.shown} was cancelled; the same command goes on."
                    ) from error
            raise


def _named(plan: Plan, engine: Engine, options: PipelineOptions) -> Job:
    """The note of a job of a cluster; its options have its name by then."""
    of_google = options.view_as(GoogleCloudOptions)
    if not of_google.job_name:
        of_google.job_name = f"videonet-{plan.run_id[:12]}-{plan.number}"
    if engine.kind == "flink":
        master = options.view_as(FlinkRunnerOptions).flink_master
        if "://" not in master:
            master = f"http://{master}"
        return job_of(plan, engine.kind, name=of_google.job_name, master=master)
    launched = _LAUNCH.search(str(of_google.template_location or ""))
    endpoint = (of_google.dataflow_endpoint or "").rstrip("/")
    return job_of(
        plan,
        engine.kind,
        name=of_google.job_name,
        project=of_google.project or "",
        region=of_google.region or "",
        job_id=launched[1] if launched else "",
        endpoint="" if endpoint == _DATAFLOW else endpoint,
    )


def _known(job: Job, result: Any) -> Job:
    """The note with Flink's id of a job, once the cluster has it: its graph is given by then."""
    give_up = time.monotonic() + _KNOWN_WITHIN
    while time.monotonic() < give_up:
        # A master that is busy now can answer the next time.
        job_id = None
        with suppress(EngineError):
            job_id = find_job(job)
        if job_id:
            return msgspec.structs.replace(job, job_id=job_id)
        if PipelineState.is_terminal(result.state):
            # It says why.
            wait_for_job(result, lambda: True)
            break
        time.sleep(_LOOK_EVERY)
    raise MachineError(
        f"{job.master} was given {job.shown} and does not know it after {_KNOWN_WITHIN:.0f} s; "
        "look at Flink's logs. The same command begins it again."
    )
