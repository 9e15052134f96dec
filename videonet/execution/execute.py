"""A plan becomes a finished OUT: the graph runs, and what it took is kept."""

import logging
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from videonet.curation.context import RunContext
from videonet.curation.run_counts import RunCounts
from videonet.curation.run_progress import restart_counts
from videonet.dataset.account import close_account
from videonet.errors import UsageError
from videonet.execution.flink import flink_options
from videonet.execution.job_note import job_of, note_job
from videonet.execution.quiet import quiet_options
from videonet.execution.runner import engine_of, stays
from videonet.execution.submit import submit
from videonet.execution.worker_processes import watched_workers
from videonet.schemas.manifest import Manifest
from videonet.schemas.run import Plan
from videonet.stop_signal import Stopped, set_on_interrupt
from videonet.storage.handed_on import forget_handed_on
from videonet.storage.waiting_clips import hand_on_clips
from videonet.versions import versions

# Adds the transforms of a run to a pipeline: see `videonet.pipelines.curate`.
Graph = Callable[[beam.Pipeline, Plan], object]


def execute(
    context: RunContext,
    graph: Graph,
    beam_options: Sequence[str] = (),
    *,
    wait: bool | None = None,
) -> Manifest | None:
    """Run the graph; the manifest, or None where there is none yet.

    So it is where only a graph was made, a job was begun, or the graph is the beginning alone.

    What the run took is read in the store, to which all its processes have told it, and written
    into OUT. `wait`: whether to stay until the job is done; None: where it would end with this
    process.

    Raises UsageError for input that turns out to be wrong on the way. Raises Stopped once
    `context.stop` is set. Stopped and KeyboardInterrupt leave OUT and the store so that the same
    plan, prepared again, goes on.
    """
    plan, output, store, counts = context.plan, context.output, context.store, context.progress
    begin = time.monotonic()
    facts: dict[str, object] = {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": plan.run_id,
        "command": context.web.redaction.command(sys.argv),
        "plan": plan,
        "machine": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "beam": beam.__version__,
        "versions": versions(),
    }
    before = output.plan()
    # Of another store we know nothing, and may not touch it.
    known = before is not None and before.store == plan.store and before.run_id != plan.run_id
    earlier = before.run_id if before and known else None
    restart_counts(store, plan.run_id, earlier)
    hand_on_clips(store, plan.run_id, earlier)
    if earlier is not None:
        forget_handed_on(store, earlier)
    # Now, so that `videonet status` knows which run is at work.
    output.write_run_facts(facts)
    note_job(output, job_of(plan, engine_of(beam_options).kind))
    if plan.local:
        counts.begin()
    else:
        # What an earlier run stopped with is none of this one.
        output.complaint()
    carry_out(context, graph, beam_options, wait)
    manifest = output.manifest()
    if manifest is None:
        return None
    if plan.local:
        # Elsewhere the last stage does so, which knows that all is there.
        close_account(output, store, plan.run_id, time.monotonic() - begin)
    return manifest


def carry_out(
    context: RunContext,
    graph: Graph,
    beam_options: Sequence[str] = (),
    wait: bool | None = None,
) -> None:
    """Run a graph, and nothing else. Raises as `execute` does."""
    plan, output = context.plan, context.output
    try:
        with set_on_interrupt(context.stop):
            _run(graph, context, beam_options, wait)
    except Exception as error:
        if context.complaint is not None:
            raise context.complaint from error
        if context.stop.is_set():
            raise Stopped from error
        complaint = None if plan.local else output.complaint()
        if complaint is None:
            raise
        raise UsageError(complaint) from error
    finally:
        context.progress.end()


def _run(graph: Graph, context: RunContext, beam_options: Sequence[str], wait: bool | None) -> None:
    """Have Beam run the graph; until it has done so, unless that is not wanted."""
    plan = context.plan
    engine, typed = engine_of(beam_options), list(beam_options)
    if engine.processes:
        # In this process, Beam only hands out work.
        options = _Options(typed, direct_running_mode="in_memory")
        with _SILENCE, watched_workers() as workers:
            pipeline = beam.Pipeline(runner=workers.runner(), options=options)
            graph(pipeline, plan)
            workers.run(pipeline)
    elif engine.local:
        with (
            _SILENCE,
            beam.Pipeline(runner=FnApiRunner(), options=_Options(typed)) as pipeline,
        ):
            graph(pipeline, plan)
    else:
        told = RunCounts(context.store, plan.run_id)
        with quiet_options():
            submit(
                graph,
                plan,
                engine,
                _Options(flink_options(typed) if engine.kind == "flink" else typed),
                context.output,
                lambda: told.is_active,
                wait=stays(engine, wait, beam_options),
            )


_View = TypeVar("_View", bound=PipelineOptions)


class _Options(PipelineOptions):
    """Beam's options, which make each of their views once.

    Beam asks for six views for each transform, and a view builds a parser of its own: together a
    quarter of the processor time of a local run over a few videos.
    """

    def view_as(self, cls: type[_View]) -> _View:
        """The options as those of `cls`; all views share their values."""
        views: dict[type[_View], _View] = self.__dict__.setdefault("views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]


class _Silence:
    """While runs go on in this process, Beam logs nothing but what is critical.

    What goes wrong in a stage comes back from it; Beam would print its traces besides.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self._level = logging.NOTSET

    def __enter__(self) -> None:
        logger = logging.getLogger("apache_beam")
        with self._lock:
            if self._runs == 0:
                self._level = logger.level
                logger.setLevel(logging.CRITICAL)
            self._runs += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._runs -= 1
            if self._runs == 0:
                logging.getLogger("apache_beam").setLevel(self._level)


_SILENCE = _Silence()
