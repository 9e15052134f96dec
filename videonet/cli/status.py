"""`videonet status`: how far a run is, from any terminal that sees OUT and the store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from videonet.cli.interrupt import ended_by_signal
from videonet.cli.options import Out, place
from videonet.cli.outcome import exit_code
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.text import duration, file_size, number

if TYPE_CHECKING:
    # slow, and not needed for --help
    from videonet.report.job_seen import JobSeen
    from videonet.report.status import Floor, Status
    from videonet.schemas.progress import StageCost

_REFRESH = 2.0  # seconds

# Seconds that a host takes by its pace alone, from which that is worth a line.
_LONG = 600.0

# Exit code of a run that is over, and has made no data set.
NOT_FINISHED = 1


def status(
    out: Out,
    store: Annotated[
        Any,
        typer.Option(
            parser=place, metavar="PLACE", help="The run's store, where it is seen by another path."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and refresh until the run is over.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how far a run is: what is done and how fast, what is kept, what failed and why.

    Exit codes: that of the run once it is finished (0 or 3, see videonet curate), 1 it is over and
    not finished, 0 it goes on, 2 there is no run.

    Example: videonet status out --watch
    """
    if watch and as_json:
        raise UsageError("--watch and --json are two ways to look; give one of them.")
    import msgspec

    from videonet.curation.run_progress import Phase
    from videonet.report.status import status_of
    from videonet.schemas.shown import shown_json

    console = Console(highlight=False)
    # Where a signal ends it, nothing is said: it is the looking that ends, not the run.
    with ended_by_signal(Console(stderr=True, quiet=True)):
        seen = status_of(out, store)
        if watch:
            with Live(shown(seen), console=console, auto_refresh=False) as live:
                while seen.phase is not Phase.FINISHED and not (seen.job and seen.job.is_over):
                    time.sleep(_REFRESH)
                    seen = status_of(out, store)
                    live.update(shown(seen), refresh=True)
        elif as_json:
            typer.echo(shown_json(msgspec.json.encode(seen)).decode())
        else:
            console.print(shown(seen))
    raise typer.Exit(_code(seen, out))


def _code(seen: Status, out: Any) -> int:
    """The exit code of the run, as far as it is over."""
    from videonet.dataset.account import hosts_no_longer_asked
    from videonet.report.status import End
    from videonet.storage.dataset_dir import DatasetDir

    output = DatasetDir(out)
    manifest = output.manifest()
    if manifest is not None:
        return exit_code(manifest, output.lookup(), hosts_no_longer_asked(output))
    # Commands for what parts have left may come yet.
    is_over = seen.phase == "interrupted" and seen.end is not End.PARTS
    return NOT_FINISHED if is_over or (seen.job and seen.job.is_over) else 0


def shown(seen: Status) -> RenderableType:
    """A status as it is printed."""
    parts: list[RenderableType] = [Text(_headline(seen), style="bold")]
    if seen.silent is not None and seen.phase != "finished":
        parts.append(Text(_life(seen)))
    if seen.job is not None and seen.phase != "finished":
        parts.extend(map(Text, _job(seen.job)))
    if seen.floor is not None and seen.floor.seconds >= _LONG:
        parts.append(Text(_floor(seen.floor)))
    if seen.done:
        parts.append(_verdicts(seen))
    if seen.stages:
        parts.append(_stages(seen))
    return Group(*parts)


def _floor(floor: Floor) -> str:
    """What no machine makes faster."""
    return (
        f"{floor.host} has {floor.candidates:,} candidates left or more: at {floor.pace:g} "
        f"requests a second, that takes {duration(floor.seconds)} or longer, on however many "
        "machines."
    )


def shown_rate(rate: float) -> str:
    """So many pairs a second, such as "0.25/s" or "1,200/s"."""
    return f"{rate:.2g}/s" if rate < 10 else f"{rate:,.0f}/s"


def _headline(seen: Status) -> str:
    """What the run is at, and how far."""
    said = [f"{seen.done:,} of {seen.pairs:,}"] if seen.pairs else []
    if seen.phase == "finished":
        took = "" if seen.seconds is None else f"; the last attempt took {duration(seen.seconds)}"
        said = [f"{seen.pairs:,} pairs of video and class{took}"]
    elif not seen.pairs and seen.searched:
        said = [f"{seen.searched:,} of {seen.targets:,} classes searched"]
    if seen.rate is not None:
        said.append(shown_rate(seen.rate))
    if seen.seconds_left is not None:
        said.append(f"about {duration(seen.seconds_left)} left")
    return ": ".join([seen.phase, *([", ".join(said)] if said else [])])


def _life(seen: Status) -> str:
    """Who is at work, or how the work has ended."""
    from videonet.report.status import End

    silent = duration(seen.silent or 0)
    if seen.end is End.STOPPED:
        return f"It was stopped {silent} ago, and nothing is lost; the same command goes on."
    if seen.end is End.KILLED:
        return f"It was killed, {silent} ago or less; the same command goes on."
    if seen.end is End.PARTS:
        return (
            f"No part has been at work for {silent}. Those that are not done go on with the same "
            "command, and the one without --part does what is left."
        )
    if seen.phase == "interrupted":
        return f"No sign of life for {silent}: it may have been killed; the same command goes on."
    at_work = f"{seen.processes:,} process{'' if seen.processes == 1 else 'es'} at work"
    since = f" for {duration(seen.seconds)}" if seen.seconds is not None else ""
    return f"{at_work}{since}; last sign of life {silent} ago."


def _job(job: JobSeen) -> Iterator[str]:
    """What is said of a cluster's job; of a process of one machine, its signs of life say all."""
    if job.runner != "local":
        yield f"{job.name[0].upper()}{job.name[1:]}: {job.state}."
    if job.said:
        yield job.said


def _verdicts(seen: Status) -> Table:
    table = Table("pairs", "", "reason")
    table.columns[0].justify = "right"
    table.add_row(f"{seen.kept:,}", "kept", "")
    for outcome, counts in (("rejected", seen.rejected), ("failed", seen.failed)):
        table.add_section()
        for reason, count in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
            table.add_row(f"{count:,}", outcome, reason)
    return table


# What is counted of each stage, where it is not called as the stage is.
_PIECES = {
    "search": ("search", "searches"),
    "measure": ("measurement", "measurements"),
    "captions": ("look for captions", "looks for captions"),
    "write": ("written shard", "written shards"),
}


def _stages(seen: Status) -> Text:
    """What each stage took. Threads work beside each other, so it is more than the clock shows."""
    lines = ["So far, by all threads together:"]
    lines.extend(f"  {_cost(name, cost)}" for name, cost in seen.stages.items())
    return Text("\n".join(lines))


def _cost(stage: str, cost: StageCost) -> str:
    """A sentence such as "34 downloads took 49 s, 1.4 s each, for 3.5 MB."."""
    one, many = _PIECES.get(stage, (stage, f"{stage}s"))
    took = duration(cost.seconds)
    if not cost.items:
        return f"{many.capitalize()} took {took}, and none is done yet."
    each = f", {duration(cost.seconds / cost.items)} each" if cost.items > 1 else ""
    size = f", for {file_size(cost.bytes)}" if cost.bytes else ""
    return f"{number(cost.items, one, many)} took {took}{each}{size}."
