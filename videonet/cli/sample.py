"""`videonet sample`: some clips of each class as loops, on one page, to be judged by eye."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from videonet.cli.interrupt import ended_by_signal
from videonet.cli.options import Out, of_this_machine
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.storage.places import is_remote
from videonet.text import file_size, number

# More on a page than a browser holds with ease: some 250 MB.
_MOST = 10_000


def sample(
    out: Out,
    per_class: Annotated[
        int, typer.Option(help="Most videos of each class; one clip of each.", min=1)
    ] = 10,
    page: Annotated[
        Any,
        typer.Option(
            "--out",
            parser=of_this_machine,
            metavar="FILE.html",
            help="Where to write; OUT/report/sample.html if not given.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="Name or id of a class; may be given several times. Without it, all classes.",
            show_default=False,
        ),
    ] = None,
    most: Annotated[
        int,
        typer.Option(help="Most clips on the page; of each class equally many.", min=1, max=_MOST),
    ] = 1_000,
    seed: Annotated[
        int, typer.Option(help="Another seed draws other videos.", min=0, max=2**63 - 1)
    ] = 0,
) -> None:
    """Write a page of clips as short loops, with labels and verdicts, for a person to judge.

    The page is one HTML file that asks nothing of the web. Marks that are made on it, keep or
    drop, are downloaded as a file; `videonet withdraw --from` takes out what is to be dropped.

    Example: videonet sample out --per-class 10 --out page.html
    """
    if page is not None and page.suffix.lower() != ".html":
        raise UsageError(f"--out {page} is no page; give a file that ends with .html.")
    if page is not None:
        _check_place(page, out)
    # slow, and not needed for --help
    from videonet.report.sample.choose import Asked
    from videonet.report.sample.gather import sample_of
    from videonet.report.sample.render import render_sample, save_page
    from videonet.storage.dataset_dir import DatasetDir

    asked = Asked(per_class, most, seed, tuple(classes or ()))
    with _told() as told:
        found = sample_of(out, asked, told)
        html = render_sample(found)
        if page is None:
            place = DatasetDir(out).write_page("sample.html", html)
        else:
            save_page(html, page)
            place = str(page)
    console = Console(soft_wrap=True, highlight=False)
    console.print(found.page.summary, markup=False)
    for note in found.page.notes:
        console.print(note, markup=False)
    size = file_size(len(html.encode()))
    console.print(f"{place}: {number(len(found.page.cards), 'clip')}, {size}", markup=False)


def _check_place(page: Path, out: Path | str) -> None:
    """Raises UsageError for a page in a folder that is not there, or among the files of OUT."""
    if not page.parent.is_dir():
        raise UsageError(f"--out {page}: {page.parent} is no folder; make it, or name another.")
    if is_remote(out):
        return
    place, dataset = page.resolve(), Path(out).resolve()
    if place.is_relative_to(dataset) and not place.is_relative_to(dataset / "report"):
        raise UsageError(
            f"--out {page} is among the files of {out}, which `videonet verify` checks; give a "
            "file outside of it, or in its folder report."
        )


@contextmanager
def _told() -> Iterator[Callable[[int, int], object]]:
    """Say how many clips are read, on a terminal; and what it means if that is interrupted."""
    console = Console(stderr=True)
    with ended_by_signal(console) as stopping:
        stopping.last_words = "Interrupted; no page was written."
        if not console.is_terminal:
            yield lambda _done, _of: None
            return
        with console.status("") as status:
            yield lambda done, of: status.update(f"clips: {done:,} of {of:,}")
