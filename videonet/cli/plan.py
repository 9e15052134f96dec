"""`videonet plan`: what a curation would bring and cost, from a pilot over a sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.configuration import Configuration, yt_dlp_options
from videonet.cli.interrupt import ended_by_signal
from videonet.cli.options import with_options
from videonet.cli.progress_line import progress_line
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.schemas.option import options_from
from videonet.schemas.settings import AccessOptions, CurateOptions, JobOptions, RunOptions

if TYPE_CHECKING:
    from videonet.curation.progress import Progress  # slow, and not needed for --help


@with_options(CurateOptions, RunOptions, JobOptions, AccessOptions)
def plan(
    context: typer.Context,
    config: Configuration = None,
    sample: Annotated[
        int, typer.Option(help="Candidates that the pilot looks at, videos.", min=1)
    ] = 200,
    prices: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.toml", help="Price table; default: the package's, whose path is printed."
        ),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the plan there as JSON, too.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Make another pilot, of what is not known by now.")
    ] = False,
    beam_options: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- BEAM OPTIONS]", help="As of videonet curate; not used."),
    ] = None,
    **values: Any,
) -> None:
    """Say what videonet curate would bring and cost, with the same options, before it is begun.

    A pilot looks at a sample of the candidates, on this machine. What it asks and downloads stays
    in the store, so that the run does not pay for it again; OUT is not written. The same command
    goes on where it was interrupted, and asks nothing once the pilot is done.

    Example: videonet plan --targets imagenet1k --source catalogue:videos.csv
    --store store --out out
    """
    from videonet.planning.prices import USUAL, read_prices

    console = Console(stderr=True)
    options, run = options_from(CurateOptions, values), options_from(RunOptions, values)
    given, job = options_from(AccessOptions, values), options_from(JobOptions, values)
    table = read_prices(prices)
    if json is not None and not Path(json).absolute().parent.is_dir():
        raise UsageError(f"--json {json} is in a folder that is not there; make it first.")

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)

    with ended_by_signal(console) as stopping:
        from videonet.fetch.credentials import credentials_from
        from videonet.pipelines.curate import list_candidates
        from videonet.planning import text
        from videonet.planning.forecast import forecast
        from videonet.planning.pilot import pilot_of

        @contextmanager
        def shown(progress: Progress) -> Iterator[None]:
            stopping.counts = progress
            with progress_line(console, progress):
                yield

        if beam_options or job.runner not in (None, "local"):
            say(
                "The pilot runs on this machine, and times are those of a run on this machine: an "
                "engine with more machines takes less where politeness does not set the time."
            )
        credentials = credentials_from(given, yt_dlp_options(context, config, given.yt_dlp_option))
        pilot = pilot_of(
            options, run, credentials, sample, list_candidates, again=again, say=say, shown=shown
        )
        found = forecast(pilot, options, run, table)
    if json is not None:
        _write(Path(json), found.to_json() + b"\n")
    out = Console()
    for part in (
        *text.sentences(found),
        text.totals(found),
        *text.remarks(found),
        f"Price table: {prices or USUAL}",
        text.classes(found),
        *text.of_classes(found),
    ):
        out.print(part, soft_wrap=isinstance(part, str), markup=False, highlight=False)


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise UsageError(
            f"--json {file} cannot be written ({error.strerror}); name a file of yours. The same "
            "command asks nothing again."
        ) from error
