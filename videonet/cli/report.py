"""`videonet report`: a page that shows what was built, and why, or what was trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videonet.cli.options import Out, place
from videonet.cli.terminal import Console
from videonet.errors import UsageError
from videonet.storage.places import is_remote
from videonet.text import as_shown

if TYPE_CHECKING:
    from videonet.report.page.content import Advice, PageFacts  # slow, and not needed for --help


def report(
    out: Out,
    store: Annotated[
        Any,
        typer.Option(
            parser=place, metavar="PLACE", help="The run's store; default: where the run had it."
        ),
    ] = None,
) -> None:
    """Write OUT/report/index.html: what was found, kept and thrown away, why, and with pictures.

    Of the folder of a training, RUN/report/index.html: what was trained, on what, whether it
    learned, and how fast. A page needs no server and no network. While a run goes on, it shows
    what is known by then.

    Example: videonet report out
    """
    # slow, and not needed for --help
    from videonet.report.training_page.facts import is_training

    if not is_remote(out) and is_training(Path(out)):
        _training(Path(out), store)
    else:
        _dataset(out, store)


def _training(run: Path, store: Path | str | None) -> None:
    from videonet.report.training_page.facts import facts_of
    from videonet.report.training_page.render import save_page

    if store is not None:
        raise UsageError(f"{run} holds a training, which has no store; leave --store out.")
    facts = facts_of(run)
    page = save_page(facts, run)
    console = Console(soft_wrap=True, highlight=False)
    console.print(page, markup=False)
    if facts.state != "finished":
        console.print(as_shown(f"{facts.state[:1].upper()}{facts.state[1:]}."), markup=False)
    for said in (f"{facts.title}: {facts.summary}", facts.learned, *facts.notices):
        # Names and words of a folder that may be a stranger's.
        console.print(as_shown(said), markup=False)


def _dataset(out: Path | str, store: Path | str | None) -> None:
    from videonet.report.facts import facts_of, store_of
    from videonet.report.page.render import render_page
    from videonet.storage.dataset_dir import DatasetDir

    facts = facts_of(out, store)
    page = DatasetDir(out).write_page("index.html", render_page(facts))
    console = Console(soft_wrap=True, highlight=False)
    console.print(page, markup=False)
    if facts.state != "finished":
        console.print(f"{facts.state[:1].upper()}{facts.state[1:]}.", markup=False)
    console.print(facts.summary, markup=False)
    thin = f"Too thin ({facts.thin_classes:,} classes)" if facts.thin_classes > 1 else "Too thin"
    _answer(console, thin, facts.thin, "no class is much thinner than the others.")
    if not facts.neighbours:
        _answer(console, "To drop", facts.drop, "no name stands out.")
    _answer(console, "To chase", facts.chase, "nothing failed.")
    console.print(_whereabouts(facts, store_of(out, store)), markup=False)


def _answer(console: Console, question: str, found: Sequence[Advice], nothing: str) -> None:
    """The first thing to say of a question, and how many more the page says."""
    more = f" ({len(found) - 1} more on the page)" if len(found) > 1 else ""
    console.print(f"{question}: {found[0].text if found else nothing}{more}", markup=False)


def _whereabouts(facts: PageFacts, store: Path | str | None) -> str:
    """Which store was read, or why none was: the page itself names no path of this machine."""
    if store is None:
        return (
            "Nothing says where the store of the run is, with its pictures; name it with --store."
        )
    if not is_remote(store) and not Path(store).is_dir():
        return f"The store {store}, with the pictures, is not here; name it with --store."
    if facts.kept_pictures or facts.rejected_pictures:
        return f"Pictures are from the store {store}."
    return facts.pictures_note or f"There are no pictures in the store {store}."
