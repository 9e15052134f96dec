"""`videonet withdraw`: takes videos out of a data set for good."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.options import Out, place
from videonet.cli.terminal import Console
from videonet.text import number

if TYPE_CHECKING:
    from videonet.dataset.withdraw import TakenOut  # slow, and not needed for --help


def withdraw(
    out: Out,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID",
            help="video_id or video_key, as in OUT's verdicts; after -- if one begins with a dash.",
        ),
    ],
    store: Annotated[
        Any,
        typer.Option(
            parser=place,
            metavar="PLACE",
            help="Store that OUT was made from; without it, where OUT says that it is.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Take videos out of a data set, such as when their makers want it, for good.

    Their clips leave the shards, verdicts say so, the store deletes their bytes, clips and
    thumbnails. No run over OUT or the store takes them again. Interrupted, the same command goes
    on.

    Example: videonet withdraw out abcdefghijk
    """
    from videonet.dataset.withdraw import withdraw as take_out

    console = Console(soft_wrap=True, highlight=False)
    done = take_out(out, ids, store, say=partial(console.print, markup=False))
    for line in _account(out, done):
        console.print(line, markup=False)


def _account(out: Path | str, done: TakenOut) -> list[str]:
    """What was done, and what is left to do for the user."""
    lines = [
        f"{video.video_key} ({video.video_id!r}) "
        + ("is withdrawn." if video.video_key in done.new else "was withdrawn already.")
        for video in done.videos
    ]
    if done.rewritten or (done.new and done.finished):
        lines.append(
            f"{out}: {number(done.clips, 'clip')} taken out, "
            f"{number(done.verdicts, 'verdict')} changed, {done.rewritten:,} of "
            f"{number(done.shards, 'shard')} written again."
        )
    if not done.finished:
        lines.append(
            f"The run in {out} is not finished, and no shard has them: the same videonet command "
            "goes on and leaves them out."
        )
    if done.report:
        lines.append(f"{out}/report may have shown them and was deleted.")
    if done.store:
        lines.append(
            f"The store {done.store} has none of their bytes, clips or thumbnails and refuses "
            "them. Other data sets that were made from it may have them: withdraw them there, too."
        )
    elif done.unwritable:
        lines.append(
            f"The store {done.unwritable} cannot be written: only runs over {out} refuse them, and "
            "it may still have their bytes. Run the same command again as somebody who may write "
            "there."
        )
    else:
        lines.append(
            f"The store was not found: only runs over {out} refuse them, and it may still have "
            "their bytes. Run the same command again with --store DIR."
        )
    lines += [f"{file} is not the store's and was left alone." for file in done.in_place]
    return lines
