"""A plan becomes a finished OUT: the graph runs, and what it took is kept."""

import logging
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from videonet import stop_signal
from videonet.curation import progress
from videonet.curation.context import run_context
from videonet.errors import UsageError
from videonet.execution.prepare import runner_of
from videonet.fetch.entrusted import access_of
from videonet.fetch.rate_limit import Closed
from videonet.schemas.manifest import Manifest
from videonet.schemas.run import Plan
from videonet.storage.dataset_dir import DatasetDir
from videonet.storage.store import Store
from videonet.versions import versions

# Adds the transforms of a run to a pipeline: see `videonet.pipelines.curate`.
Graph = Callable[[beam.Pipeline, Plan], object]


def execute(plan: Plan, graph: Graph, beam_options: Sequence[str] = ()) -> Manifest | None:
    """Run the graph; the manifest, or None where only a graph was made or a job was begun.

    Raises UsageError for input that turns out to be wrong on the way. KeyboardInterrupt leaves OUT
    and the store so that the same plan, prepared again, goes on.
    """
    output = DatasetDir(Path(plan.out))
    begin = time.monotonic()
    facts: dict[str, object] = {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": plan.run_id,
        "command": access_of(plan.run_id).redaction.command(sys.argv),
        "plan": plan,
        "machine": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "beam": beam.__version__,
        "versions": versions(),
    }
    store, before = Store(Path(plan.store)), output.plan()
    # Of another store we know nothing, and may not touch it.
    known = before is not None and before.store == plan.store and before.run_id != plan.run_id
    progress.begin_anew(store, plan.run_id, before.run_id if before and known else None)
    # Now, so that whoever looks at a run that goes on knows which one it is.
    output.write_run_facts(facts)
    options = PipelineOptions(list(beam_options))
    runner = FnApiRunner() if plan.local else runner_of(beam_options)
    if plan.local:
        # What goes wrong in a stage comes back from it; Beam would print its traces besides.
        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    counts = run_context(plan).progress
    if plan.local:
        counts.begin()
    try:
        with (
            stop_signal.on_interrupt(),
            beam.Pipeline(runner=runner, options=options) as pipeline,
        ):
            graph(pipeline, plan)
    except Exception as error:
        if stop_signal.event.is_set():
            raise KeyboardInterrupt from error
        complaint = output.complaint()
        if complaint is None:
            raise
        raise UsageError(complaint) from error
    finally:
        counts.end()
    if not plan.local:
        return None
    facts["seconds"] = round(time.monotonic() - begin, 3)
    facts["stages"] = progress.costs_of(store, plan.run_id)
    facts["hosts_no_longer_asked"] = [
        {"host": each.host, "refusals": each.refusals, "until": each.until.isoformat()}
        for each in hosts_no_longer_asked(plan)
    ]
    output.write_run_facts(facts)
    return output.manifest()


def hosts_no_longer_asked(plan: Plan) -> list[Closed]:
    """The hosts that kept refusing this run until it left them alone, and when to come back."""
    return run_context(plan).web.politeness.closed()
