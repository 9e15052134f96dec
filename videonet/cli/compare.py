"""`videonet compare`: results of several models side by side."""

from pathlib import Path
from typing import Annotated

import typer

from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.files import drafted


def compare(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="TRAINING...", help="Folders of trainings, or of results."),
    ],
    paper: Annotated[
        bool, typer.Option("--paper", help="Show the paper's numbers beside them.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page (.html) or a table (.md), too."),
    ] = None,
) -> None:
    """Show the results of `videonet evaluate` side by side, with their intervals.

    Example: videonet compare run other-run --paper --out page.html
    """
    # Here, since the help of no command needs them, and they take long to import.
    from videonet.evaluation.about import UNCONFIRMED
    from videonet.evaluation.comparison import compare as compared
    from videonet.evaluation.comparison_text import (
        NO_DIFFERENCE,
        markdown,
        paper_lines,
        terminal_table,
    )
    from videonet.evaluation.page.render import render

    if out is not None and out.suffix not in (".html", ".md"):
        raise UsageError(f"{out} does not end with .html or .md; name another file with --out.")
    comparison = compared(folders, with_paper=paper)
    console = Console(soft_wrap=True, highlight=False)
    console.print(UNCONFIRMED, markup=False)
    console.print(terminal_table(comparison))
    for each in paper_lines(comparison):
        console.print(each, markup=False)
    console.print(NO_DIFFERENCE, markup=False)
    for each in comparison.left_out:
        console.print(f"Left out: {each}", markup=False)
    if out is None:
        return
    text = render(comparison) if out.suffix == ".html" else markdown(comparison)
    try:
        with drafted(out) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written ({error.strerror}); name another file with --out."
        ) from error
    console.print(f"  {out}", markup=False)
