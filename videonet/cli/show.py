"""`videonet show`: one video of a data set, as a picture."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def show(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that a curation wrote.")],
    video_id: Annotated[
        str, typer.Argument(metavar="VIDEO_ID", help="What its source calls it, or its video_key.")
    ],
    store: Annotated[
        Path | None, typer.Option(help="Store of the run; the one that OUT names if not given.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Where to write; OUT/report/show/ if not given."),
    ] = None,
    training_views: Annotated[
        bool, typer.Option("--training-views", help="Add what the trainer would see of it.")
    ] = False,
) -> None:
    """Draw a video's verdicts, clips and first frames, with what was seen in each, as a PNG.

    Example: videonet show out dQw4w9WgXcQ
    """
    from videonet.report.video_sheet.strip import draw_strip, save_strip
    from videonet.report.video_sheet.video_view import (  # slow, and not needed for --help
        exhibit,
        file_name,
        sentence,
    )

    shown = exhibit(out, video_id, store, training_views)
    file = to or out / "report" / "show" / file_name(shown.verdict)
    save_strip(draw_strip(shown), file)
    console = Console(soft_wrap=True, highlight=False)
    for each in shown.judgements:
        said = sentence(each, shown.labels)
        console.print(f"{each.verdict.outcome} for {each.target.name}: {said}", markup=False)
    for note in shown.notes:
        console.print(note, markup=False)
    console.print(f"  picture   {file}", markup=False)
