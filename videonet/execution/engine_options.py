"""What a user says of the engine, made whole: whose job it is, and what that one needs besides."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from videonet.errors import UsageError
from videonet.execution import dataflow
from videonet.execution.runner import engine_of, stays, with_runner
from videonet.schemas.settings import CurateOptions, JobOptions, RunOptions


class Fitted(NamedTuple):
    """The options of a run, Beam's, and whether the command stays until the job is done."""

    run: RunOptions
    beam_options: list[str]
    wait: bool
    # whether the job goes on when the command ends
    goes_on: bool


def fitted(
    options: CurateOptions,
    run: RunOptions,
    job: JobOptions,
    beam_options: Sequence[str],
    typed: Collection[str] = (),
) -> Fitted:
    """All options as the engine that is named needs them.

    `typed` are the names of the options of a run that a user gave. Raises UsageError for options
    that exclude each other, that Beam does not take, or that the engine lacks.
    """
    beam_options = with_runner(job.runner, beam_options)
    engine = engine_of(beam_options)
    wait = stays(engine, job.wait, beam_options)
    if engine.kind == "dataflow":
        run, beam_options = dataflow.fitted(options, run, beam_options, typed)
    elif run.accelerator is not None or run.scan_memory is not None:
        raise UsageError(
            "--accelerator and --scan-memory choose machines of Dataflow; leave them out, or give "
            "--runner dataflow."
        )
    return Fitted(run, list(beam_options), wait, engine.goes_on)
