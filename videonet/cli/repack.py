"""`videonet repack`: writes a data set of an earlier version in the newest layout."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from videonet.cli.options import Out, place
from videonet.cli.terminal import Console
from videonet.schemas.shard_form import LAYOUTS, NEWEST_LAYOUT
from videonet.text import file_size, number


def repack(
    out: Out,
    new: Annotated[
        Any,
        typer.Option(
            "--out",
            parser=place,
            metavar="PLACE",
            help="Where the data set is written: a folder that is empty, or a bucket's.",
            show_default=False,
        ),
    ],
    layout: Annotated[
        int, typer.Option(help="Layout of the shards: 1 or 2.", min=1, max=NEWEST_LAYOUT)
    ] = NEWEST_LAYOUT,
) -> None:
    """Write a data set that an earlier version made in the newest layout of its shards.

    Of that, training reads less; a reader that does not know it is given layout 1. No frame is
    decoded: pictures, labels, verdicts and counts stay as they are, and OUT, too. The command that
    made OUT goes on over the new place as well. Interrupted, the same command goes on.

    Example: videonet repack out --out repacked
    """
    from videonet.dataset.repack import repack as write_anew

    console = Console(soft_wrap=True, highlight=False)
    done = write_anew(str(out), str(new), LAYOUTS[layout - 1])
    console.print(
        f"{new}: {number(done.clips, 'clip')} in {number(done.shards, 'shard')}, "
        f"{file_size(done.bytes_before)} before and {file_size(done.bytes_now)} now.",
        markup=False,
    )
