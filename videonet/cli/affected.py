"""`videonet affected`: which data sets, exports and trainings hold a video."""

from pathlib import Path
from typing import Annotated, Any

import typer

from videonet.cli.options import of_this_machine
from videonet.cli.terminal import Console
from videonet.text import as_shown, number

# Something holds the video; nothing does, as far as could be told, but not all could.
HELD, UNTOLD = 1, 3


def affected(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="A video_id or a video_key.")],
    root: Annotated[
        Any,
        typer.Option(
            parser=of_this_machine, metavar="DIR", help="The folder that is looked through."
        ),
    ] = Path(),
) -> None:
    """Say which data sets, exports and trainings below a folder hold a video.

    A training is named if its data set held the video when it was begun, also where the video was
    withdrawn since. Data sets are named, too, that were made of one that held it. Links are not
    followed. Exit codes: 0 nothing holds it, 1 something does, 2 wrong input, 3 nothing was found,
    and not all could be told.

    Example: videonet affected abcdefghijk --root /data
    """
    from videonet.report.affected import affected as look

    console = Console(soft_wrap=True, highlight=False)
    found = look(video, root)
    for each in found.holders:
        line = f"{each.kind}  {as_shown(str(each.folder))}  {as_shown(each.said)}"
        console.print(line, markup=False)
    for sentence in found.untold:
        console.print(f"not told: {as_shown(sentence)}", markup=False)
    holding = sum(each.holds for each in found.holders)
    console.print(
        f"{number(found.looked_at, 'folder')} looked at: {holding:,} of them "
        f"{'holds' if holding == 1 else 'hold'} {as_shown(video)}.",
        markup=False,
    )
    raise typer.Exit(HELD if found.holds else UNTOLD if found.untold else 0)
