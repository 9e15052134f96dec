"""`videonet curate`: the whole job."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from videonet.cli.configuration import Configuration, yt_dlp_options
from videonet.cli.curate_part import LIST, list_that_is_there, part_from, show_list, show_part
from videonet.cli.interrupt import Stopping, ended_by_signal
from videonet.cli.options import with_options
from videonet.cli.outcome import exit_code, show_nothing_to_do, show_outcome
from videonet.cli.progress_line import progress_line
from videonet.cli.terminal import Console
from videonet.schemas.option import options_from
from videonet.schemas.run import Part
from videonet.schemas.settings import (
    AccessOptions,
    CurateOptions,
    JobOptions,
    PartOptions,
    RunOptions,
)
from videonet.text import number
from videonet.training.torch_extra import needed_for

if TYPE_CHECKING:
    # slow, and not needed for --help
    from videonet.fetch.credentials import Credentials
    from videonet.storage.dataset_dir import DatasetDir


@with_options(CurateOptions, RunOptions, JobOptions, AccessOptions, PartOptions)
def curate(
    context: typer.Context,
    config: Configuration = None,
    beam_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- BEAM OPTIONS]", help="What follows -- goes to Beam."),
    ] = None,
    **values: Any,
) -> None:
    """Build a data set: look up titles, download, classify first frames, cut clips, write shards.

    Interrupted, the same command goes on. Exit codes: 0 done, 2 wrong input, 3 no clip, or most
    failed, or a site kept refusing, 130 interrupted, 143 ended by SIGTERM.

    Example: videonet curate --targets imagenet1k --source catalogue:videos.csv
    --store store --out out
    """
    # --help needs neither.
    from videonet.storage.dataset_dir import DatasetDir
    from videonet.storage.locks import store_lock
    from videonet.storage.places import absolute

    console = Console(stderr=True)
    options, run = options_from(CurateOptions, values), options_from(RunOptions, values)
    if options.embedding is not None and options.embedding.startswith("timm:"):
        options = _with_embedding_file(options, options.embedding)
    given, job = options_from(AccessOptions, values), options_from(JobOptions, values)
    output = DatasetDir(absolute(run.out))
    part = part_from(values["part"], beam_options, job)
    with (
        ended_by_signal(console) as stopping,
        store_lock(run.store),
        # Parts leave OUT as it is, and work beside each other.
        nullcontext() if isinstance(part, Part) else output.files.exclusive(),
    ):
        # Beam is slow. What needs none comes first: wrong settings, and a run with nothing to do.
        from videonet.execution.finished import look_before, remember_given
        from videonet.fetch.credentials import credentials_from

        credentials = credentials_from(given, yt_dlp_options(context, config, given.yt_dlp_option))
        if isinstance(part, Part):
            _do_part(part, options, run, credentials, stopping, console)
            return
        inputs, before = look_before(options, run, credentials)
        of_beam, wait = beam_options or [], True
        names = {name for name in values if _is_given(context, name)}
        if of_beam or names & {"runner", "wait", "accelerator", "scan_memory"}:
            from videonet.execution.engine_options import fitted

            run, of_beam, wait, goes_on = fitted(options, run, job, of_beam, names)
            if goes_on:
                stopping.last_words = (
                    f"Interrupted; a job that has begun goes on: videonet status {output.address} "
                    f"says how far it is, and videonet cancel {output.address} ends it."
                )
        if before is not None and before.is_over:
            show_nothing_to_do(Console(), output.address, before.manifest)
            raise typer.Exit(exit_code(before.manifest, before.lookup, ()))

        from videonet.curation.context import open_context
        from videonet.curation.run_counts import RunCounts
        from videonet.dataset.account import hosts_no_longer_asked
        from videonet.execution.execute import execute
        from videonet.execution.prepare import prepare
        from videonet.pipelines.curate import curate as whole
        from videonet.pipelines.curate import list_candidates

        def say(sentence: str) -> None:
            console.print(sentence, soft_wrap=True, markup=False, highlight=False)

        for note in inputs.notes:
            say(note)
        same_list = before is not None
        if before is not None:
            failures = before.to_try_again + before.captions
            say(f"{number(failures, 'failure')} may pass another time: trying again")
        found = list_that_is_there(output, options, run, credentials) if part == LIST else None
        if found is not None:
            raise typer.Exit(show_list(Console(), options, found, ()))
        was = output.manifest()
        plan = prepare(options, run, credentials, of_beam, same_list=same_list, say=say)
        remember_given(output, inputs)
        with open_context(plan, credentials) as at_work:
            counts = at_work.progress if plan.local else RunCounts(at_work.store, plan.run_id)
            stopping.counts = counts
            with progress_line(console, counts):
                graph = list_candidates if part == LIST else whole
                manifest = execute(at_work, graph, of_beam, wait=wait)
    lookup = output.lookup()
    if part == LIST and lookup is not None:
        closed = at_work.web.rate_limiter.closed_hosts()
        raise typer.Exit(show_list(Console(), options, lookup, closed))
    if manifest is None:
        _show_begun(say, output)
        return
    closed = hosts_no_longer_asked(output)
    show_outcome(Console(), plan, manifest, output.targets(), lookup, closed, before)
    if output.has_report() and manifest != was:
        say(
            f"{output.address}/report shows what was: make it again with "
            f"videonet report {output.address}"
        )
    raise typer.Exit(exit_code(manifest, lookup, closed))


def _with_embedding_file(options: CurateOptions, named: str) -> CurateOptions:
    """The same options with an ONNX file in place of the name of a timm model."""
    with needed_for("--embedding timm:NAME", "evaluate"):
        from videonet.evaluation.embedding_file import embedding_file

        return msgspec.structs.replace(options, embedding=str(embedding_file(named)))


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option was typed, or stands in a configuration."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def _show_begun(say: Callable[[str], object], output: DatasetDir) -> None:
    """Print the id of the job that was begun, for programs, and what a person does with it."""
    from videonet.execution.job_note import noted_job

    job = noted_job(output)
    if job is None or not job.name:
        say("The graph was made, and no job was begun.")
        return
    typer.echo(job.job_id or job.name)
    say(
        f"{job.shown} has begun, and goes on by itself: videonet status {output.address} says how "
        f"far it is, and videonet cancel {output.address} ends it."
    )


def _do_part(
    part: Part,
    options: CurateOptions,
    run: RunOptions,
    credentials: Credentials,
    stopping: Stopping,
    console: Console,
) -> None:
    """Look at a part of the candidate list of a run that another command has begun."""
    from videonet.curation.context import open_context
    from videonet.execution.execute import carry_out
    from videonet.execution.parts import as_part
    from videonet.execution.prepare import prepare
    from videonet.pipelines.curate import look_at_part

    plan = prepare(options, run, credentials, part=part)
    with open_context(plan, credentials) as at_work:
        counts = at_work.progress
        stopping.counts = counts
        with progress_line(console, counts), as_part(at_work):
            carry_out(at_work, look_at_part)
    show_part(Console(), part, counts.now())


def beam_command() -> Callable[[], object]:
    """`videonet curate` as a Beam main takes it: what is not its own option is Beam's."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    settings = {
        "ignore_unknown_options": True,
        # Beam writes its options with "_"; ours may be written so among them.
        "token_normalize_func": lambda name: name.replace("_", "-"),
    }
    app.command(context_settings=settings)(curate)
    return typer.main.get_command(app)
