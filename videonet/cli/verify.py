"""`videonet verify`: whether a data set, or an export of one, is what it says it is."""

from typing import Any

import typer

from videonet.cli.options import Out
from videonet.cli.terminal import Console


def verify(
    out: Out,
) -> None:
    """Check every shard, clip and account of a data set; exit with 1 if anything is wrong.

    Of what `videonet export` wrote, the bytes and the counts are checked.

    Example: videonet verify out
    """
    # slow, and not needed for --help
    from videonet.dataset.verify import verify
    from videonet.export.folder import is_export
    from videonet.text import number, too_short

    console = Console(soft_wrap=True, highlight=False)
    if is_export(out):
        _verify_export(out, console)
        return
    found = verify(out)
    for warning in found.warnings:
        console.print(f"Warning: {warning}", markup=False)
    for problem in found.problems:
        console.print(problem, markup=False)
    if found.problems:
        console.print(f"{out}: {len(found.problems)} problems.", markup=False)
        raise typer.Exit(1)
    short = f" {too_short(found.too_short)}." if found.too_short else ""
    console.print(
        f"{out} is as its manifest says: {number(found.shards, 'shard')} with "
        f"{number(found.clips, 'clip')} of {number(found.videos, 'video')} "
        f"({number(found.frames, 'frame')}), {number(found.pairs, 'verdict')}.{short}",
        markup=False,
    )


def _verify_export(place: Any, console: Console) -> None:
    from videonet.export.verify import verify_export
    from videonet.text import number

    found = verify_export(place)
    for problem in found.problems:
        console.print(problem, markup=False)
    if found.problems:
        console.print(f"{place}: {len(found.problems)} problems.", markup=False)
        raise typer.Exit(1)
    counts = found.export.counts
    console.print(
        f"{place} is as its export.json says: {number(counts.clips, 'clip')} of "
        f"{number(counts.exported, 'video')} as {found.export.request.form}, of "
        f"{counts.kept:,} that the data set keeps.",
        markup=False,
    )
