"""`videonet train`: VITO on the clips of a data set."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from videonet.cli.interrupt import ended_by_interrupt
from videonet.errors import UsageError
from videonet.vito import needed_for


def train(
    data: Annotated[str, typer.Option(metavar="OUT", help="Folder that a curation wrote.")],
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder of the training run.")],
    config: Annotated[
        str, typer.Option(metavar="NAME|FILE.toml", help="What to train, and how.")
    ] = "vito_resnet50",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="TABLE.NAME=VALUE", help="Change one setting. Repeatable."),
    ] = None,
) -> None:
    """Train a network on a data set, or go on where the run in RUN was.

    Checkpoints, log.jsonl, TensorBoard's files (where it is installed) and pictures of the
    attention go to RUN.

    Example: videonet train --data out --out run --config vito_tiny --set train.seed=1
    """
    with needed_for("videonet train"):
        from videonet.vito.config import load
        from videonet.vito.train import train as carry_out

    if "://" in data:
        raise UsageError(f"Only folders can be trained on as yet; copy {data} into one.")
    console = Console(soft_wrap=True, highlight=False)
    with ended_by_interrupt(console):
        last = carry_out(load(config, settings or ()), Path(data), out, console)
    if os.environ.get("RANK", "0") != "0":
        return
    console.print(f"  checkpoint   {last}", markup=False)
    for picture in sorted((out / "pictures").glob("attention-*.png"))[-1:]:
        console.print(f"  attention    {picture}", markup=False)
    console.print(f"  features     videonet export {out} --to timm", markup=False)
