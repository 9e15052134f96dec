"""`videonet doctor`: what a run needs that is here, and what is missing."""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from videonet.cli.options import place
from videonet.cli.terminal import Console
from videonet.schemas.settings import Device

# By the word of a state: what stands before it, and its colour.
_MARKS = {
    "ok": ("✓", "green"),
    "missing": ("✗", "bold red"),
    "optional": ("○", "yellow"),
    "not needed": ("·", "dim"),
}


def doctor(
    source: Annotated[
        str,
        typer.Option(
            metavar="SOURCE",
            help="Where candidates are to come from: youtube, search:PREFIX, catalogue:FILE, "
            "folder:DIR, or store.",
        ),
    ] = "youtube",
    classifier: Annotated[
        str, typer.Option(metavar="MODEL", help="resnet50, or an ONNX file.")
    ] = "resnet50",
    store: Annotated[
        Any,
        typer.Option(
            parser=place,
            metavar="PLACE",
            help="Folder for videos and results, gs://BUCKET/PREFIX or s3://BUCKET/PREFIX.",
        ),
    ] = ".",
    device: Annotated[Device, typer.Option(help="Where the classifier is to run.")] = "auto",
    proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Proxy to ask the source through; may be repeated."),
    ] = None,
) -> None:
    """Say what a run with these options needs, what of it is here, and what to do about the rest.

    Takes some seconds, at most 5 of them for the network; fetches and changes nothing.
    Exit codes: 0 nothing is missing, 1 something is, 2 wrong input.

    Example: videonet doctor --source catalogue:videos.csv --store store
    """
    # Here, for it reads the metadata of packages, and --help need not.
    from videonet.doctor.examination import examine
    from videonet.doctor.finding import State

    with Console(stderr=True).status("Looking at this machine"):
        findings = examine(source, classifier, store, device, proxy or ())
    console = Console(highlight=False)
    table = Table("what", "state", show_lines=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        glyph, colour = _MARKS[finding.state]
        state = finding.state if console.options.ascii_only else f"{glyph} {finding.state}"
        found = Text(finding.found)
        if finding.advice:
            found.append(f"\nTo do: {finding.advice}", style="bold")
        table.add_row(finding.name, Text(state, style=colour, no_wrap=True), found)
    console.print(table)
    missing = dict.fromkeys(each.name for each in findings if each.state is State.MISSING)
    if missing:
        _say(console, f"Missing for a run from {source}: {', '.join(missing)}.")
        raise typer.Exit(1)
    _say(console, f"A run from {source} has what it needs.")


def _say(console: Console, sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)
