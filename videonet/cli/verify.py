"""`videonet verify`: whether a data set is what its manifest says."""

import typer

from videonet.cli.options import Out
from videonet.cli.terminal import Console


def verify(
    out: Out,
) -> None:
    """Check every shard, clip and account of a data set; exit with 1 if anything is wrong.

    Example: videonet verify out
    """
    # slow, and not needed for --help
    from videonet.dataset.verify import verify
    from videonet.text import number, too_short

    console = Console(soft_wrap=True, highlight=False)
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
