"""`videonet split`: says which videos of a data set are trained on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.options import Out, place
from videonet.cli.terminal import Console
from videonet.schemas.split import Side, Unit
from videonet.text import number

if TYPE_CHECKING:
    from videonet.dataset.split import SplitDone  # slow, and not needed for --help


def split(
    out: Out,
    train: Annotated[
        float | None,
        typer.Option(
            help="Share that is trained on, 0 to 1; default: as OUT is split, or 0.95.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        Unit | None,
        typer.Option(
            help="What is never on both sides; default: as OUT is split, or video.",
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        Any,
        typer.Option(
            parser=place,
            metavar="PLACE",
            help="Store that OUT was made from, which knows how clips look; without it, where OUT "
            "says that it is.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say which videos of a data set are trained on, and which are held out: OUT/split.parquet.

    Near-duplicates never stand on both sides. Run it again when the data set has grown: a video
    stays on its side, unless it was to be trained on and a near-duplicate of it is held out; then
    it is dropped. The trainer reads the file.

    Example: videonet split out --train 0.95 --by channel
    """
    from videonet.dataset.split import split as divide

    console = Console(soft_wrap=True, highlight=False)
    done = divide(out, train, by, store, say=partial(console.print, markup=False))
    for line in _account(str(out), done):
        console.print(line, markup=False)


def _account(out: str, done: SplitDone) -> list[str]:
    """What came of it."""
    from videonet.dataset.split import SHOWN
    from videonet.storage.split_file import SPLIT_FILE

    sides = done.sides
    lines = [
        f"{out}/{SPLIT_FILE}, {done.header.train:g} by {done.header.by}"
        f"{'' if done.changed else ', as before'}: "
        f"{number(sides[Side.TRAIN], 'video')} to train on, {sides[Side.VAL]:,} held out, "
        f"{sides[Side.DROPPED]:,} dropped; {done.new:,} of them new.",
        f"{number(done.in_clusters, 'video')} in {number(done.clusters, 'cluster')} of "
        "near-duplicates, each on one side.",
    ]
    if done.without_channel is not None:
        lines.append(f"{number(done.without_channel, 'video')} without a channel, split by video.")
    if done.dropped:
        more = len(done.dropped) - SHOWN
        lines.append(
            f"{number(len(done.dropped), 'video')} trained on before and dropped from now on, as "
            f"near-duplicates are held out: {', '.join(done.dropped[:SHOWN])}"
            f"{f' and {more:,} more' if more > 0 else ''}"
        )
    return lines
