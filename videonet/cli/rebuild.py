"""`videonet rebuild`: a data set made again from its lock file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.interrupt import Stopping, ended_by_signal
from videonet.cli.options import with_options
from videonet.cli.outcome import exit_code
from videonet.cli.progress_line import progress_line
from videonet.cli.terminal import Console
from videonet.schemas.manifest import Manifest
from videonet.schemas.option import options_from
from videonet.schemas.reason import Reason
from videonet.schemas.settings import AccessOptions, RebuildOptions, RunOptions

if TYPE_CHECKING:
    # slow, and not needed for --help
    from videonet.dataset.lock_file import Lock
    from videonet.dataset.rebuild_diff import Missing, Rebuilt
    from videonet.execution.finished import Inputs
    from videonet.fetch.credentials import Credentials
    from videonet.schemas.progress import ClosedHost

# Some videos are gone, have other bytes or other clips, or the shards differ for no known reason.
INCOMPLETE = 1


@with_options(RunOptions, RebuildOptions, AccessOptions, in_rebuild=True)
def rebuild(
    lock: Annotated[
        str, typer.Argument(metavar="LOCK", help="The videos.lock.parquet of a data set.")
    ],
    **values: Any,
) -> None:
    """Make a data set again from its lock file, and say what is gone and what has changed.

    Nothing is searched for and nothing is classified. A video of which the store holds another
    version counts as changed; with a fresh store the web is asked. Interrupted, the same command
    goes on. Exit codes: 0 all is here, 1 some videos are gone, changed or cut otherwise, or shard
    files differ though all versions are the same, 2 wrong input, 3 no clip, or most failed,
    or a site kept refusing, 130 interrupted, 143 ended by SIGTERM.

    Example: videonet rebuild videos.lock.parquet --store store --out out
    """
    console = Console(stderr=True)
    options, run = options_from(RebuildOptions, values), options_from(RunOptions, values)
    given = options_from(AccessOptions, values)
    with ended_by_signal(console) as stopping:
        # --help needs none of these.
        from videonet.dataset.lock_file import read_lock
        from videonet.dataset.rebuild_diff import compared
        from videonet.execution.finished import look_before_rebuild
        from videonet.fetch.credentials import credentials_from
        from videonet.fetch.options import options_of
        from videonet.storage.dataset_dir import DatasetDir
        from videonet.storage.inputs import local_input
        from videonet.storage.locks import store_lock

        credentials = credentials_from(
            given, options_of(given.yt_dlp_option, from_command_line=True)
        )
        file = local_input(lock)
        opened = read_lock(file)
        output = DatasetDir(run.out)
        with store_lock(run.store), output.files.exclusive():
            inputs, before = look_before_rebuild(file, options, run, credentials)
            if before is None or not before.is_over:
                manifest, closed = _made(
                    console, stopping, opened, options, run, credentials, inputs
                )
            else:
                console.print("Nothing has changed since it was made.")
                manifest, closed = before.manifest, []
    rebuilt = compared(opened, output, manifest)
    show(Console(soft_wrap=True, highlight=False), output.address, rebuilt, closed)
    code = exit_code(manifest, output.lookup(), closed)
    raise typer.Exit(code or (0 if rebuilt.is_complete else INCOMPLETE))


def _made(
    console: Console,
    stopping: Stopping,
    lock: Lock,
    options: RebuildOptions,
    run: RunOptions,
    credentials: Credentials,
    inputs: Inputs,
) -> tuple[Manifest, Sequence[ClosedHost]]:
    """Make the data set; its manifest, and the hosts that were no longer asked."""
    # Beam is slow. What is finished needs none.
    from videonet.curation.context import open_context
    from videonet.dataset.account import hosts_no_longer_asked
    from videonet.dataset.rebuild_diff import other_versions
    from videonet.execution.execute import execute
    from videonet.execution.finished import remember_given
    from videonet.execution.rebuild import prepare_rebuild
    from videonet.pipelines.curate import curate as graph
    from videonet.storage.dataset_dir import DatasetDir

    def say(sentence: str) -> None:
        console.print(sentence, soft_wrap=True, markup=False, highlight=False)

    plan, credentials = prepare_rebuild(lock, options, run, credentials, say=say)
    remember_given(DatasetDir(plan.out), inputs)
    others = other_versions(lock)
    if others:
        say(
            f"The lock file was written with other versions; here is {', '.join(others)}. "
            "The bytes of clips may differ."
        )
    with open_context(plan, credentials) as context, progress_line(console, context.progress):
        stopping.counts = context.progress
        manifest = execute(context, graph)
    assert manifest is not None, "the run was one of this process"
    return manifest, hosts_no_longer_asked(context.output)


def show(console: Console, out: str, rebuilt: Rebuilt, closed: Sequence[ClosedHost]) -> None:
    """Print what is here again, and what is not."""
    console.print(f"{rebuilt.here:,} of {rebuilt.videos:,} videos are here again.")
    if rebuilt.gone:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in rebuilt.gone.items())
        number = sum(rebuilt.gone.values())
        console.print(f"{number:,} could not be had: {reasons}.")
        _list(console, rebuilt.first_gone, number)
    if rebuilt.changed:
        console.print(f"{rebuilt.changed:,} changed their bytes.")
        _list(console, rebuilt.first_changed, rebuilt.changed)
    if rebuilt.cut_otherwise:
        console.print(f"{rebuilt.cut_otherwise:,} were cut otherwise.")
        for each in rebuilt.first_cut_otherwise:
            console.print(
                f"  {each.video_id}  {each.url}  has {each.clips} clips, {each.same} of them as "
                f"locked; locked were {each.locked}",
                markup=False,
            )
        more = rebuilt.cut_otherwise - len(rebuilt.first_cut_otherwise)
        if more:
            console.print(f"  {more:,} more.")
    console.print(
        f"{rebuilt.same_shards:,} of {rebuilt.shards:,} shard files are the same to the byte."
    )
    _explain(console, rebuilt)
    for name, place in (("shards", "clips/"), ("verdicts", "verdicts/")):
        console.print(f"  {name:9} {out}/{place}", markup=False)
    for host in closed:
        console.print(
            f"{host.host} kept refusing and was no longer asked; run the same command again after "
            f"{host.until:%Y-%m-%d %H:%M} UTC.",
            markup=False,
        )
    if not closed and Reason.RATE_LIMITED in rebuilt.gone:
        console.print("A site refused; run the same command again in an hour or so.")


def _explain(console: Console, rebuilt: Rebuilt) -> None:
    """Print why files of clips differ though all videos are here with their clips."""
    others = rebuilt.shards - rebuilt.same_shards
    if not others or not rebuilt.has_all:
        return
    if rebuilt.other_versions:
        console.print(
            f"{others:,} shard files differ: they were written with other versions "
            f"({', '.join(rebuilt.other_versions)}).",
            markup=False,
        )
    else:
        console.print(
            f"{others:,} shard files differ, though all videos and versions are the same: this is "
            "not the same data set to the byte."
        )


def _list(console: Console, videos: Sequence[Missing], number: int) -> None:
    """Print some of `number` videos, and where the others stand."""
    for each in videos:
        error = f": {each.error}" if each.error else ""
        console.print(f"  {each.video_id}  {each.url}  {each.reason}{error}", markup=False)
    if number > len(videos):
        console.print(f"  {number - len(videos):,} more in verdicts/.")
