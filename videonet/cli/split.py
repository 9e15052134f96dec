"""`videonet split`: says which videos of a data set are trained on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.options import Out, place
from videonet.cli.terminal import Console
from videonet.schemas.split import Side, Unit, Why
from videonet.text import number

if TYPE_CHECKING:
    from videonet.dataset.split import Dropped, SplitDone  # slow, and not needed for --help


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
    stays on its side, unless it was to be trained on and a near-duplicate of it is held out, or
    its channel turns out to stand on the other side; then it is dropped. The trainer reads the
    file.

    Example: videonet split out --train 0.95 --by channel
    """
    from videonet.dataset.split import split as divide

    console = Console(soft_wrap=True, highlight=False)
    done = divide(out, train, by, store, say=partial(console.print, markup=False))
    for line in _account(str(out), done):
        console.print(line, markup=False)


def _account(out: str, done: SplitDone) -> list[str]:
    """What came of it."""
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
    return lines + [_dropped(each) for each in done.dropped]


def _dropped(some: Dropped) -> str:
    """Which videos are dropped from now on, and why."""
    from videonet.dataset.split import SHOWN

    before = {
        None: "new and dropped",
        Side.TRAIN: "trained on before and dropped from now on",
        Side.VAL: "held out before and dropped from now on",
    }[some.stood]
    if some.why is Why.CHANNEL:
        elsewhere = "trained on" if some.stood is Side.VAL else "held out"
        why = f"the channel, unknown or another one before, is {elsewhere}"
    elif some.stood is None:
        why = "the channel is trained on and near-duplicates are held out"
    else:
        why = "near-duplicates are held out"
    more = len(some.videos) - SHOWN
    return (
        f"{number(len(some.videos), 'video')} {before}, as {why}: "
        f"{', '.join(some.videos[:SHOWN])}{f' and {more:,} more' if more > 0 else ''}"
    )
