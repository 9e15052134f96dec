"""`videonet merge`: several data sets become one."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from videonet.cli.options import place
from videonet.cli.terminal import Console
from videonet.text import number


def merge(
    outs: Annotated[
        list[str],
        typer.Argument(
            metavar="OUT...", help="Finished data sets: two or more.", show_default=False
        ),
    ],
    new: Annotated[
        Any,
        typer.Option(
            "--out",
            parser=place,
            metavar="PLACE",
            help="Where their union is written: a folder that is empty, or a bucket's.",
            show_default=False,
        ),
    ],
    shards: Annotated[
        int | None,
        typer.Option(
            help="Number of shards; default: a multiple of the most that one of them has.",
            min=1,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the union of data sets that were judged and cut in the same way.

    A video that several have is there once, with the labels of all; one that any has withdrawn or
    excluded is not. No frame is decoded, and the data sets stay as they are. The lock file of the
    union rebuilds it. Interrupted, the same command goes on.

    Example: videonet merge balloons sailboats --out both
    """
    from videonet.dataset.merge.merge import merge as unite

    console = Console(soft_wrap=True, highlight=False)
    done = unite(outs, new, shards, say=partial(console.print, markup=False))
    totals = done.manifest.totals
    lines = [
        f"{new}: {number(totals.kept_videos, 'video')}, {number(totals.clips, 'clip')} in "
        f"{number(done.manifest.settings.shards, 'shard')}, of {len(outs)} data sets and "
        f"{number(len(done.manifest.targets), 'class', 'classes')}.",
    ]
    if done.gone_on_from:
        lines.append(f"{number(done.gone_on_from, 'shard')} written by an earlier call.")
    else:
        # Of shards that are there already, it is not known.
        lines.append(
            f"{number(done.in_several, 'video')} kept by several: {done.other_contents:,} with "
            f"other contents, {done.other_clips:,} with other clips of the same content; of these, "
            "the best was taken."
        )
    if done.with_split:
        lines.append(
            f"The split of {' and '.join(done.with_split)} is not taken over; `videonet split "
            f"{new}` makes one."
        )
    for line in lines:
        console.print(line, markup=False)
