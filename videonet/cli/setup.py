"""`videonet classifier` and `videonet wordnet`: what a run needs beside the videos."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from videonet.cli.terminal import Console

classifier_app = typer.Typer(
    help="Fetch the default classifier; look at any.", no_args_is_help=True
)
wordnet_app = typer.Typer(help="Make WordNet available.", no_args_is_help=True)


@classifier_app.command()
def fetch() -> None:
    """Fetch the default ResNet-50 (103 MB) into the cache, checked; go on if it was interrupted.

    Example: videonet classifier fetch
    """
    from videonet.classifier.download import fetch_default  # slow, and not needed for --help

    Console(soft_wrap=True).print(f"The default classifier is at {fetch_default()}.")


@classifier_app.command()
def show(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="resnet50, or an ONNX file.")
    ] = "resnet50",
) -> None:
    """Show a classifier's input, output, labels and preprocessing.

    Example: videonet classifier show model.onnx
    """
    from videonet.classifier.model import describe

    table = Table(show_header=False, box=None)
    for name, value in describe(model).items():
        table.add_row(name, value)
    Console().print(table)


@wordnet_app.command()
def install(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Folder of WordNet 3.0 dict files, such as /usr/share/wordnet of Debian's "
            "wordnet-base; without it, nltk's downloader is used.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="nltk data folder to install into; default: nltk's own."),
    ] = None,
) -> None:
    """Make WordNet 3.0 available to nltk, for class lists other than imagenet1k.

    Example: videonet wordnet install --from /usr/share/wordnet
    """
    from videonet.targets import wordnet

    Console(soft_wrap=True).print(f"WordNet is at {wordnet.install(source, to)}.")


@wordnet_app.callback()
def _keep_as_a_group() -> None:
    """Make WordNet available."""
