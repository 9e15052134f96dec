"""`videonet show`: one video of a data set, as a page."""

from typing import Annotated, Any

import typer

from videonet.cli.options import Out, of_this_machine, place
from videonet.cli.terminal import Console
from videonet.errors import UsageError


def show(
    out: Out,
    video_id: Annotated[
        str, typer.Argument(metavar="VIDEO_ID", help="What its source calls it, or its video_key.")
    ],
    store: Annotated[
        Any,
        typer.Option(parser=place, help="Store of the run; the one that OUT names if not given."),
    ] = None,
    to: Annotated[
        Any,
        typer.Option(
            parser=of_this_machine,
            metavar="FILE.html",
            help="Where to write; OUT/report/show/ if not given.",
        ),
    ] = None,
    training_views: Annotated[
        bool, typer.Option("--training-views", help="Add what the trainer would see of it.")
    ] = False,
) -> None:
    """Show a video's verdicts, clips and first frames, with what was seen in each, on one page.

    The page is one HTML file that asks nothing of the web.

    Example: videonet show out dQw4w9WgXcQ
    """
    if to is not None and to.suffix.lower() != ".html":
        raise UsageError(f"--to {to} is no page; give a file that ends with .html.")
    # slow, and not needed for --help
    from videonet.report.video_sheet.load import load_view
    from videonet.report.video_sheet.page import file_name, save_sheet, sheet_of
    from videonet.report.video_sheet.view import sentence
    from videonet.storage.dataset_dir import DatasetDir

    view = load_view(out, video_id, store, training_views)
    if to is None:
        page = DatasetDir(out).write_page(f"show/{file_name(view.verdict)}", sheet_of(view))
    else:
        save_sheet(view, to)
        page = str(to)
    console = Console(soft_wrap=True, highlight=False)
    for each in view.verdicts:
        verdict, said = each.verdict, sentence(each, view.label_names)
        if verdict.reason is not None:
            said = f"{verdict.reason}, {verdict.reason.explanation}; {said}"
        console.print(f"{verdict.outcome} for {each.target.name}: {said}", markup=False)
        if verdict.error:
            console.print(f"  error     {verdict.error}", markup=False)
    for note in view.notes:
        console.print(note, markup=False)
    console.print(f"  page      {page}", markup=False)
